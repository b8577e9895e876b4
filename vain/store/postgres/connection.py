"""Connections to PostgreSQL for threads that wait: asyncpg on a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import asyncpg

from vain.store.connection import Bindings
from vain.store.postgres.dialect import statement

T = TypeVar("T")

CONNECT_SECONDS = 10.0
COMMAND_SECONDS = 60.0
"""A statement that takes longer is given up."""
_KEEPALIVE = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""So that the database finds out soon that this server is gone, and lets another take over."""
STALLED_MILLISECONDS = 5_000
"""A transaction in which nothing happens for so long is undone by the database."""
BATCH_ROWS = 500
"""So many rows are fetched at once where rarely all are read."""


class LoopThread:
    """An event loop in a thread; other threads wait for what runs on it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vain-postgres", daemon=True)
        self._thread.start()

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """What it gives. Blocks; raises what it raises."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class PostgresRows:
    """``vain.store.connection.Rows``; ``more`` gives the next of them, none at the end."""

    def __init__(self, found: list[asyncpg.Record], more: Callable[[], list[asyncpg.Record]] | None = None) -> None:
        self._found, self._more = found, more
        self._at = 0

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        while (row := self.fetchone()) is not None:
            yield row

    def fetchone(self) -> tuple[Any, ...] | None:
        """The next row; None: there is none."""
        if self._at == len(self._found) and self._more is not None:
            self._found, self._at = self._more(), 0
        if self._at >= len(self._found):
            return None
        self._at += 1
        return tuple(self._found[self._at - 1])

    @property
    def get(self) -> Any:
        """The first row, or its only value; None: there is none."""
        row = self.fetchone()
        return row[0] if row is not None and len(row) == 1 else row

    def close(self, force: bool = False, /) -> None:
        """The rest is not read."""
        self._found, self._more = [], None


