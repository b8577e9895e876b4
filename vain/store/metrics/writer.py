"""The one thread that writes the history: commits, seals, imports, deletes, and tries again when the disk fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import apsw

from vain.bands import Floats, Integers
from vain.clock import Clock
from vain.errors import Misconfigured, StoreDamaged, StoreFull, Unavailable
from vain.store.metrics import hot, process_looks, queries, retention, sealing, spans, task_series
from vain.store.metrics.book import OWN_HOST, SeriesBook, layouts_of
from vain.store.metrics.periods import HOUR_MS
from vain.store.metrics.retention import Keep
from vain.store.metrics.waiting import Waiting
from vain.store.read_gate import ReadGate
from vain.store.sqlite import LOG_PAGES, open_for_writing, restart_log

logger = logging.getLogger(__name__)

MIGRATIONS = ("schema_1.sql", "schema_2.sql", "schema_3.sql")
RETRY_SECONDS = 1.0
SEAL_RETRY_SECONDS = 60.0
COMPLAINT_SECONDS = 10.0
LONGEST_STEP_SECONDS = 86_400.0
"""Of time that is deleted by age after each hour."""
READER_SECONDS = 0.02
"""So long at most readers wait for the write-ahead log to begin anew; see ``ReadGate``."""
CACHE_KIB = 4_096


class Writer:
    """Owns the connection that writes, the book of series and the thread, which takes from ``waiting``.

    Raises StoreDamaged or Misconfigured when the database cannot be opened.
    """

    def __init__(self, path: Path, host: str, keep: Keep, waiting: Waiting, gate: ReadGate, now: Clock,
        cache_kib: int = CACHE_KIB,
    ) -> None:  # fmt: skip
        self._keep, self._waiting, self._gate, self._now = keep, waiting, gate, now
        self._complained_at = float("-inf")
        self._seal_at = float("-inf")
        self._log_pages, self._restart_at = 0, LOG_PAGES
        self.seals = 0
        """How many times rows began to become chunks; see ``MetricStore._read``."""
        self.revision = 0
        """Rises when the oldest sample may be another one."""
        self._connection = _opened(path, cache_kib)
        self._connection.set_wal_hook(self._note_log)
        try:
            with self._connection:
                self._connection.execute(queries.SET_HOST, (OWN_HOST, host))
            self.book = SeriesBook(self._connection)
            newest = self._connection.execute(queries.HOT_BOUNDS).get[1]
        except BaseException:
            self._connection.close(True)
            raise
        self._current_hour = None if newest is None else int(newest) // HOUR_MS
        self._thread = threading.Thread(target=self._write, name="vain-metrics", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, once ``waiting`` is closed."""
        self._thread.join()

    def close(self) -> None:
        """Let go of the database; the last connection that closes takes the log into it."""
        self._connection.close(True)

    def commit_and_seal(self) -> None:
        """Write what waits; chunks for the hours that are over. On the thread. Raises StoreFull or Unavailable."""
        self._commit()
        self._seal_if_due()

    def take_in(self, t: Integers, values: Mapping[str, Floats]) -> int:
        """Samples from elsewhere, ascending and within one day, straight into chunks. On the thread."""
        self.revision += 1
        hours = int(t[0]) // HOUR_MS * HOUR_MS, (int(t[-1]) // HOUR_MS + 1) * HOUR_MS
        if self._connection.execute(queries.HOT, hours).fetchone() is not None:
            self._seal()  # so that both meet in one chunk

        def change(connection: apsw.Connection) -> None:
            self.book.add(connection, values)
            numbered = {self.book.ids[name]: column for name, column in values.items() if name in self.book.ids}
            sealing.chunks_of(connection, self.book, t, numbered, snap=True).put(connection)

        self._in_transaction(change)
        return len(t)

    def forget(self, most_seconds: float | None = None) -> None:
        """Delete what is too old or too much, by age no more than so much time at once. On the thread.

        Samples that are due are committed in between.
        """
        try:
            for _ in retention.steps(self._connection, self.book, self._keep, self._now(), most_seconds):
                if self._waiting.is_due():
                    self._commit()
            self.book.reload(self._connection)
        except apsw.Error as error:
            raise _refusal(error) from error
        finally:
            self.revision += 1

    def restart_log(self) -> None:
        """Take the log into the database and begin it anew, unless a reader needs it for longer than a moment."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self._gate.closed(READER_SECONDS) as is_empty:
                began_anew = is_empty and restart_log(self._connection)
            self._restart_at = LOG_PAGES if began_anew else self._log_pages + LOG_PAGES
        except apsw.Error as error:
            self._complain(error)

    def _write(self) -> None:
        retry_at = float("-inf")
        ended = False
        while not ended:
            job, ended = self._waiting.next_job(retry_at)
            if job is not None:
                job.finish()
                continue
            retry_at = self._tried()

    def _tried(self) -> float:
        """Write what waits; when to try again at the earliest (monotonic)."""
        try:
            self._commit()
        except (StoreFull, Unavailable) as error:
            self._complain(error)
            return time.monotonic() + RETRY_SECONDS
        except Exception:
            logger.exception("Samples could not be written together; they are written one by one")
            self._commit_each()
        try:
            self._seal_if_due()
        except (StoreFull, Unavailable) as error:
            self._complain(error)
        except Exception:
            logger.exception("An hour could not be sealed; it is tried again")
        return float("-inf")

    def _commit_each(self) -> None:
        """One row that cannot be written must not keep the others from it for ever."""
        batch = self._waiting.read()
        for row in batch.rows:
            try:
                self._in_transaction(partial(hot.put, book=self.book, rows=[row], labels={}))
            except Exception:
                logger.exception("A sample was given up")
        self._waiting.settle(batch)

    def _commit(self) -> None:
        batch = self._waiting.read()
        if not batch.rows and not batch.spans:
            return

        def change(connection: apsw.Connection) -> None:
            hot.put(connection, self.book, batch.rows, batch.labels)
            spans.put(connection, self.book, batch.noted)

        self._in_transaction(change)
        self._waiting.settle(batch)
        if batch.rows:
            before, self._current_hour = self._current_hour, batch.rows[-1].t // HOUR_MS
            if before not in (None, self._current_hour):
                self._seal_at = time.monotonic()

    def _seal_if_due(self) -> None:
        if self._current_hour is None or time.monotonic() < self._seal_at:
            return
        self._seal_at = time.monotonic() + SEAL_RETRY_SECONDS
        # A clock that was set back leaves rows on both sides of the hour that is under way.
        self._seal(self._current_hour * HOUR_MS, (self._current_hour + 1) * HOUR_MS)
        self._seal_at = float("inf")
        # A clock that is wrong for a moment must not take years away.
        self.forget(LONGEST_STEP_SECONDS)
        self.restart_log()

    def _seal(self, begin: int = 0, end: int = 0) -> None:
        """All rows but those from ``begin`` to ``end`` (milliseconds) become chunks."""
        self.seals += 1
        rows = list(self._connection.execute(queries.HOT_OUTSIDE, (begin, end)))
        if not rows:
            return
        columns = hot.columns(rows, layouts_of(self._connection))
        made = sealing.chunks_of(self._connection, self.book, columns.t, columns.values)
        of_tasks = task_series.sealed(self._connection, begin, end)
        of_processes = process_looks.sealed(self._connection, begin, end)

        def change(connection: apsw.Connection) -> None:
            made.put(connection)
            connection.execute(queries.FORGET_HOT_OUTSIDE, (begin, end))
            connection.executemany(queries.PUT_TASK_CHUNK, of_tasks)
            connection.execute(queries.FORGET_TASK_ROWS_OUTSIDE, (begin, end))
            connection.executemany(queries.PUT_PROCESS_HOUR, of_processes)
            connection.execute(queries.FORGET_PROCESS_LOOKS_OUTSIDE, (begin, end))
            connection.execute(queries.FORGET_LAYOUTS)

        self._in_transaction(change)
        self.book.reload(self._connection)

    def _in_transaction(self, change: Callable[[apsw.Connection], None]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            change(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self.book.reload(self._connection)
            if isinstance(error, apsw.Error):
                raise _refusal(error) from error
            raise
        if self._log_pages >= self._restart_at:
            self.restart_log()

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _complain(self, error: Exception) -> None:
        """At most once in a while: a full disk must not be filled by its own log."""
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("Samples could not be written (%d were dropped so far): %s", self._waiting.dropped, error)


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
