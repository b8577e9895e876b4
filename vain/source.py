"""What a view or a notebook needs to know and to do, wherever the server is.

``LocalSource`` stands in the server's own process; ``vain.remote.RemoteSource`` reaches one over HTTP and WebSocket.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from vain.clock import unix
from vain.codec import decode
from vain.errors import Misconfigured
from vain.flow import TaskTimes, Visualizations, visualizations
from vain.history import Columns
from vain.hub import Hub
from vain.monitor import Monitor
from vain.notifier import Notifier
from vain.samples import Sample
from vain.shared import SharedReads
from vain.store.reading import TaskTimesRow
from vain.tracker import Tracker
from vain.trends import trend_series
from vain.types import Notification, Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.windows import Window, window_of

FRESH_SECONDS = 5.0
MOST_KEPT = 16


class Source(Protocol):
    """Every method is called on the event loop, and none blocks it."""

    host: str
    period_seconds: float

    @property
    def seq(self) -> int:
        """Rises with everything that may change what the views show of tasks and notifications."""

    def latest(self) -> Sample | None:
        """The newest sample; None before the first."""

    def columns(self, cursor: int) -> Columns:
        """The metric rows after a cursor; 0 asks for all that are kept."""

    async def page(self, query: TaskQuery) -> TaskPage:
        """One page of the tasks that match."""

    async def notifications(self, limit: int = 50) -> list[Notification]:
        """The newest notifications, newest first."""

    async def read_notification(self, notification_id: int) -> None:
        """Mark a notification as read. Raises NotFound."""

    async def visualizations(self) -> Visualizations:
        """The data of all charts, for the default window."""

    async def create(self, draft: TaskDraft) -> Task:
        """Make a task. Raises Invalid or Conflict."""

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        """Change a task. Raises NotFound, Invalid or Conflict."""

    async def delete(self, task_id: int) -> None:
        """Delete a task. Raises NotFound."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each sample and after each batch of events, at once and shortly; the result ends it."""


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


class LocalSource:
    """The Source inside the server's process."""

    def __init__(
        self,
        host: str,
        period_seconds: float,
        tracker: Tracker,
        monitor: Monitor,
        notifier: Notifier,
        hub: Hub,
        charts: Charts,
    ) -> None:
        self.host, self.period_seconds = host, period_seconds
        self._tracker, self._monitor, self._notifier, self._hub, self._charts = tracker, monitor, notifier, hub, charts

    @property
    def seq(self) -> int:
        return self._hub.seq + self._hub.nudges

    def latest(self) -> Sample | None:
        return self._monitor.latest

    def columns(self, cursor: int) -> Columns:
        return self._monitor.history.since(cursor)

    async def page(self, query: TaskQuery) -> TaskPage:
        return await self._tracker.page(query)

    async def notifications(self, limit: int = 50) -> list[Notification]:
        return await self._notifier.recent(limit)

    async def read_notification(self, notification_id: int) -> None:
        await self._notifier.mark_read(notification_id)

    async def visualizations(self) -> Visualizations:
        return await self._charts.get(window_of(None, None, None, None, time.time()))

    async def create(self, draft: TaskDraft) -> Task:
        return decode(Task, (await self._tracker.create(draft)).body)

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        return decode(Task, (await self._tracker.update(task_id, patch)).body)

    async def delete(self, task_id: int) -> None:
        await self._tracker.delete(task_id)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        return self._hub.listen(callback)


_current: list[Source] = []


def use(source: Source | None) -> None:
    """Make a source the one that this process's pages show; None: no longer any."""
    _current[:] = [] if source is None else [source]


def current(or_else: Callable[[], Source] | None = None) -> Source:
    """The source that this process's pages show; if there is none, what ``or_else`` makes becomes it.

    Raises Misconfigured when there is neither.
    """
    if not _current and or_else is not None:
        use(or_else())
    if not _current:
        raise Misconfigured(
            "This page needs a vAIn server: start it with `vain serve`, or call vain.source.use(...) first."
        )
    return _current[0]


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
