"""The notifications as they are read and marked, and errors inside vAIn as notifications.

What should be told of a task is decided where the task changes (``vain.saving``), what rules say in ``vain.alarms``.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial

from vain import notices
from vain.clock import Clock
from vain.clock import now as time_now
from vain.errors import NotFound
from vain.hub import Hub
from vain.notification import Notice, Notification
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.told import NotificationQuery
from vain.types import Time

logger = logging.getLogger(__name__)

RUNNING_SHOWN = 20
MOST_PENDING = 100
"""Notices that wait to be stored; beyond this the newest is dropped, and the log says so."""
ERROR_PAUSE_SECONDS = 60.0
"""The same component is not heard again before."""


class Notifier:
    """Stores notices and reads notifications, on the event loop. ``close`` stores what waits and ends it."""

    def __init__(self, store: Store, hub: Hub, clock: Callable[[], Time] = time_now) -> None:
        self._store, self._hub, self._clock = store, hub, clock
        self._pending: set[asyncio.Task[None]] = set()

    def tell(self, notice: Notice) -> None:
        """Store a notice and send it to everybody, without waiting for it."""
        if len(self._pending) >= MOST_PENDING:
            logger.warning("Too many notices wait; %s was dropped", notice.kind)
            return
        task = asyncio.ensure_future(self._store_notice(notice))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def newest(self, query: NotificationQuery) -> list[Notification]:
        """The newest notifications that are asked for, newest first."""
        return await self._store.read(partial(reading.notifications, query=query))

    async def mark_read(self, notification_id: int, read: bool = True) -> Notification:
        """Note that a person has seen it. Raises NotFound."""
        await self._store.write(lambda transaction: transaction.mark_read(notification_id, read))
        found = await self._store.read(partial(reading.notification, notification_id=notification_id))
        if found is None:
            raise NotFound(f"There is no notification {notification_id}.")
        self._hub.nudge()
        return found

    async def close(self) -> None:
        """Wait until everything that was told is stored."""
        await asyncio.gather(*self._pending)

    async def _store_notice(self, notice: Notice) -> None:
        def change(transaction: Transaction) -> None:
            transaction.notify(notice, self._clock(), transaction.running(RUNNING_SHOWN))

        try:
            await self._store.write(change)
        except Exception as error:  # noqa: BLE001  (nobody waits for this task)
            # Not logger.error: that would become a notice in turn.
            logger.warning("A notice could not be stored: %s", error)


class ErrorNotices(logging.Handler):
    """A log handler that turns vAIn's own errors into notices, at most one a minute for each component."""

    def __init__(self, notifier: Notifier, loop: asyncio.AbstractEventLoop, monotonic: Clock = time.monotonic) -> None:
        super().__init__(logging.ERROR)
        self._notifier = notifier
        self._loop = loop
        self._monotonic = monotonic
        self._heard: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Called in whatever thread the error happened."""
        now = self._monotonic()
        if now - self._heard.get(record.name, -ERROR_PAUSE_SECONDS) < ERROR_PAUSE_SECONDS or self._loop.is_closed():
            return
        self._heard[record.name] = now
        summary = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            summary = f"{summary}: {type(record.exc_info[1]).__name__}"
        self._loop.call_soon_threadsafe(self._notifier.tell, notices.of_error(record.name, summary))
