"""PostgreSQL as the store's engine: the same tables and statements, one server that writes, connections that read.

Who writes holds an advisory lock of the database for as long as it is connected, so a second server is refused. When
the connection breaks, what was under way is refused, and the next change connects anew.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Final

import asyncpg

from vain.errors import Misconfigured, StoreDamaged, StoreFull, StoreLocked, Unavailable, VainError
from vain.forms import place_of
from vain.store import queries
from vain.store.folder import FolderLock, prepare
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected

OLDEST_VERSION: Final = 140_000
"""Of the server, as PostgreSQL counts."""
MIGRATIONS: Final = ("schema_1.sql",)
"""The file at position n brings the tables from version n to n + 1."""
BROKEN: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.QueryCanceledError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InterfaceError,
    # What asyncpg says when a connection ends between two of its steps.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_LOCK: Final = "SELECT pg_try_advisory_lock(hashtext('vain'), hashtext(current_schema()))"
_HAS_TABLES: Final = "SELECT to_regclass('vain_version') IS NOT NULL"


class _Lost(Exception):
    """Another server has taken over while this one was not connected."""


class _Undone(Exception):
    """A commit that the database answered with a roll back."""


class PostgresEngine:
    """``vain.store.connection.Engine``. Raises StoreLocked, StoreDamaged or Misconfigured on opening."""

    failures: tuple[type[Exception], ...] = (asyncpg.PostgresError, *BROKEN, _Lost, _Undone)

    def __init__(self, url: str, folder: Path | None = None) -> None:
        """``folder``: where the history and the keys of a server are; None: it is no server that opens it."""
        if folder is not None:
            prepare(folder)
        self._folder_lock = None if folder is None else FolderLock(folder)
        self._url = url
        self._loop = LoopThread()
        self._local = threading.local()
        self._is_committing = False
        """What fails now may have been made all the same."""
        self._readers: list[PostgresConnection] = []
        self._readers_lock = threading.Lock()
        try:
            self.connection = connected(self._loop, url, "vain writer", writes=True)
            self._prepare()
            self.epoch = str(self.connection.execute(queries.EPOCH).get)
        except BaseException as error:
            self._end()
            if isinstance(error, VainError):
                raise
            if isinstance(error, (asyncpg.PostgresError, *BROKEN, ValueError)):
                raise Misconfigured(f"The store at {place_of(url)} cannot be opened: {error}.") from error
            raise

    def begin(self) -> bool:
        """See ``Engine``."""
        self._is_committing = False
        is_new: bool = self.connection.raw.is_closed()
        if is_new:
            self.connection = connected(self._loop, self._url, "vain writer", writes=True)
        try:
            if is_new and not self.connection.value(_LOCK):
                raise _Lost
            self.connection.command("BEGIN")
        except BaseException:
            self.connection.abandon()
            raise
        return is_new

    def commit(self) -> None:
        """See ``Engine``."""
        self._is_committing = True
        if self.connection.command("COMMIT") != "COMMIT":
            raise _Undone

    def roll_back(self) -> None:
        """See ``Engine``."""
        raw = self.connection.raw
        if raw.is_closed() or not raw.is_in_transaction():
            return
        try:
            self.connection.command("ROLLBACK")
        except self.failures:
            # What is left of it must not become a part of the next.
            self.connection.abandon()
            raise

    def refusal(self, error: Exception) -> VainError:
        """See ``Engine``."""
        if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
            self.connection.abandon()  # the next one may be to a server that writes
        if isinstance(error, asyncpg.DiskFullError):
            return StoreFull("The database's disk is full: nothing can be changed until there is space.")
        if isinstance(error, _Lost):
            return Unavailable("Another server writes to the database now, so the change was not made.")
        if self._is_committing:
            return Unavailable("The connection to the database broke; whether the change was made is not known.")
        return Unavailable("The database could not take the change, and it was not made; try again in a moment.")

    @contextmanager
    def reading(self) -> Iterator[PostgresConnection]:
        """See ``Engine``."""
        try:
            connection = self._reader()
            connection.begin_reading()
        except self.failures as error:
            raise Unavailable("The database cannot be reached; try again in a moment.") from error
        try:
            yield connection
        except BROKEN as error:
            raise Unavailable("The database cannot be reached; try again in a moment.") from error
        finally:
            with suppress(*self.failures):
                connection.end_reading()

    def rest(self, complain: Callable[[Exception], None]) -> None:
        """PostgreSQL tidies up by itself."""

    def has_committed(self, complain: Callable[[Exception], None]) -> None:
        """PostgreSQL tidies up by itself."""

    def close(self) -> None:
        """See ``Engine``."""
        self._end()

    def _reader(self) -> PostgresConnection:
        known: PostgresConnection | None = getattr(self._local, "connection", None)
        if known is None or known.raw.is_closed():
            known = self._local.connection = connected(self._loop, self._url, "vain reader")
            with self._readers_lock:
                self._readers = [each for each in self._readers if not each.raw.is_closed()] + [known]
        return known

    def _end(self) -> None:
        for connection in (*self._readers, getattr(self, "connection", None)):
            if connection is not None:
                connection.close()
        self._loop.close()
        if self._folder_lock is not None:
            self._folder_lock.release()

    def _prepare(self) -> None:
        """The lock, and the tables as this version knows them."""
        known = self.connection
        if int(known.value("SELECT current_setting('server_version_num')::int")) < OLDEST_VERSION:
            raise Misconfigured(f"PostgreSQL {OLDEST_VERSION // 10_000} or later is needed, for {place_of(self._url)}.")
        if known.value("SHOW server_encoding") != "UTF8":
            raise Misconfigured(f"The database at {place_of(self._url)} has to be of the encoding UTF8.")
        if known.value("SELECT current_schema()") is None:
            raise Misconfigured(f"The schema that {place_of(self._url)} names is not there.")
        if not known.value(_LOCK):
            raise StoreLocked(f"Another vAIn server uses {place_of(self._url)}.")
        version = int(known.value("SELECT version FROM vain_version") or 0) if known.value(_HAS_TABLES) else 0
        if version > len(MIGRATIONS):
            raise StoreDamaged(
                f"{place_of(self._url)} was written by a newer vAIn (version {version}, this one knows "
                f"{len(MIGRATIONS)}); it was not touched."
            )
        for number, name in enumerate(MIGRATIONS[version:], start=version + 1):
            self._migrate(number, files("vain.store.postgres").joinpath(name).read_text("utf-8"))

    def _migrate(self, number: int, script: str) -> None:
        known = self.connection
        known.command("BEGIN")
        known.command("CREATE TABLE IF NOT EXISTS vain_version (version integer NOT NULL)")
        known.command(script)
        known.command("DELETE FROM vain_version")
        known.value("INSERT INTO vain_version VALUES ($1)", number)
        if number == 1:
            known.execute(queries.SET_EPOCH, (secrets.token_hex(8),))
        known.command("COMMIT")
