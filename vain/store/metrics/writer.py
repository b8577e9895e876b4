"""The one thread that writes the history: commits, seals, imports, deletes, and tries again when the disk fails."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

from vain.bands import Floats, Integers
from vain.clock import Clock
from vain.errors import StoreFull, Unavailable
from vain.store.connection import Connection
from vain.store.metrics import hot, process_looks, queries, retention, sealing, spans, task_series
from vain.store.metrics.archive import Archive
from vain.store.metrics.book import SeriesBook, layouts_of
from vain.store.metrics.periods import HOUR_MS
from vain.store.metrics.retention import Keep
from vain.store.metrics.waiting import Waiting

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
SEAL_RETRY_SECONDS = 60.0
COMPLAINT_SECONDS = 10.0
LONGEST_STEP_SECONDS = 86_400.0
"""Of time that is deleted by age after each hour."""


class Writer:
    """Owns the book of series and the thread that writes, which takes from ``waiting``. It begins with the first thing
    that is to be written. ``writes``: whether samples that wait are to be written now, and not dropped.
    """

    def __init__(
        self, archive: Archive, keep: Keep, waiting: Waiting, now: Clock, writes: Callable[[], bool] = lambda: True
    ) -> None:
        self._archive, self._keep, self._waiting, self._now, self._writes = archive, keep, waiting, now, writes
        self._complained_at = float("-inf")
        self._seal_at = float("-inf")
        self.seals = 0
        """How many times rows began to become chunks; see ``MetricStore._read``."""
        self.revision = 0
        """Rises when the oldest sample may be another one."""
        with archive.reading() as connection:
            self.book = SeriesBook(connection, archive.revision(connection))
            newest = connection.execute(queries.HOT_BOUNDS).get[1]
        self._current_hour = None if newest is None else int(newest) // HOUR_MS
        self._begin_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Have the thread run from now on."""
        if self._thread is None:
            with self._begin_lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._write, name="vain-metrics", daemon=True)
                    self._thread.start()

    def join(self) -> None:
        """Wait for the end of the thread, once ``waiting`` is closed."""
        with self._begin_lock:
            if self._thread is not None:
                self._thread.join()

    def commit_and_seal(self) -> None:
        """Write what waits; chunks for the hours that are over. On the thread. Raises StoreFull or Unavailable."""
        self._commit()
        self._seal_if_due()

    def take_in(self, t: Integers, values: Mapping[str, Floats]) -> int:
        """Samples from elsewhere, ascending and within one day, straight into chunks. On the thread."""
        self.revision += 1
        hours = int(t[0]) // HOUR_MS * HOUR_MS, (int(t[-1]) // HOUR_MS + 1) * HOUR_MS

        def change(connection: Connection) -> None:
            if connection.execute(queries.HOT, hours).fetchone() is not None:
                self._seal_in(connection)  # so that both meet in one chunk
            self.book.add(connection, values)
            numbered = {self.book.ids[name]: column for name, column in values.items() if name in self.book.ids}
            sealing.chunks_of(connection, self.book, t, numbered, snap=True).put(connection)

        self._in_transaction(change)
        return len(t)

    def forget(self, most_seconds: float | None = None) -> None:
        """Delete what is too old or too much, by age no more than so much time at once. On the thread.

        Samples that are due are committed in between. Raises StoreFull or Unavailable.
        """
        try:
            for _ in retention.steps(self._archive, self.book, self._keep, self._now(), most_seconds):
                if self._waiting.is_due():
                    self._commit()
        finally:
            self._read_book()
            self.revision += 1

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
        if not self._writes():  # another server does
            self._waiting.settle(batch)
            return

        def change(connection: Connection) -> None:
            hot.put(connection, self.book, batch.rows, batch.labels)
            spans.put(connection, self.book, batch.noted)

        self._in_transaction(change)
        self._waiting.settle(batch)
        if batch.rows:
            before, self._current_hour = self._current_hour, batch.rows[-1].t // HOUR_MS
            if before not in (None, self._current_hour):
                self._seal_at = time.monotonic()

    def _seal_if_due(self) -> None:
        if self._current_hour is None or time.monotonic() < self._seal_at or not self._writes():
            return
        self._seal_at = time.monotonic() + SEAL_RETRY_SECONDS
        # A clock that was set back leaves rows on both sides of the hour that is under way.
        begin, end = self._current_hour * HOUR_MS, (self._current_hour + 1) * HOUR_MS
        self._in_transaction(lambda connection: self._seal_in(connection, begin, end))
        self._seal_at = float("inf")
        # A clock that is wrong for a moment must not take years away.
        self.forget(LONGEST_STEP_SECONDS)
        self._archive.rest()

    def _seal_in(self, connection: Connection, begin: int = 0, end: int = 0) -> None:
        """All rows but those from ``begin`` to ``end`` (milliseconds) become chunks. They are read in the transaction
        that is open: another server may seal the same hour."""
        self.seals += 1
        rows: list[hot.StoredRow] = list(connection.execute(queries.HOT_OUTSIDE, (begin, end)))
        if not rows:
            return
        columns = hot.columns(rows, layouts_of(connection))
        made = sealing.chunks_of(connection, self.book, columns.t, columns.values)
        of_tasks = task_series.sealed(connection, begin, end)
        of_processes = process_looks.sealed(connection, begin, end)
        made.put(connection)
        connection.execute(queries.FORGET_HOT_OUTSIDE, (begin, end))
        connection.executemany(queries.PUT_TASK_CHUNK, of_tasks)
        connection.execute(queries.FORGET_TASK_ROWS_OUTSIDE, (begin, end))
        connection.executemany(queries.PUT_PROCESS_HOUR, of_processes)
        connection.execute(queries.FORGET_PROCESS_LOOKS_OUTSIDE, (begin, end))
        connection.execute(queries.FORGET_LAYOUTS)
        self.book.reload(connection, self._archive.revision(connection))

    def _in_transaction(self, change: Callable[[Connection], None]) -> None:
        try:
            with self._archive.changing() as connection:
                self.book.refresh(connection, self._archive.revision(connection))
                change(connection)
        except BaseException:
            self._read_book()
            raise

    def _read_book(self) -> None:
        """What it says may have been undone."""
        if self._archive.is_shared:
            self.book.revision = None  # nobody else reads it, and it is read again before it is needed
            return
        with self._archive.reading() as connection:
            self.book.reload(connection)

    def _complain(self, error: Exception) -> None:
        """At most once in a while: a full disk must not be filled by its own log."""
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("Samples could not be written (%d were dropped so far): %s", self._waiting.dropped, error)
