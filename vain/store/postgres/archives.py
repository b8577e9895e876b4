"""The metric history of all hosts in PostgreSQL: a host's rows, read by any server, written by one at a time.

Whoever writes holds an advisory lock of the host for as long as the transaction takes: so an hour is sealed once,
though two servers do it, and two that find a new series give it one number. Connections belong to no host, and are few.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from vain.bands import Floats
from vain.errors import Unavailable
from vain.store.connection import Bindings, Connection
from vain.store.postgres.connection import LoopThread, PostgresConnection, PostgresRows
from vain.store.postgres.history_writing import FAILURES, transaction
from vain.store.postgres.metric_words import CHANGE_BOOK, STREAMED, STREAMED_WHOLE, TABLES, WORDS
from vain.store.postgres.of_all import means_of_all
from vain.store.postgres.pool import Pool
from vain.store.postgres.revisions import NOBODY, revision_of
from vain.store.postgres.together import PostgresTogether

MOST_WRITERS: Final = 4
MOST_READERS: Final = 4
"""Connections of a server, for the histories of all hosts."""
_EVERYTHING: Final = (-(1 << 63), (1 << 63) - 1)
_NO_HOUR: Final = (0, 0)
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('vain history ' || current_schema()), {})"
_BEGIN: Final = f"BEGIN ISOLATION LEVEL READ COMMITTED; {_LOCK}"
_REVISION: Final = "SELECT host_id, revision FROM metric_hosts WHERE host_id = $1"
_HOST: Final = "SELECT host_id, revision FROM metric_hosts WHERE name = $1"
_ADD_HOST: Final = "INSERT INTO metric_hosts (name) VALUES ($1) ON CONFLICT (name) DO NOTHING"
_CHANGED: Final = "UPDATE metric_hosts SET revision = revision + 1 WHERE host_id = $1"
_FORGET_HOST: Final = "DELETE FROM metric_hosts WHERE host_id = $1"


class HostConnection:
    """``vain.store.connection.Connection`` to the rows of one host, in words of its own."""

    def __init__(self, connection: PostgresConnection, host_id: int, revision: int) -> None:
        self._connection, self.host_id = connection, host_id
        self.revision = revision_of(host_id, revision)
        self.is_changed = False
        """Whether other servers have to look at the host anew."""

    def execute(self, text: str, values: Bindings | None = None, /) -> PostgresRows:
        """See ``Connection``. Raises KeyError for what is no statement of the history."""
        self.is_changed |= text in CHANGE_BOOK
        bound = tuple(values or ())
        is_streamed = text in STREAMED or (text in STREAMED_WHOLE and bound in (_EVERYTHING, _NO_HOUR))
        return self._connection.rows(WORDS[text], (self.host_id, *bound), is_streamed)

    def executemany(self, text: str, values: Iterable[Sequence[Any]], /) -> None:
        """See ``Connection``."""
        rows = [(self.host_id, *row) for row in values]
        self.is_changed |= text in CHANGE_BOOK and bool(rows)
        self._connection.many(WORDS[text], rows)

    def forget(self, text: str) -> None:
        """Delete rows of the host with what is no statement of the history."""
        self._connection.value(text, self.host_id)


class PostgresArchive:
    """``vain.store.metrics.archive.Archive``. Nothing is asked of the database before it is used."""

    is_shared = True

    def __init__(self, host: str, readers: Pool, writers: Pool, together: PostgresTogether) -> None:
        self._host, self._readers, self._writers = host, readers, writers
        self.together = together
        self._host_id: int | None = None
        self._is_closed = False

    @contextmanager
    def changing(self) -> Iterator[HostConnection]:
        """See ``Archive``."""
        self._check_open()
        with transaction(self._writers) as connection:
            host = self._begun(connection)
            yield host
            if host.is_changed:
                connection.value(_CHANGED, host.host_id)
                host.revision += 1

    @contextmanager
    def reading(self) -> Iterator[HostConnection]:
        """See ``Archive``. Of a host of which nothing was ever stored it is empty."""
        self._check_open()
        try:
            with self._readers.taken() as connection:
                connection.begin_reading()
                try:
                    known = connection.row(_HOST, self._host)
                    yield HostConnection(connection, *((NOBODY, 0) if known is None else known))
                finally:
                    connection.end_reading()
        except FAILURES as error:
            raise Unavailable("The database cannot be reached; try again in a moment.") from error

    def revision(self, connection: Connection) -> int:
        """See ``Archive``."""
        return connection.revision if isinstance(connection, HostConnection) else NOBODY

    def give_back(self) -> Iterator[None]:
        """PostgreSQL does so by itself."""
        yield from ()

    def rest(self) -> None:
        """PostgreSQL tidies up by itself."""

    def close(self) -> None:
        """See ``Archive``."""
        self._is_closed = True

    def forget(self) -> None:
        """Delete all of it."""
        with self.changing() as host:
            for table in TABLES:
                host.forget(f"DELETE FROM {table} WHERE host_id = $1")  # noqa: S608  (a table of ours)
            host.forget(_FORGET_HOST)

    def _begun(self, connection: PostgresConnection) -> HostConnection:
        """A transaction in which nobody else writes to the host."""
        while True:
            if self._host_id is None:
                self._host_id = _introduced(connection, self._host)
            connection.command(_BEGIN.format(self._host_id))
            # A statement of its own: it has to see what whoever had the lock before has committed.
            known = connection.row(_REVISION, self._host_id)
            if known is not None:
                return HostConnection(connection, *known)
            connection.command("ROLLBACK")
            self._host_id = None  # another server has forgotten it

    def _check_open(self) -> None:
        if self._is_closed:
            raise Unavailable("The history is closed.")


class PostgresArchives:
    """``vain.store.metrics.archive.Archives``. The tables are those of this version: the store was opened before."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self._loop = LoopThread()
        self._readers = Pool(self._loop, url, "vain history reader", MOST_READERS, writes=False)
        self._writers = Pool(self._loop, url, "vain history writer", MOST_WRITERS, writes=True)
        self._together = PostgresTogether(self._writers)

    def own(self, host: str) -> PostgresArchive:
        """See ``Archives``."""
        return self.other(host)

    def other(self, host: str) -> PostgresArchive:
        """See ``Archives``."""
        return PostgresArchive(host, self._readers, self._writers, self._together)

    def names(self) -> list[str]:
        """See ``Archives``."""
        try:
            with self._readers.taken() as connection:
                return [str(name) for (name,) in connection.all("SELECT name FROM metric_hosts ORDER BY name")]
        except FAILURES as error:
            raise Unavailable("The database cannot be reached; try again in a moment.") from error

    def means_of_all(self, metric: str, t: Floats, step: float) -> dict[str, Floats]:
        """See ``Archives``."""
        try:
            with self._readers.taken() as connection:
                connection.begin_reading()
                try:
                    return means_of_all(connection, metric, t, step)
                finally:
                    connection.end_reading()
        except FAILURES as error:
            raise Unavailable("The database cannot be reached; try again in a moment.") from error

    def forget(self, host: str) -> None:
        """See ``Archives``."""
        self.other(host).forget()

    def close(self) -> None:
        """See ``Archives``."""
        self._readers.close()
        self._writers.close()
        self._loop.close()


def _introduced(connection: PostgresConnection, name: str) -> int:
    known = connection.row(_HOST, name)
    if known is None:
        connection.value(_ADD_HOST, name)
        known = connection.row(_HOST, name)
    return int(known["host_id"])