class PostgresConnection:
    """``vain.store.connection.Connection`` over one of asyncpg's."""

    def __init__(self, loop: LoopThread, raw: asyncpg.Connection) -> None:
        self._loop, self.raw = loop, raw
        self._transaction: Any = None

    def execute(self, text: str, values: Bindings | None = None, /) -> PostgresRows:
        """Run a statement."""
        told = statement(text)
        return self.rows(told.text, told.values(values), told.is_streamed)

    def executemany(self, text: str, values: Iterable[Sequence[Any]], /) -> None:
        """Run a statement once for each row of values."""
        told = statement(text)
        self.many(told.text, [told.values(row) for row in values])

    def rows(self, text: str, values: Sequence[Any], is_streamed: bool = False) -> PostgresRows:
        """What a statement in PostgreSQL's words finds; of one that is streamed, in a snapshot, some rows at a time."""
        if not is_streamed or self._transaction is None:
            return PostgresRows(self._loop.wait(_fetched(self.raw, text, values)))
        cursor = self._loop.wait(_cursor(self.raw, text, values))
        return PostgresRows([], lambda: self._loop.wait(cursor.fetch(BATCH_ROWS)))

    def many(self, text: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement in PostgreSQL's words once for each row of values."""
        if rows:
            self._loop.wait(self.raw.executemany(text, rows))

    def begin_reading(self) -> None:
        """One snapshot for all that is read until ``end_reading``."""
        self._transaction = self.raw.transaction(isolation="repeatable_read", readonly=True)
        self._or_never(self._transaction.start())

    def end_reading(self) -> None:
        """The end of ``begin_reading``."""
        transaction, self._transaction = self._transaction, None
        if transaction is not None and not self.raw.is_closed():
            self._or_never(transaction.rollback())

    def _or_never(self, step: Coroutine[Any, Any, Any]) -> None:
        """One on which a snapshot did not begin or end as it should is used no more: it might stay for ever."""
        try:
            self._loop.wait(step)
        except BaseException:
            self.abandon()
            raise

    def command(self, text: str) -> str:
        """Run what is no statement of the store, as it is; what the database says it did."""
        return str(self._loop.wait(self.raw.execute(text)))

    def value(self, text: str, *values: Any) -> Any:
        """The first value of what is no statement of the store."""
        return self._loop.wait(self.raw.fetchval(text, *values))

    def row(self, text: str, *values: Any) -> asyncpg.Record:
        """The first row of what is no statement of the store."""
        return self._loop.wait(self.raw.fetchrow(text, *values))

    def all(self, text: str, *values: Any) -> list[asyncpg.Record]:
        """All rows of what is no statement of the store."""
        return list(self._loop.wait(self.raw.fetch(text, *values)))

    def first_of_transaction(self, text: str) -> asyncpg.Record:
        """Begin a transaction, and the first row of its first statement, which is no statement of the store."""
        return self._loop.wait(_first_of_transaction(self.raw, text))

    def abandon(self) -> None:
        """End it at once, whatever it does."""
        self._loop.wait(_abandoned(self.raw))

    def close(self) -> None:
        """End it; one that is broken already is fine."""
        if not self.raw.is_closed():
            self._loop.wait(_closed(self.raw))


def connected(
    loop: LoopThread, url: str, name: str, writes: bool = False, patience_seconds: float = COMMAND_SECONDS
) -> PostgresConnection:
    """A new connection, which the server lists under this name; a statement that takes longer than
    ``patience_seconds`` is given up. Blocks; raises what asyncpg and the system raise."""
    return PostgresConnection(loop, loop.wait(_connect(url, name, writes, patience_seconds)))


async def _connect(url: str, name: str, writes: bool, patience_seconds: float) -> asyncpg.Connection:
    settings = {"application_name": name, "timezone": "UTC", **_KEEPALIVE}
    raw = await asyncpg.connect(
        url,
        timeout=min(CONNECT_SECONDS, patience_seconds),
        command_timeout=patience_seconds,
        server_settings=settings,
        # Of several places that the address names; a standby would answer what is old by now.
        target_session_attrs="read-write" if writes else "primary",
    )
    try:
        await _prepared(raw, writes)
    except BaseException:
        raw.terminate()
        raise
    return raw


async def _prepared(raw: asyncpg.Connection, writes: bool) -> None:
    # The bytes as they are, there and back: nobody looks into them on the way.
    await raw.set_type_codec("json", schema="pg_catalog", encoder=_same, decoder=_same, format="binary")
    # One schema alone: that of the lock is that of the tables.
    await raw.execute("SELECT set_config('search_path', quote_ident(current_schema()), false)")
    if writes and await raw.fetchval("SHOW synchronous_commit") == "off":
        await raw.execute("SET synchronous_commit = on")  # what was answered outlives a crash
    if writes:
        # All servers wait for who is in a transaction: one that stands still must not keep them from it for ever.
        await raw.execute(f"SET idle_in_transaction_session_timeout = {STALLED_MILLISECONDS}")


async def _first_of_transaction(raw: asyncpg.Connection, text: str) -> asyncpg.Record:
    await raw.execute("BEGIN")
    return await raw.fetchrow(text)


async def _abandoned(raw: asyncpg.Connection) -> None:
    raw.terminate()


async def _closed(raw: asyncpg.Connection) -> None:
    try:
        await raw.close(timeout=CONNECT_SECONDS)
    except Exception:  # noqa: BLE001  (it ends in any case)
        raw.terminate()


async def _fetched(raw: asyncpg.Connection, text: str, values: Sequence[Any]) -> list[asyncpg.Record]:
    try:
        return list(await raw.fetch(text, *values))
    except asyncpg.DataError as error:
        # The fault of who asks: a name that no text has, say.
        raise ValueError(str(error)) from error


async def _cursor(raw: asyncpg.Connection, text: str, values: Sequence[Any]) -> Any:
    return await raw.cursor(text, *values)


def _same(value: bytes) -> bytes:
    return value
