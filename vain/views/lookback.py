"""The past in the charts of one session: reads the window that its browser looks at, and draws it in all of them.

One read at a time, and only the newest wish waits for it: a hand that turns the wheel quickly costs no more than the
history can give, and what came too late is never drawn.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import param
from bokeh.models import ColumnDataSource
from msgspec import Struct, structs

from vain.bands import MetricQuery, MetricWindow
from vain.clock import Clock, unix
from vain.errors import VainError
from vain.views.inline import inline
from vain.views.live import Live
from vain.views.rows import CORE, FILL, FILLED
from vain.views.window import HIGH, LOW, Strip, bands, begins_empty, is_empty, lines, strip_columns, strips
from vain.views.zoom import Kind, Reach, Wanted, query_of, reach_of, zone_of

logger = logging.getLogger(__name__)

SHORTEST_RENEWAL_SECONDS: Final = 5.0
"""A window until now is read again once in a step, but not more often than this."""
LONGEST_CORE_STEP_SECONDS: Final = 30.0
SHORTEST_LIVE_SECONDS: Final = 30.0
LIVE_POINTS: Final = 30
"""A live window is told in so many steps, so that what is asked for it changes only now and then."""
WENT_WRONG: Final = "Something went wrong inside vAIn; its log has the details."


class Shown(Struct, frozen=True):
    """What the charts show, for who words it. Times are Unix seconds; ``request`` is the wish that it answers.

    ``step_seconds`` is what one point stands for, 0: every sample. ``begins`` is when the history begins, known only
    where the window begins with nothing. With ``trouble`` the charts show what they did before.
    """

    kind: Kind
    request: int = 0
    seconds: float | None = None
    after: float = 0.0
    before: float = 0.0
    step_seconds: float = 0.0
    by_hand: bool = False
    timezone: str = "UTC"
    is_empty: bool = False
    begins: float | None = None
    strips: tuple[Strip, ...] = ()
    trouble: str = ""


class _Found(Struct, frozen=True):
    """A read that is done: the window or what was wrong, and when the history begins if it begins with nothing."""

    wanted: Wanted
    reach: Reach
    window: MetricWindow | None = None
    begins: float | None = None
    trouble: str = ""


class Lookback(param.Parameterized):
    """Over ``live``: draws means into ``live.metrics``, min to max into ``bands``, gaps into ``gaps``. Loop only.

    ``series`` are the lines of the charts, ``banded`` those of them that have a band.
    """

    shown = param.ClassSelector(class_=Shown, default=Shown("live"), doc="What the charts show")
    asked = param.Integer(default=0, doc="Rises by one with each wish, before it is answered")

    def __init__(self, live: Live, series: Iterable[str], banded: Iterable[str], clock: Clock = time.time) -> None:
        super().__init__()
        self.live = live
        self._series, self._banded, self._clock = tuple(series), tuple(banded), clock
        self.bands = ColumnDataSource({"t": [], **{side + name: [] for name in self._banded for side in (LOW, HIGH)}})
        self.gaps = ColumnDataSource(strip_columns([]))
        self._loaded: Reach | None = None
        self._wanted: Wanted | None = None
        """The newest wish; None while the charts are live."""
        self._waits = self._reads = False
        self._read_at = 0.0
        live.param.watch(lambda _event: self._renew(), "tick")

    def want(self, wanted: Wanted) -> None:
        """Shows what is wanted, as soon as it is there."""
        if wanted.kind == "live":
            self._go_live(wanted)
        else:
            self._wanted, self._waits = structs.replace(wanted, timezone=zone_of(wanted.timezone)), True
            self._read_next()
        self.asked += 1

    def reach(self) -> tuple[Reach, Wanted]:
        """The stretch that is wanted now, with a margin where a hand moves it, and the wish itself."""
        wanted, period_seconds = self._wanted, self.live.source.period_seconds
        if wanted is None:
            wanted = Wanted("live", seconds=self.live.window_seconds)
            now, drawn = self._now(), self.live.metrics.data["t"]
            # A live axis begins where its rows do.
            begin = max(now - self.live.window_seconds, drawn[0] / 1000 if len(drawn) else 0.0)
            return reach_of(min(begin, now - SHORTEST_LIVE_SECONDS), now, LIVE_POINTS, period_seconds), wanted
        return reach_of(*self._bounds(wanted), wanted.points, period_seconds, wanted.by_hand), wanted

    def _go_live(self, wanted: Wanted) -> None:
        self._wanted, self._loaded, self._waits = None, None, False
        self.live.param.update(window_seconds=int(wanted.seconds or self.live.window_seconds), following=True)
        if len(self.bands.data["t"]):
            self.bands.update(data={name: np.empty(0) for name in self.bands.data}, tags=[])
        if len(self.gaps.data["x0"]):
            self.gaps.data = strip_columns([])
        self.shown = Shown("live", wanted.request, self.live.window_seconds)

    def _renew(self) -> None:
        """Reads a window until now again, when a step has passed."""
        wanted = self._wanted
        if wanted is None or wanted.kind != "last" or self._reads:
            return
        if self._now() - self._read_at >= max(SHORTEST_RENEWAL_SECONDS, self.shown.step_seconds):
            self._waits = True
            self._read_next()

    def _now(self) -> float:
        """The time of the machine that is watched, which need not be this one."""
        sample = self.live.sample
        return self._clock() if sample is None else unix(sample.timestamp)

    def _read_next(self) -> None:
        wanted = self._wanted
        if wanted is None or self._reads or not self._waits:
            return
        self._waits = False
        period_seconds = self.live.source.period_seconds
        after, before = self._bounds(wanted)
        reach = reach_of(after, before, wanted.points, period_seconds, wanted.by_hand)
        visible = reach_of(after, before, wanted.points, period_seconds)
        if wanted.by_hand and self._loaded is not None and self._loaded.holds(visible):
            known = self.shown
            told = self._told(wanted, known.step_seconds)
            self.shown = structs.replace(told, is_empty=known.is_empty, begins=known.begins, strips=known.strips)
            return
        self._reads, self._read_at = True, self._now()
        query = query_of(reach, self._series_of(reach), period_seconds)
        self.live.fetch(lambda: self._read(wanted, reach, query), self._show)

    def _bounds(self, wanted: Wanted) -> tuple[float, float]:
        """The window in Unix seconds; one until now ends with the second in which it is read."""
        if wanted.kind == "last" and wanted.seconds is not None:
            now = self._now()
            return max(0.0, now - wanted.seconds), now
        assert wanted.after is not None and wanted.before is not None  # noqa: S101  # read_wanted saw to it
        return wanted.after, wanted.before

    def _series_of(self, reach: Reach) -> tuple[str, ...]:
        """The series to read: no cores where a point is long, for their means are a thicket, and say little."""
        if reach.step_seconds <= LONGEST_CORE_STEP_SECONDS:
            return self._series
        return tuple(name for name in self._series if not name.startswith(CORE))

    async def _read(self, wanted: Wanted, reach: Reach, query: MetricQuery) -> _Found:
        try:
            window = await self.live.source.window(query)
            extent = await self.live.source.extent() if begins_empty(window) else None
            return _Found(wanted, reach, window, extent[0] if extent else None)
        except VainError as error:
            return _Found(wanted, reach, trouble=error.detail)
        except Exception:
            logger.exception("The history could not be read")
            return _Found(wanted, reach, trouble=WENT_WRONG)

    def _show(self, found: _Found) -> None:
        self._reads = False
        if found.wanted is self._wanted and not self._waits:
            self._draw(found)
        self._read_next()

    def _draw(self, found: _Found) -> None:
        window = found.window
        if window is None:
            self.shown = structs.replace(self.shown, request=found.wanted.request, trouble=found.trouble)
            return
        reduced = window.is_reduced
        self.live.following = False
        drawn = lines(window, self._series, reduced)
        unseen = np.zeros(len(drawn["t"]), np.uint8)  # the areas below the live lines
        self.live.metrics.data = inline({**drawn, **{FILL + name: unseen for name in FILLED}})
        step_seconds = window.step_seconds if reduced else 0.0
        self.bands.update(data=inline(dict(bands(window, self._banded, reduced))), tags=[step_seconds])
        shown = self._told(found.wanted, step_seconds)
        # What was before the history is no gap in it.
        begin = max(found.reach.after, found.begins or 0.0)
        gaps = strips(window.spans, begin, min(found.reach.before, self._now()), self._banded)
        self.gaps.data = strip_columns(gaps)
        self._loaded = found.reach
        self.shown = structs.replace(shown, strips=tuple(gaps), is_empty=is_empty(window), begins=found.begins)

    def _told(self, wanted: Wanted, step_seconds: float) -> Shown:
        after, before = self._bounds(wanted)
        return Shown(
            wanted.kind, wanted.request, wanted.seconds, after, before, step_seconds, wanted.by_hand, wanted.timezone
        )


def facts(shown: Shown) -> dict[str, Any]:
    """``shown`` as the browser gets it."""
    return structs.asdict(shown) | {"strips": [structs.asdict(strip) for strip in shown.strips]}
