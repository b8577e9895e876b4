"""PostgreSQL as the store's engine: the same tables and statements, over which several servers may run.

Whoever writes locks one row for as long as the transaction takes (``head.py``), so the changes of all servers are one
after the other, and numbers are dense. When the connection breaks, what was under way is refused, and the next change
connects anew.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import asyncpg

from vain.errors import Diverged, Misconfigured, StoreFull, Unavailable, VainError
from vain.forms import place_of
from vain.store import queries
from vain.store.connection import Begun, Numbers
from vain.store.folder import FolderLock, prepare
from vain.store.postgres import head
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected
from vain.store.postgres.group import PostgresGroup
from vain.store.postgres.listening import Listening
from vain.store.postgres.tables import ALONE, IN_USE, migrate

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
OPENING_TRIES: Final = 4
OPENING_PAUSE_SECONDS: Final = 0.5
_NOT_TOLD: Final = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.UndefinedFunctionError,
    asyncpg.FeatureNotSupportedError,
)
_LINEAGE: Final = """
SELECT (SELECT system_identifier FROM pg_control_system())::text || '-'
    || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)"""
_KNOWN_LINEAGE: Final = "SELECT value FROM meta WHERE key = 'lineage'"
_SET_LINEAGE: Final = """
INSERT INTO meta (key, value) VALUES ('lineage', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value"""


class _Lost(Exception):
    """Somebody uses the database alone since this server was connected last."""


class _Undone(Exception):
    """A commit that the database answered with a roll back."""


class PostgresEngine:
    """``vain.store.connection.Engine``. Raises StoreLocked, StoreDamaged or Misconfigured on opening."""

    failures: tuple[type[Exception], ...] = (asyncpg.PostgresError, *BROKEN, _Lost, _Undone)

    def __init__(self, url: str, folder: Path | None = None) -> None:
        """``folder``: where the history of a server is; None: it is no server, and uses the database alone."""
        if folder is not None:
            prepare(folder)
        self._folder_lock = None if folder is None else FolderLock(folder)
        self.is_shared = folder is not None
        self._url = url
        self._loop = LoopThread()
        self._local = threading.local()
        self._is_committing = False
        """What fails now may have been made all the same."""
        self._readers: list[PostgresConnection] = []
        self._readers_lock = threading.Lock()
        self._listening = Listening(self._loop, url)
        try:
            for _ in range(OPENING_TRIES - 1):
                try:
                    self._open()
                    break
                except BROKEN:  # it may have been about to start again, or to change over
                    time.sleep(OPENING_PAUSE_SECONDS)
            else:
                self._open()
        except BaseException as error:
            self._end()
            if isinstance(error, VainError):
                raise
            if isinstance(error, (asyncpg.PostgresError, *BROKEN, ValueError)):
                raise Misconfigured(f"The store at {place_of(url)} cannot be opened: {error}.") from error
            raise

    def _open(self) -> None:
        self.connection = connected(self._loop, self._url, "vain writer", writes=True)
        try:
            migrate(self.connection, self._url, self._lock)
            if self.is_shared:
                self._renew_if_diverged()
            self.epoch = str(self.connection.execute(queries.EPOCH).get)
        except BROKEN:
            self.connection.abandon()
            raise

    @property
    def _lock(self) -> str:
        return IN_USE if self.is_shared else ALONE

    def begin(self) -> Begun:
        """See ``Engine``. Raises Diverged."""
        self._is_committing = False
        is_new: bool = self.connection.raw.is_closed()
        if is_new:
            self.connection = connected(self._loop, self._url, "vain writer", writes=True)
        try:
            if is_new and not self.connection.value(self._lock):
                raise _Lost
            if is_new and self.is_shared:
                self._renew_if_diverged()
            numbers = self._numbers_in(self.connection.first_of_transaction(head.LOCK))
        except BaseException:
            self.connection.abandon()
            raise
        return Begun(is_new, numbers)

    def numbers(self) -> Numbers:
        """See ``Engine``. Raises Diverged."""
        return self._numbers_in(self.connection.row(head.READ))

    def note(self, numbers: Numbers) -> None:
        """See ``Engine``."""
        self.connection.row(head.WRITE, *head.values_of(numbers))

    def recount(self) -> None:
        """See ``Engine``."""
        self.connection.command(head.RECOUNT)

    def listen(self, heard: Callable[[], None]) -> None:
        """See ``Engine``."""
        self._listening.begin(heard)

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
        self._listening.keep_on()

    def has_committed(self, complain: Callable[[Exception], None]) -> None:
        """Give the other servers a hint."""
        if self.is_shared and not self.connection.raw.is_closed():
            try:
                self._listening.tell(self.connection)
            except self.failures as error:
                complain(error)

    def group(self) -> PostgresGroup | None:
        """See ``Engine``."""
        return PostgresGroup(self._url) if self.is_shared else None

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
        self._listening.close()
        self._loop.close()
        if self._folder_lock is not None:
            self._folder_lock.release()

    def _numbers_in(self, row: asyncpg.Record) -> Numbers:
        numbers = head.numbers_of(row)
        if numbers.epoch != getattr(self, "epoch", numbers.epoch):
            raise Diverged
        return numbers

    def _renew_if_diverged(self) -> None:
        """A standby that was promoted, or a database out of a backup, may lack what others have seen of the old one: so
        the log gets another name, once, whichever server is the first to see it.

        A promotion begins another timeline of the write-ahead log, and another cluster has another identifier.
        """
        lineage = self._lineage()
        known = self.connection.value(_KNOWN_LINEAGE)
        if lineage is None or lineage == known:
            return
        self.connection.command("BEGIN")
        self.connection.row(head.LOCK)
        known = self.connection.value(_KNOWN_LINEAGE)
        if known is not None and known != lineage:
            self.connection.execute(queries.RENEW_EPOCH, (secrets.token_hex(8),))
        self.connection.value(_SET_LINEAGE, lineage)
        self.connection.command("COMMIT")

    def _lineage(self) -> str | None:
        """None where the database does not say."""
        with suppress(
            asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedFunctionError, asyncpg.FeatureNotSupportedError
        ):
            found = self.connection.value(_LINEAGE)
            return None if found is None else str(found)
        return None
