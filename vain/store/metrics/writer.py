"""What is written to a history: commits, seals, imports, deletes, and tries again when the disk fails.

A thread of the crew serves it, one at a time; "on the thread" means that one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from math import inf

from vain.bands import Floats, Integers
from vain.clock import Clock
from vain.errors import StoreFull, Unavailable
from vain.store.connection import Connection
from vain.store.metrics import hot, process_looks, queries, retention, sealing, spans, task_series
from vain.store.metrics.archive import Archive, Ready
from vain.store.metrics.book import SeriesBook, layouts_of
from vain.store.metrics.crew import Crew
from vain.store.metrics.periods import HOUR_MS
from vain.store.metrics.retention import Keep
from vain.store.metrics.waiting import Batch, Waiting

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0
SEAL_RETRY_SECONDS = 60.0
COMPLAINT_SECONDS = 10.0
LONGEST_STEP_SECONDS = 86_400.0
"""Of time that is deleted by age after each hour."""


class Writer:
    """``vain.store.metrics.crew.Served``. Owns the book of series, and takes from ``waiting``. ``writes``: whether
    samples that wait are to be written now, and not dropped.
    """

    def __init__(
        self,
        archive: Archive,
        keep: Keep,
        waiting: Waiting,
        crew: Crew,
        now: Clock,
        writes: Callable[[], bool] = lambda: True,
    ) -> None:
        self._archive, self._keep, self._waiting, self._now, self._writes = archive, keep, waiting, now, writes
        self._complained_at = -inf
        self.seals = 0
        """How many times rows began to become chunks; see ``MetricStore._read``."""
        self.revision = 0
        """Rises when the oldest sample may be another one."""
        with archive.reading() as connection:
            self.book = SeriesBook(connection, archive.revision(connection))
            bounds = connection.execute(queries.HOT_BOUNDS).get
        hours = {int(t) // HOUR_MS for t in bounds if t is not None}
        self._current_hour = max(hours, default=None)
        self._seal_at = 0.0 if len(hours) > 1 else inf
        self.together = archive.together
        self._retry_at = -inf
        self._batch: Batch | None = None
        """What ``ready`` gave."""
        self._ended = threading.Event()
        self._crew = crew
        waiting.heed = partial(crew.heed, self)

    def end(self) -> None:
        """Have what waits written a last time, once ``waiting`` is closed, and wait for it."""
        self._crew.heed(self)
        self._ended.wait()

    def commit_at(self) -> float:
        """See ``Served``."""
        return inf if self._waiting.is_closing else max(self._waiting.due, self._retry_at)

    def work_at(self) -> float:
        """See ``Served``."""
        if self._waiting.has_job or self._waiting.is_closing:
            return inf if self._ended.is_set() else -inf
        return inf if self._current_hour is None else self._seal_at

    def commit(self) -> None:
        """See ``Served``."""
        self._retry_at = self._tried()

    def work(self) -> bool:
        """See ``Served``."""
        job = self._waiting.next_job()
        if job is not None:
            job.finish()
            return False
        if self._waiting.is_closing:
            self._end()
            return False
        self._seal_or_complain()
        return True

    def ready(self) -> Ready | None:
        """See ``Served``."""
        batch, book = self._waiting.read(), self.book
        if book.revision is None or batch.spans or batch.labels or batch.lost or not self._writes():
            return None
        self._batch = batch
        return hot.ready(book, batch.rows)

    def committed(self) -> None:
        """See ``Served``."""
        if self._batch is not None:
            self._settle(self._batch)
            self._batch = None

    def postpone(self, error: Exception | None = None) -> None:
        """See ``Served``."""
        self._batch, self._retry_at = None, time.monotonic() + RETRY_SECONDS
        if error is not None:
            self._complain(error)

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
                if self._waiting.due <= time.monotonic():
                    self._commit()
        finally:
            self._read_book()
            self.revision += 1

    def _end(self) -> None:
        try:
            if self._waiting.due < inf:
                self._tried()
                self._seal_or_complain()
        finally:
            self._ended.set()

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
        return -inf

    def _seal_or_complain(self) -> None:
        try:
            self._seal_if_due()
        except (StoreFull, Unavailable) as error:
            self._complain(error)
        except Exception:
            logger.exception("An hour could not be sealed; it is tried again")

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
        self._settle(batch)

    def _settle(self, batch: Batch) -> None:
        """It is written."""
        self._waiting.settle(batch)
        if batch.rows:
            hours = {batch.rows[0].t // HOUR_MS, self._current_hour or batch.rows[0].t // HOUR_MS}
            self._current_hour = batch.rows[-1].t // HOUR_MS
            if hours != {self._current_hour}:
                self._seal_at = time.monotonic()

    def _seal_if_due(self) -> None:
        if self._current_hour is None or time.monotonic() < self._seal_at:
            return
        self._seal_at = time.monotonic() + SEAL_RETRY_SECONDS
        if not self._writes():
            return
        # A clock that was set back leaves rows on both sides of the hour that is under way.
        begin, end = self._current_hour * HOUR_MS, (self._current_hour + 1) * HOUR_MS
        self._in_transaction(lambda connection: self._seal_in(connection, begin, end))
        self._seal_at = inf
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
            self.book.revision = self._archive.revision(connection)  # with what was changed now
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
