"""A few connections to PostgreSQL that many share, each for a moment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue

from vain.errors import Unavailable
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected

WAIT_SECONDS = 30.0
"""So long for one that is free."""


class Pool:
    """At most ``most`` connections, which the server lists under ``name``; made when they are needed."""

    def __init__(self, loop: LoopThread, url: str, name: str, most: int, writes: bool) -> None:
        self._loop, self._url, self._name, self._most, self._writes = loop, url, name, most, writes
        self._free: LifoQueue[PostgresConnection | None] = LifoQueue()
        for _ in range(most):
            self._free.put(None)

    @contextmanager
    def taken(self) -> Iterator[PostgresConnection]:
        """One of them; nobody else has it until the block ends. Blocks.

        Raises Unavailable if none gets free, and what asyncpg and the system raise.
        """
        try:
            known = self._free.get(timeout=WAIT_SECONDS)
        except Empty:
            raise Unavailable("Too many wait for the database; try again in a moment.") from None
        try:
            if known is None or known.raw.is_closed():
                known = None
                known = connected(self._loop, self._url, self._name, self._writes)
            yield known
        finally:
            if known is not None and not known.raw.is_closed() and known.raw.is_in_transaction():
                known.abandon()  # what is left of it must not become a part of the next
            self._free.put(known)

    def close(self) -> None:
        """End those that nobody has any more, after a moment all of them."""
        for _ in range(self._most):
            try:
                known = self._free.get(timeout=WAIT_SECONDS)
            except Empty:
                return
            if known is not None:
                known.close()
