"""A rule tried on the past: the chart of what it watches, and when it would have fired.

Two kinds of question, each asked one at a time, and only the newest wish waits: a hand that drags a threshold costs no
more than the history can give.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from math import isnan
from typing import Annotated, Any, Final, Generic, TypeVar

from msgspec import Meta, Struct

from vain.alerting.alert import Firing
from vain.alerting.rule import Rule, SeriesName
from vain.alerting.telling import subject_words
from vain.bands import Bands, Floats, MetricQuery, MetricWindow
from vain.clock import Clock
from vain.codec import encode
from vain.errors import Flaw, VainError
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG
from vain.views.zoom import LATEST_SECONDS

logger = logging.getLogger(__name__)

Q = TypeVar("Q")

POINTS: Final = 300
MOST_LINES: Final = 12
"""Of a metric with more series the first are drawn; all are judged."""
MOST_SHADED: Final = 400
LONGEST_SECONDS: Final = 31 * 86_400.0
DIGITS: Final = 5
"""Of a value that is drawn."""

Moment = Annotated[float, Meta(ge=0, le=LATEST_SECONDS)]
Request = Annotated[int, Meta(ge=0, le=2**53)]


class Look(Struct, frozen=True, forbid_unknown_fields=True):
    """What the chart is to show: the last ``seconds`` of a metric or series; None: only the time."""

    request: Request
    seconds: Annotated[float, Meta(ge=60, le=LONGEST_SECONDS)]
    metric: SeriesName | None = None


class Try(Struct, frozen=True, forbid_unknown_fields=True):
    """When this rule would have fired in the time that the chart shows (Unix seconds)."""

    request: Request
    rule: Rule
    after: Moment
    before: Moment


class OneAtATime(Generic[Q]):
    """Answers questions beside the session. What cannot be answered is answered with the error."""

    def __init__(self, live: Live, read: Callable[[Q], Awaitable[dict[str, Any]]], tell: Callable[[str], None]) -> None:
        self._live, self._read, self._tell = live, read, tell
        self._next: Q | None = None
        self._reads = False

    def ask(self, question: Q) -> None:
        """The newest; one that waits is forgotten."""
        self._next = question
        self._go_on()

    def _go_on(self) -> None:
        question = self._next
        if self._reads or question is None:
            return
        self._next, self._reads = None, True
        self._live.fetch(lambda: self._answer(question), self._show)

    async def _answer(self, question: Q) -> dict[str, Any]:
        request = {"request": getattr(question, "request", 0)}
        try:
            return {**request, **await self._read(question)}
        except VainError as error:
            return {**request, **refusal(error)}
        except Exception:
            logger.exception("A rule could not be tried")
            return {**request, "detail": WENT_WRONG}

    def _show(self, found: dict[str, Any]) -> None:
        self._reads = False
        self._tell(encode(found).decode())
        self._go_on()


class Trial:
    """Reads over a ``Live``; ``picture`` and ``tried`` get the answers as JSON."""

    def __init__(
        self, live: Live, picture: Callable[[str], None], tried: Callable[[str], None], wall: Clock = time.time
    ) -> None:
        self._source, self._wall = live.source, wall
        self._looks: OneAtATime[Look] = OneAtATime(live, self._look, picture)
        self._tries: OneAtATime[Try] = OneAtATime(live, self._try, tried)

    def look(self, asked: Look) -> None:
        """Draw this."""
        self._looks.ask(asked)

    def attempt(self, asked: Try) -> None:
        """Judge this."""
        self._tries.ask(asked)

    async def _look(self, asked: Look) -> dict[str, Any]:
        before = self._wall()
        after = before - asked.seconds
        frame = {"after": after, "before": before}
        if asked.metric is None:
            return {**frame, "lines": []}
        window = await self._source.window(MetricQuery(after, before, (asked.metric,), POINTS))
        return {**frame, **picture_of(window)}

    async def _try(self, asked: Try) -> dict[str, Any]:
        if not asked.after < asked.before <= asked.after + LONGEST_SECONDS:
            return {"detail": "A time of at most 31 days is expected."}
        found = await self._source.test_rule(asked.rule, asked.after, asked.before)
        return tried_of(found.firings, found.step_seconds, asked.before)


def picture_of(window: MetricWindow) -> dict[str, Any]:
    """The series of a window for the browser; a value that is not known is None."""
    names = sorted(window.series)[:MOST_LINES]
    return {
        "t": [round(t, 1) for t in window.t.tolist()],
        "step_seconds": window.step_seconds,
        "left_out": max(0, len(window.series) - MOST_LINES),
        "lines": [_line(name, window.series[name]) for name in names],
    }


def tried_of(firings: Iterable[Firing], step_seconds: float | None, before: float) -> dict[str, Any]:
    """How often and how long it would have fired, and the newest times of it to shade."""
    known = list(firings)
    stretches = [(each, before if each.until is None else each.until) for each in known]
    return {
        "count": len(known),
        "seconds": sum(max(0.0, until - each.fired_at) for each, until in stretches),
        "step_seconds": step_seconds,
        "firings": [
            {"subject": subject_words(each.subject), "since": each.since, "fired_at": each.fired_at, "until": until}
            for each, until in stretches[-MOST_SHADED:]
        ],
    }


def refusal(error: VainError) -> dict[str, Any]:
    """What went wrong, and at which fields."""
    flaws = [{"field": _field_of(flaw), "detail": flaw.detail} for flaw in error.flaws]
    return {"detail": error.detail, "flaws": flaws}


def _field_of(flaw: Flaw) -> str:
    """The field of the rule, wherever in the message it stood; ``""`` if it is no single one."""
    steps = [step for step in (flaw.pointer or "").split("/") if step not in ("", "put", "rule")]
    return steps[0] if steps else ""


def _line(name: str, bands: Bands) -> dict[str, Any]:
    plain = {"name": subject_words(name), "mean": _plain(bands.mean)}
    if (bands.count > 1).any():
        plain |= {"low": _plain(bands.min), "high": _plain(bands.max)}
    return plain


def _plain(values: Floats) -> list[float | None]:
    return [None if isnan(value) else float(f"{value:.{DIGITS}g}") for value in values.tolist()]
