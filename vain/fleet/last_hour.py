"""The last hour of a host for those who look at it live: read when somebody asks, forgotten when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from math import inf

from vain.clock import Clock
from vain.history import Columns, History

RETRY_SECONDS = 5.0
FORGET_SECONDS = 600.0
"""After so long without anybody who asks."""
NO_ROWS = History(1).since(0)


class LastHour:
    """Belongs to the event loop. ``read`` gives the hour out of the history; None: it cannot be read now."""

    def __init__(self, read: Callable[[], Awaitable[History | None]], monotonic: Clock) -> None:
        self._read, self._monotonic = read, monotonic
        self._rows: History | None = None
        self._reading: asyncio.Task[None] | None = None
        self._read_at = self._asked_at = -inf
        self._listeners: set[Callable[[], None]] = set()

    def columns(self, cursor: int) -> Columns:
        """As ``History.since`` gives it; nothing until it is read, which begins now."""
        self._asked_at = self._monotonic()
        if self._rows is not None:
            return self._rows.since(cursor)
        if (self._reading is None or self._reading.done()) and self._asked_at - self._read_at > RETRY_SECONDS:
            self._read_at = self._asked_at
            self._reading = asyncio.create_task(self._fill())
        return NO_ROWS

    @property
    def is_followed(self) -> bool:
        """Whether somebody has asked lately, so that what comes is to be appended."""
        return self._rows is not None

    def append(self, t: float, row: list[tuple[str, float | None]]) -> None:
        """One more sample, newer than all others; any thread that nobody else is in at the same time."""
        rows = self._rows
        if rows is not None:
            rows.append(t, row)

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back when there may be something new; the result ends it."""
        self._listeners.add(callback)
        return lambda: self._listeners.discard(callback)

    def tell(self) -> None:
        """There may be something new."""
        for callback in tuple(self._listeners):
            callback()

    def rest(self) -> None:
        """Forget it if nobody asks."""
        if self._monotonic() - self._asked_at > FORGET_SECONDS:
            self.forget()

    def forget(self) -> None:
        """It is read again when somebody asks."""
        self._rows = None

    async def _fill(self) -> None:
        self._rows = await self._read()
        self.tell()
