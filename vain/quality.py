"""Why a point of the history is missing or doubtful: the causes, and how the clocks give them away.

Three clocks tell what happened between two looks at the machine. The boot clock runs on while the machine sleeps, the
monotonic one stands still, so their difference grows by the time asleep; the time of day and the boot clock drift apart
only when somebody sets the time (``clock_gettime(2)``). Pure: times are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, get_args

from msgspec import Struct

Cause = Literal[
    "stopped", "asleep", "clock-set", "late", "not-stored", "reset", "unreachable", "first", "unread", "unknown"
]
CAUSES: tuple[Cause, ...] = get_args(Cause)
MEANINGS: Mapping[str, str] = {
    "stopped": "vAIn did not run",
    "asleep": "the machine slept",
    "clock-set": "the time of day was set: forward, and this time never was; back, and it was twice",
    "late": "the machine or vAIn was too busy to look",
    "not-stored": "samples were taken but could not be written to disk",
    "reset": "a counter fell back (a device was reset or replaced), so its rate is not known",
    "unreachable": "the file system did not answer",
    "first": "a rate needs two samples",
    "unread": "the system did not tell",
    "unknown": "no sample, and no reason was noted",
}
"""Each cause in words for people."""

ASLEEP_SECONDS = 1.0
STEP_SECONDS = 0.5
"""A time of day that moved by less than this against the boot clock was not set, only slewed by NTP."""
FAR_SECONDS = 86_400.0
LATE_PERIODS = 2.5
"""Two looks that are further apart than this many periods have at least one missing between them."""


class Span(Struct, frozen=True):
    """From ``begin`` to ``end`` (Unix seconds) values are missing or doubtful. ``series`` is None for all of them."""

    cause: Cause
    begin: float
    end: float
    series: str | None = None


class Moment(NamedTuple):
    """One look at the clocks, all in seconds: time of day, monotonic, since boot (with the time asleep)."""

    wall: float
    monotonic: float
    since_boot: float


def between(earlier: Moment, later: Moment, period_seconds: float) -> list[Span]:
    """What happened between two looks that belong next to each other; usually nothing.

    A clock that was set back gives the span of the times that were there twice. One that was set by more than
    ``FAR_SECONDS`` was wrong before or is wrong now, and nobody knows for how long: only the moment is told.
    """
    passed = later.monotonic - earlier.monotonic
    slept = (later.since_boot - earlier.since_boot) - passed
    stepped = (later.wall - earlier.wall) - (later.since_boot - earlier.since_boot)
    spans: list[Span] = []
    low, high = sorted((earlier.wall, later.wall))
    if slept > ASLEEP_SECONDS:
        spans.append(Span("asleep", low, high))
    if abs(stepped) > FAR_SECONDS:
        return [Span("clock-set", later.wall, later.wall)]
    if abs(stepped) > STEP_SECONDS:
        spans.append(Span("clock-set", low, high))
    if passed > LATE_PERIODS * period_seconds:
        spans.append(Span("late", low, high))
    return spans


def since_last_run(last: float, first: float, period_seconds: float) -> list[Span]:
    """Between the newest stored sample and the first of this run (Unix seconds).

    A newest sample that is far ahead was taken while the clock was wrong; how long that lasted nobody knows.
    """
    if first < last:
        return [Span("clock-set", first, last)] if last - first < FAR_SECONDS else []
    return [Span("stopped", last, first)] if first - last > LATE_PERIODS * period_seconds else []


class MissingSeries:
    """Turns what each sample says of its missing values into spans, one for each series and cause, as they go on.

    ``note`` gives the spans that began, ended, or have been open for ``REPEAT_SECONDS`` since they were last given; a
    span that is given again has the same cause, series and ``begin`` and replaces the one before.
    """

    REPEAT_SECONDS = 60.0

    def __init__(self) -> None:
        self._open: dict[tuple[str, Cause], tuple[float, float, float]] = {}
        """By series and cause: begin, newest time seen, newest time given."""

    def note(self, t: float, missing: Mapping[str, Cause]) -> list[Span]:
        """Take in one sample at ``t`` (Unix seconds): ``missing`` has the cause for each series without a value."""
        # A clock that was set back: what was missing until then is a stretch of its own.
        given = self.close() if any(t < seen for _, seen, _ in self._open.values()) else []
        for key, (begin, seen, _) in list(self._open.items()):
            if missing.get(key[0]) != key[1]:
                del self._open[key]
                given.append(Span(key[1], begin, seen, key[0]))
        for key in missing.items():
            begin, _, told = self._open.get(key, (t, t, float("-inf")))
            if t - told >= self.REPEAT_SECONDS:
                given.append(Span(key[1], begin, t, key[0]))
                told = t
            self._open[key] = begin, t, told
        return given

    def close(self) -> list[Span]:
        """What is open, up to where it was seen."""
        spans = [Span(cause, begin, seen, series) for (series, cause), (begin, seen, _) in self._open.items()]
        self._open.clear()
        return spans
