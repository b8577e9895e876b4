"""The history of one host as a SQLite file, ``metrics.db``: one connection writes, others read."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from vain.bands import Floats
from vain.errors import Misconfigured, StoreDamaged, StoreFull, Unavailable
from vain.store.connection import Connection
from vain.store.folder import prepare, private_file
from vain.store.metrics import queries
from vain.store.metrics.book import OWN_HOST
from vain.store.read_gate import ReadGate
from vain.store.sqlite import LOG_PAGES, open_for_reading, open_for_writing, restart_log

logger = logging.getLogger(__name__)

DATABASE_NAME = "metrics.db"
HOSTS_FOLDER = "hosts"
"""In it a folder for each machine with an agent, with a history of its own."""
MIGRATIONS = ("schema_1.sql", "schema_2.sql", "schema_3.sql")
READER_SECONDS = 0.02
"""So long at most readers wait for the write-ahead log to begin anew; see ``ReadGate``."""
CACHE_KIB = 4_096
MOST_IDLE = 4
SMALL_CACHE_KIB, FEW_IDLE = 256, 1
"""Of other machines: there may be many of them."""
VACUUM_PAGES = 2_000
"""Pages given back in one step: 8 MB, some milliseconds."""


class SqliteArchive:
    """``vain.store.metrics.archive.Archive`` in a folder, which the caller has locked.

    ``host`` is what the machine is called; ``cache_kib`` and ``most_idle`` are what a connection keeps of the file, and
    how many wait for readers. Raises StoreDamaged or Misconfigured on opening.
    """

    is_shared = False
    together = None

    def __init__(self, folder: Path, host: str = "", cache_kib: int = CACHE_KIB, most_idle: int = MOST_IDLE) -> None:
        prepare(folder)
        self._path = private_file(folder / DATABASE_NAME)
        self._cache_kib, self._most_idle = cache_kib, most_idle
        self._gate = ReadGate()
        self._lock = threading.Lock()
        self._idle: list[apsw.Connection] | None = []
        """Connections that nobody reads with; None once it is closed."""
        self._log_pages, self._restart_at = 0, LOG_PAGES
        self._connection = _opened(self._path, cache_kib)
        self._connection.set_wal_hook(self._note_log)
        try:
            with self._connection:
                self._connection.execute(queries.SET_HOST, (OWN_HOST, host))
        except BaseException:
            self._connection.close(True)
            raise

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """See ``Archive``."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, apsw.Error):
                raise _refusal(error) from error
            raise
        if self._log_pages >= self._restart_at:
            self.rest()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See ``Archive``."""
        connection = self._taken()
        try:
            with self._gate.reading():
                connection.execute("BEGIN")
                try:
                    connection.execute(queries.HOT_BOUNDS).fetchall()  # from here on it is one snapshot
                    yield connection
                finally:
                    connection.execute("COMMIT")
        finally:
            self._give_back(connection)

    def revision(self, connection: Connection) -> int:
        """Nobody else writes."""
        return 0

    def give_back(self) -> Iterator[None]:
        """See ``Archive``."""
        try:
            free = int(self._connection.execute("PRAGMA freelist_count").get)
            while free > 0:
                self._connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
                before, free = free, int(self._connection.execute("PRAGMA freelist_count").get)
                if free >= before:
                    return
                yield
        except apsw.Error as error:
            raise _refusal(error) from error

    def rest(self) -> None:
        """Take the log into the database and begin it anew, unless a reader needs it for longer than a moment."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self._gate.closed(READER_SECONDS) as is_empty:
                began_anew = is_empty and restart_log(self._connection)
            self._restart_at = LOG_PAGES if began_anew else self._log_pages + LOG_PAGES
        except apsw.Error as error:
            logger.info("The log of %s could not begin anew: %s", self._path, error)

    def close(self) -> None:
        """See ``Archive``. The last connection that closes takes the log into the database, so it is the one that may
        write."""
        with self._lock:
            idle, self._idle = self._idle, None
        for connection in idle or ():
            connection.close(True)
        self._connection.close(True)

    def _taken(self) -> apsw.Connection:
        with self._lock:
            if self._idle is None:
                raise Unavailable("The history is closed.")
            if self._idle:
                return self._idle.pop()
        return open_for_reading(self._path, self._cache_kib)

    def _give_back(self, connection: apsw.Connection) -> None:
        with self._lock:
            if self._idle is not None and len(self._idle) < self._most_idle:
                self._idle.append(connection)
                return
        connection.close(True)

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK


class FolderArchives:
    """``vain.store.metrics.archive.Archives`` in a data folder, which the caller has locked."""

    is_shared = False

    def __init__(self, folder: Path, own_name: str = "") -> None:
        self._folder, self.own_name = folder, own_name

    def own(self, host: str) -> SqliteArchive:
        """See ``Archives``."""
        return SqliteArchive(self._folder, host)

    def other(self, host: str) -> SqliteArchive:
        """See ``Archives``."""
        return SqliteArchive(self._folder / HOSTS_FOLDER / host, host, SMALL_CACHE_KIB, FEW_IDLE)

    def names(self) -> list[str]:
        """See ``Archives``; that of the machine itself is called ``own_name``."""
        others = sorted(path.parent.name for path in (self._folder / HOSTS_FOLDER).glob(f"*/{DATABASE_NAME}"))
        return [*([self.own_name] if (self._folder / DATABASE_NAME).is_file() else []), *others]

    def means_of_all(self, metric: str, t: Floats, step: float) -> None:
        """Each is a file of its own."""

    def forget(self, host: str) -> None:
        """See ``Archives``."""
        shutil.rmtree(self._folder / HOSTS_FOLDER / host, ignore_errors=True)

    def close(self) -> None:
        """Each is closed by who opened it."""


def _opened(path: Path, cache_kib: int) -> apsw.Connection:
    try:
        return open_for_writing(path, MIGRATIONS, "vain.store.metrics", cache_kib=cache_kib, gives_space_back=True)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise StoreDamaged(f"{path} is damaged and was not touched: {error}.") from error
    except apsw.Error as error:
        raise Misconfigured(f"{path} cannot be opened: {error}; --data names another folder.") from error


def _refusal(error: apsw.Error) -> StoreFull | Unavailable:
    if isinstance(error, apsw.FullError):
        return StoreFull("The disk is full: no samples can be stored until there is space; reading goes on.")
    return Unavailable(f"The history could not be written to disk: {error}.")
