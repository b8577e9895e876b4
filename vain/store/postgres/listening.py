"""A hint that another server has committed: NOTIFY after a commit, at most twenty times a second.

Never more than a hint. One inside the transaction would make all commits of the cluster wait for each other, and one is
lost while nobody is connected; what happened is read from the log, whoever was told of it or not.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from vain.store.postgres.connection import LoopThread, PostgresConnection, connected

PAUSE_SECONDS: Final = 0.05
RETRY_SECONDS: Final = 5.0
TELL: Final = "SELECT pg_notify('vain.' || current_schema(), $1)"


class Listening:
    """Belongs to the writing thread; what it calls back is called in the thread of the loop."""

    def __init__(self, loop: LoopThread, url: str) -> None:
        self._loop, self._url = loop, url
        self._connection: PostgresConnection | None = None
        self._heard: Callable[[], None] | None = None
        self._tried_at = self._told_at = -RETRY_SECONDS
        self._own = secrets.token_hex(8)
        """What tells others from oneself."""

    def begin(self, heard: Callable[[], None]) -> None:
        """Have ``heard`` called when others tell."""
        self._heard = heard
        self.keep_on()

    def keep_on(self) -> None:
        """Connect again if that is lost; now and then, since nothing depends on it."""
        now = time.monotonic()
        is_lost = self._connection is None or self._connection.raw.is_closed()
        if self._heard is None or not is_lost or now - self._tried_at < RETRY_SECONDS:
            return
        self._tried_at = now
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
            connection = connected(self._loop, self._url, "vain listener")
            self._loop.wait(self._listened(connection.raw))
            self._connection = connection

    def tell(self, connection: PostgresConnection) -> None:
        """Something was committed on this connection."""
        now = time.monotonic()
        if now - self._told_at >= PAUSE_SECONDS:
            self._told_at = now
            connection.value(TELL, self._own)

    def close(self) -> None:
        """The end of it."""
        if self._connection is not None:
            self._connection.close()

    async def _listened(self, raw: asyncpg.Connection) -> None:
        schema = await raw.fetchval("SELECT current_schema()")
        await raw.add_listener(f"vain.{schema}", self._on_notice)

    def _on_notice(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        if payload != self._own and self._heard is not None:
            self._heard()
