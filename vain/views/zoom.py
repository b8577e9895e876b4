"""What a browser asks of the past, and the one question to the history that answers it. Pure.

A question is aligned to whole steps, so that pages which look at the same time share one answer, and a chart that is
read again keeps its buckets.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct

from vain.bands import MetricQuery
from vain.codec import decode, encode
from vain.errors import Invalid, Malformed
from vain.patterns import exactly
from vain.steps import bucket_count, step_for
from vain.views.live import WINDOWS_SECONDS

LAST_SECONDS: Final = (86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400)
POINTS_PER_PIXEL: Final = 0.75
POINTS_STEP: Final = 250
"""Points are asked for in multiples of this: windows of nearly the same width are then the same question."""
MOST_POINTS: Final = 2_000
SHORTEST_SECONDS: Final = 1.0
LATEST_SECONDS: Final = 253_370_764_800.0
"""The year 9999, where calendars end."""
MARGIN: Final = 0.25
"""So much of a window is read on either side of one that a hand moves: a short drag then finds it there."""
GAP_ROWS: Final = 32
"""Samples that come as they are bring a row for each gap."""
LONGEST_ZONE: Final = 64
LONGEST_REQUEST: Final = 2**53

Kind = Literal["live", "last", "fixed"]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """One wish of the browser; ``request`` comes back with its answer.

    ``live``: the newest ``seconds``, moving. ``last``: the ``seconds`` until now, renewed now and then. ``fixed``: from
    ``after`` to ``before`` (Unix seconds). ``by_hand``: the axis was dragged or zoomed, and stays where it is.
    """

    kind: Kind
    request: Annotated[int, Meta(ge=0, le=LONGEST_REQUEST)] = 0
    seconds: float | None = None
    after: float | None = None
    before: float | None = None
    width_pixels: Annotated[float, Meta(ge=1, le=1e6)] = 600
    by_hand: bool = False
    timezone: str = "UTC"

    @property
    def points(self) -> int:
        """How many points fit the width of a chart, at most ``MOST_POINTS``."""
        return min(MOST_POINTS, ceil(self.width_pixels * POINTS_PER_PIXEL / POINTS_STEP) * POINTS_STEP)


class Reach(Struct, frozen=True):
    """A stretch of the history as it was read: ``step_seconds`` 0 for every sample."""

    after: float
    before: float
    step_seconds: float

    def holds(self, other: Reach) -> bool:
        """Whether ``other`` would bring nothing that is not here."""
        return self.step_seconds == other.step_seconds and self.after <= other.after and other.before <= self.before


def read_wanted(message: Any) -> Wanted:
    """The message as a wish. Raises Invalid or Malformed, also for a window that no control offers."""
    try:
        body = encode(message)
    except (TypeError, ValueError) as error:
        raise Malformed("The page sent something that is not JSON.") from error
    # NaN and the infinities have become null on the way, and are then missing.
    wanted = decode(Wanted, body)
    if wanted.kind == "fixed":
        _check_window(wanted.after, wanted.before)
    elif wanted.seconds not in (WINDOWS_SECONDS if wanted.kind == "live" else LAST_SECONDS):
        raise Invalid("This length of time is not offered.")
    return wanted


def zone_of(name: str) -> str:
    """The IANA name of a time zone if it is one; else ``UTC``."""
    if len(name) > LONGEST_ZONE:
        return "UTC"
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return "UTC"
    return name


def reach_of(after: float, before: float, points: int, period_seconds: float, by_hand: bool = False) -> Reach:
    """What to read so that a window (Unix seconds) is shown in about ``points`` points, in whole steps."""
    step_seconds = step_for(after, before, points, period_seconds)
    margin = (before - after) * MARGIN if by_hand else 0.0
    begin = max(0.0, floor((after - margin) / step_seconds) * step_seconds)
    end = ceil((before + margin) / step_seconds) * step_seconds
    is_raw = (before - after) / period_seconds <= points
    return Reach(begin, end, 0.0 if is_raw else step_seconds)


def query_of(reach: Reach, series: tuple[str, ...], period_seconds: float) -> MetricQuery:
    """The question that gives ``reach``."""
    if reach.step_seconds:
        points = bucket_count(reach.after, reach.before, reach.step_seconds)
    else:
        points = ceil((reach.before - reach.after) / period_seconds) + GAP_ROWS
    # As patterns: a plain name of something that this machine never had, such as swap, would be refused.
    return MetricQuery(reach.after, reach.before, tuple(map(exactly, series)), points)


def _check_window(after: float | None, before: float | None) -> None:
    if after is None or before is None:
        raise Invalid("A window has a beginning and an end.")
    if not 0 <= after < before <= LATEST_SECONDS or before - after < SHORTEST_SECONDS:
        raise Invalid(
            "A window begins before it ends, lasts a second or more, and lies between the years 1970 and 9999."
        )
