"""SQLite as the store's engine: one file of a data folder, a write-ahead log that is synced at each commit.

Exactly one connection ever writes and checkpoints; readers are read-only. ``synchronous=FULL`` syncs the write-ahead
log at each commit, so an answered change survives a power cut.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from vain.errors import Misconfigured, StoreDamaged, StoreFull, Unavailable, VainError
from vain.store import queries
from vain.store.connection import Begun, Numbers
from vain.store.folder import FolderLock, prepare, private_file
from vain.store.read_gate import ReadGate
from vain.store.sqlite import LOG_PAGES, open_for_reading, open_for_writing, restart_log
from vain.types import TaskCounts

DATABASE_NAME = "vain.db"
MIGRATIONS = tuple(f"schema_{version}.sql" for version in range(1, 11))
"""The file at position n brings a database from version n to n + 1."""
READER_SECONDS = 1.0
"""So long a reader may hold up that the log begins anew; then it is tried again when it has grown as much again."""


class SqliteEngine:
    """``vain.store.connection.Engine`` over a folder. Raises StoreLocked, StoreDamaged or Misconfigured on opening."""

    failures: tuple[type[Exception], ...] = (apsw.Error,)
    is_shared = False

    def __init__(self, folder: Path) -> None:
        prepare(folder)
        self._lock = FolderLock(folder)
        self._read_gate = ReadGate()
        self._log_pages, self._restart_at = 0, LOG_PAGES
        self._local = threading.local()
        try:
            self._path = private_file(folder / DATABASE_NAME)
            self.connection = open_for_writing(self._path, MIGRATIONS, on_first=_named)
            # In place of SQLite's own checkpoints, which come within a commit that somebody waits for.
            self.connection.set_wal_hook(self._note_log)
            self.epoch = str(self.connection.execute(queries.EPOCH).get)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            self._lock.release()
            raise StoreDamaged(f"{self._path} is damaged and was not touched: {error}.") from error
        except apsw.Error as error:
            self._lock.release()
            raise Misconfigured(f"{self._path} cannot be opened: {error}; --data names another folder.") from error
        except BaseException:
            self._lock.release()
            raise

    def begin(self) -> Begun:
        """See ``Engine``."""
        self.connection.execute("BEGIN IMMEDIATE")
        return Begun()

    def numbers(self) -> Numbers:
        """See ``Engine``; found in the tables."""
        seq, task_id, notification_id = (int(self.connection.execute(each).get) for each in queries.NUMBERS)
        counts = TaskCounts(*self.connection.execute(queries.COUNTS).get)
        return Numbers(seq, task_id, notification_id, 0, counts, self.epoch)

    def note(self, numbers: Numbers) -> None:
        """They are in the tables."""

    def recount(self) -> None:
        """They are in the tables."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Nobody else commits."""

    def commit(self) -> None:
        """See ``Engine``."""
        self.connection.execute("COMMIT")

    def roll_back(self) -> None:
        """See ``Engine``."""
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def refusal(self, error: Exception) -> VainError:
        """See ``Engine``."""
        if isinstance(error, apsw.FullError):
            return StoreFull("The disk is full: nothing can be changed until there is space; reading goes on.")
        return Unavailable("The change could not be written to disk and was not made.")

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """See ``Engine``."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_for_reading(self._path)
        with self._read_gate.reading():
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def rest(self, complain: Callable[[Exception], None]) -> None:
        """Take the log into the database."""
        self._checkpoint(False, complain)

    def has_committed(self, complain: Callable[[Exception], None]) -> None:
        """See to it that the log begins anew before it is long."""
        if self._log_pages >= self._restart_at:
            self._checkpoint(True, complain)

    def group(self) -> None:
        """See ``Engine``."""

    def close(self) -> None:
        """See ``Engine``."""
        self.connection.close(True)
        self._lock.release()

    def _checkpoint(self, restart: bool, complain: Callable[[Exception], None]) -> None:
        """Take the log into the database; with ``restart`` also see to it that the log begins anew."""
        try:
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if restart:
                # What is left to copy by now is little, so readers wait for a moment only.
                with self._read_gate.closed(READER_SECONDS) as is_empty:
                    began_anew = is_empty and restart_log(self.connection)
                self._restart_at = LOG_PAGES if began_anew else self._log_pages + LOG_PAGES
        except apsw.Error as error:
            complain(error)

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK


def _named(connection: apsw.Connection) -> None:
    """A new database's log gets its name."""
    connection.execute(queries.SET_EPOCH, (secrets.token_hex(8),))
