"""The visualizations for those who ask on the event loop: computed off it, and once for all."""

from __future__ import annotations

import asyncio
import time

from vain.clock import unix
from vain.flow import TaskTimes, Visualizations, visualizations
from vain.hub import Hub
from vain.monitor import Monitor
from vain.shared import SharedReads
from vain.store.reading import TaskTimesRow
from vain.tracker import Tracker
from vain.trends import trend_series
from vain.windows import Window

FRESH_SECONDS = 5.0
MOST_KEPT = 16


class Charts:
    """The visualizations, computed off the loop and once for all who ask while nothing has changed."""

    def __init__(self, tracker: Tracker, monitor: Monitor, hub: Hub) -> None:
        self._tracker, self._monitor, self._hub = tracker, monitor, hub
        self._computed: SharedReads[tuple[int, Window, int], Visualizations] = SharedReads(MOST_KEPT)

    async def get(self, window: Window) -> Visualizations:
        """The charts for a window: the tasks as they are, the trends at most ``FRESH_SECONDS`` old."""
        question = (self._hub.seq, window, int(time.monotonic() / FRESH_SECONDS))
        return await self._computed.get(question, lambda: self._compute(window))

    async def _compute(self, window: Window) -> Visualizations:
        rows = await self._tracker.times()
        return await asyncio.to_thread(_visualizations, rows, self._monitor, window)


def _visualizations(rows: list[TaskTimesRow], monitor: Monitor, window: Window) -> Visualizations:
    after, before = unix(window.after), unix(window.before)
    names = trend_series(monitor.history.names())
    columns = monitor.history.window(after, before, names)
    tasks = [
        TaskTimes(
            row.task_id,
            row.status,
            row.outcome,  # type: ignore[arg-type]  # the store holds only outcomes
            unix(row.created_at),
            unix(row.started_at) if row.started_at else None,
            unix(row.completed_at) if row.completed_at else None,
        )
        for row in rows
    ]
    return visualizations(tasks, columns, time.time(), window)
