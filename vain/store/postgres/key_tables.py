"""Keys and sessions in PostgreSQL: what one server changes, all of them know within milliseconds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Final, TypeVar

import asyncpg

from vain.errors import Misconfigured, StoreFull, Unavailable, VainError
from vain.forms import place_of
from vain.store import key_queries as queries
from vain.store.key_database import SECRET_BYTES, KeyRows
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected
from vain.store.postgres.engine import BROKEN
from vain.store.postgres.listening import TELL
from vain.store.postgres.tables import migrate

T = TypeVar("T")

PATIENCE_SECONDS: Final = 5.0
"""So long somebody may wait at the door until a statement is given up."""

_REVISION: Final = "SELECT revision FROM key_revision"
_LOCK: Final = "SELECT revision FROM key_revision FOR UPDATE"
_CHANGED: Final = "UPDATE key_revision SET revision = revision + 1"
# Every server looks at this row, and reads again what it knows by heart when it rises.
_TOLD: Final = "UPDATE head SET kept = kept + 1"
_NOTE: Final = "SELECT value FROM secrets WHERE name = $1"
_SET_NOTE: Final = """
INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value"""
_ADD_NOTE: Final = "INSERT INTO secrets (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
_FAILURES: Final = (asyncpg.PostgresError, *BROKEN)


class KeyTables:
    """``vain.store.key_database.KeyDatabase``. One thread at a time. Raises Misconfigured on opening."""

    is_at_hand = False

    def __init__(self, url: str) -> None:
        self._url, self._loop = url, LoopThread()
        self._connection: PostgresConnection | None = None
        self._revision = -1
        try:
            # To bring tables forward may take longer than anybody should wait at the door.
            with closing(connected(self._loop, url, "vain keys", writes=True)) as connection:
                migrate(connection, url)
        except BaseException as error:
            self.close()
            if isinstance(error, VainError) or not isinstance(error, (*_FAILURES, ValueError)):
                raise
            raise Misconfigured(f"The keys at {place_of(url)} cannot be read: {error}.") from error

    def has_changed(self) -> bool:
        """See ``KeyDatabase``."""
        return bool(self._tried(lambda connection: connection.value(_REVISION)) != self._revision)

    def read(self) -> KeyRows:
        """See ``KeyDatabase``."""
        return self._tried(self._read)

    @contextmanager
    def writing(self, is_use: bool = False) -> Iterator[PostgresConnection]:
        """See ``KeyDatabase``."""
        try:
            connection = self._connected()
            connection.command("BEGIN")
            connection.value(_LOCK)
            yield connection
            if not is_use:
                connection.command(_CHANGED)
                connection.command(_TOLD)
            connection.command("COMMIT")
            if not is_use:
                connection.value(TELL, "keys")
        except BaseException as error:
            if self._connection is not None:
                self._connection.abandon()
            if isinstance(error, asyncpg.DiskFullError):
                raise StoreFull("The database's disk is full: the keys were not changed.") from error
            if isinstance(error, _FAILURES):
                raise Unavailable("The database of the keys cannot be reached; try again in a moment.") from error
            raise

    def secret(self, name: str) -> bytes:
        """See ``KeyDatabase``."""

        def kept(connection: PostgresConnection) -> bytes:
            connection.value(_ADD_NOTE, name, secrets.token_hex(SECRET_BYTES).encode())
            return bytes(connection.value(_NOTE, name))

        return self._tried(kept)

    def note(self, name: str) -> str:
        """See ``KeyDatabase``."""
        found = self._tried(lambda connection: connection.value(_NOTE, name))
        return "" if found is None else bytes(found).decode()

    def set_note(self, name: str, text: str) -> None:
        """See ``KeyDatabase``."""
        self._tried(lambda connection: connection.value(_SET_NOTE, name, text.encode()))

    def close(self) -> None:
        """See ``KeyDatabase``."""
        if self._connection is not None:
            self._connection.close()
        self._loop.close()

    def _read(self, connection: PostgresConnection) -> KeyRows:
        # The revision first: what is written between it and the rows is then read twice rather than never.
        revision = connection.value(_REVISION)
        keys: list[Any] = list(connection.execute(queries.KEYS))
        sessions: list[Any] = list(connection.execute(queries.SESSIONS))
        self._revision = revision
        return KeyRows(keys, sessions)

    def _tried(self, work: Callable[[PostgresConnection], T]) -> T:
        try:
            return work(self._connected())
        except _FAILURES as error:
            if self._connection is not None:
                self._connection.abandon()
            raise Unavailable("The database of the keys cannot be reached; try again in a moment.") from error

    def _connected(self) -> PostgresConnection:
        if self._connection is None or self._connection.raw.is_closed():
            self._connection = connected(
                self._loop, self._url, "vain keys", writes=True, patience_seconds=PATIENCE_SECONDS
            )
            self._revision = -1  # it may be another database by now, which counts for itself
        return self._connection
