"""The visualizations for those who ask on the event loop: computed off it, and once for all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from msgspec import Struct

from vain.bands import MetricQuery, MetricWindow
from vain.clock import unix
from vain.flow.attempts import EVERY_ATTEMPT, AttemptColumns, AttemptQuery, attempts_from
from vain.flow.figures import Visualizations
from vain.flow.trends import MOST_POINTS, PATTERNS
from vain.flow.visualizations import visualizations
from vain.hub import Hub
from vain.shared import SharedReads
from vain.tracker import Tracker
from vain.windows import Window

FRESH_SECONDS = 5.0
MOST_KEPT = 16

ReadWindow = Callable[[MetricQuery], Awaitable[MetricWindow]]


class Asked(Struct, frozen=True):
    """What is asked: of which window, of which tasks, and when how many will be done (None: all that are open)."""

    window: Window
    tasks: AttemptQuery = EVERY_ATTEMPT
    forecast_items: int | None = None


class Charts:
    """The visualizations, computed off the loop and once for all who ask while nothing has changed."""

    def __init__(self, tracker: Tracker, read_window: ReadWindow, hub: Hub) -> None:
        self._tracker, self._read_window, self._hub = tracker, read_window, hub
        self._computed: SharedReads[tuple[int, Asked, int], Visualizations] = SharedReads(MOST_KEPT)

    async def get(self, asked: Asked) -> Visualizations:
        """The charts: the tasks as they are, what changes with the clock at most ``FRESH_SECONDS`` old.

        Raises Unavailable when too many wait for the disk.
        """
        question = (self._hub.seq, asked, int(time.monotonic() / FRESH_SECONDS))
        return await self._computed.get(question, lambda: self._compute(asked))

    async def _compute(self, asked: Asked) -> Visualizations:
        now = time.time()
        columns = await self._tracker.attempts(asked.tasks)
        metrics = await self._read_window(_metric_query(asked.window, now))
        return await asyncio.to_thread(_visualizations, columns, metrics, now, asked)


def _metric_query(window: Window, now: float) -> MetricQuery:
    """The metrics of the part of the window that has passed; of one that lies ahead a second without any."""
    after = unix(window.after)
    return MetricQuery(after, max(after + 1, min(now, unix(window.before))), PATTERNS, MOST_POINTS)


def _visualizations(columns: AttemptColumns, metrics: MetricWindow, now: float, asked: Asked) -> Visualizations:
    return visualizations(attempts_from(columns), metrics, now, asked.window, asked.forecast_items)
