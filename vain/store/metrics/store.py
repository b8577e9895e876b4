"""The metric history: samples go in once a second, windows come out of years.

One thread writes: it commits what waits every ``COMMIT_SECONDS``, synced to disk, and when an hour is over seals it
into chunks. Whoever appends only puts a row into a bounded list, so that neither the disk nor sealing delays a sample;
when the disk is full the list fills, what does not fit is counted and noted as a span, and writing resumes by itself.
Readers are read-only connections and see the rows that wait, too. It lies in a file of its own, so that metrics never
delay a task's commit. Needs no event loop.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw
import numpy as np

from vain import chunks
from vain.bands import Floats, Integers, MetricQuery, MetricWindow
from vain.clock import Clock
from vain.errors import Invalid, Misconfigured, StoreDamaged, StoreFull, Unavailable
from vain.quality import Span
from vain.store.folder import prepare, private_file
from vain.store.metrics import hot, queries, reading, retention, sealing, spans
from vain.store.metrics.book import OWN_HOST, Labels, SeriesBook
from vain.store.metrics.hot import HotRow, hot_row
from vain.store.metrics.periods import (
    BLOCK_HOURS,
    DAY_MS,
    HOUR_MS,
    SECOND_MS,
    chunk_id,
    milliseconds,
    period_of,
)
from vain.store.metrics.retention import Keep
from vain.store.read_gate import ReadGate
from vain.store.sqlite import LOG_PAGES, open_for_reading, open_for_writing

logger = logging.getLogger(__name__)

T = TypeVar("T")

DATABASE_NAME = "metrics.db"
MIGRATIONS = ("schema_1.sql",)
COMMIT_SECONDS = 2.0
"""A crash, or a power cut, takes no more than what came in this time."""
MOST_PENDING = 600
MOST_SPANS_PENDING = 10_000
RETRY_SECONDS = 1.0
SEAL_RETRY_SECONDS = 60.0
COMPLAINT_SECONDS = 10.0
READER_SECONDS = 0.02
"""So long at most readers wait for the write-ahead log to begin anew; see ``ReadGate``."""
CACHE_KIB = 4_096


class _Job(NamedTuple):
    run: Callable[[], Any]
    future: Future[Any]


class MetricStore:
    """The history in ``metrics.db`` of a data folder, which the caller has locked.

    ``host`` is what this machine is called; ``now`` the time of day in Unix seconds, by which old chunks are deleted.
    Every method may be called from any thread; all but ``append`` block. Raises StoreDamaged or Misconfigured on
    opening.
    """

    def __init__(
        self,
        folder: Path,
        period_seconds: float = 1.0,
        keep: Keep = Keep(),  # noqa: B008  (frozen)
        host: str = "",
        most_pending: int = MOST_PENDING,
        now: Clock = time.time,
    ) -> None:
        prepare(folder)
        self.period_seconds = period_seconds
        self.dropped = 0
        """How many samples could not be stored."""
        self._keep, self._most_pending, self._now = keep, most_pending, now
        self._changed = threading.Condition()
        self._pending: list[HotRow] = []
        self._labels: dict[int, Labels] = {}
        self._spans: list[Span] = []
        self._lost: tuple[float, float] | None = None
        self._jobs: deque[_Job] = deque()
        self._closing = False
        self._complained_at = float("-inf")
        self._seal_at = float("-inf")
        self._log_pages = 0
        self._gate = ReadGate()
        self._local = threading.local()
        self._readers: list[apsw.Connection] = []
        self._path = private_file(folder / DATABASE_NAME)
        self._connection = self._opened()
        self._connection.set_wal_hook(self._note_log)
        try:
            with self._connection:
                self._connection.execute(queries.SET_HOST, (OWN_HOST, host))
            self._book = SeriesBook(self._connection)
            self._current_hour = self._newest_hour()
        except BaseException:
            self._connection.close(True)
            raise
        self._writer = threading.Thread(target=self._write, name="vain-metrics", daemon=True)
        self._writer.start()

    def append(
        self,
        t: float,
        values: Iterable[tuple[str, float | None]],
        labels: Callable[[], Labels] = dict,
        spans: Sequence[Span] = (),
    ) -> None:
        """Store one sample at ``t`` (Unix seconds), and spans, within ``COMMIT_SECONDS``; returns at once.

        ``labels`` is called when the sample has a series that is new. While too many samples wait, it is dropped,
        counted, and the time noted as a span of the cause ``not-stored``.
        """
        row = hot_row(milliseconds(t), values)
        described = labels() if any(name not in self._book.ids for name in row.names) else None
        with self._changed:
            if len(self._spans) + len(spans) <= MOST_SPANS_PENDING:
                self._spans.extend(spans)
            if len(self._pending) >= self._most_pending:
                self.dropped += 1
                self._lost = (t, t) if self._lost is None else (self._lost[0], t)
                return
            self._pending.append(row)
            if described:
                self._labels[row.t] = described
            if len(self._pending) == 1:
                self._changed.notify_all()

    def note(self, noted: Sequence[Span]) -> None:
        """Store spans with the next commit, without a sample."""
        with self._changed:
            self._spans.extend(noted[: max(0, MOST_SPANS_PENDING - len(self._spans))])

    def window(self, query: MetricQuery) -> MetricWindow:
        """What is asked for. Raises Invalid for a metric that is not there, and for too many points."""
        with self._changed:  # before the database is looked at: a row may be found twice, but not missed
            pending, noted = tuple(self._pending), tuple(self._spans)
        return self._read(lambda connection: reading.window(reading.snapshot_of(connection, self._book, pending, noted), query))

    def names(self) -> list[str]:
        """Every series that was ever stored and is not forgotten."""
        return list(self._book.ids)

    def labels(self) -> dict[str, str]:
        """The labels of each series as a JSON object."""
        return self._read(lambda connection: dict(connection.execute(queries.LABELS, (OWN_HOST,))))

    def extent(self) -> tuple[float, float] | None:
        """When the oldest and the newest sample were taken (Unix seconds; the oldest to an hour); None without any."""
        with self._changed:
            pending = tuple(self._pending)
        return self._read(lambda connection: _extent(reading.snapshot_of(connection, self._book, pending, ())))

    def size_bytes(self) -> int:
        """What the history takes on disk, with the log that was not taken in yet."""
        files = (self._path, self._path.with_name(f"{DATABASE_NAME}-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def import_rows(self, t: Integers, values: Mapping[str, Floats]) -> int:
        """Store samples from elsewhere at ``t`` (Unix milliseconds, in any order); how many rows they were.

        They are sealed and synced when this returns. A value takes the place of the one that is stored for the same
        time; NaN takes none. Raises Invalid, StoreFull or Unavailable; what was stored by then stays.
        """
        ordered, columns = _in_order(t, values)
        rows = 0
        for day in np.unique(ordered // DAY_MS).tolist():
            first, last = np.searchsorted(ordered, (day * DAY_MS, (day + 1) * DAY_MS)).tolist()
            part = {name: column[first:last] for name, column in columns.items()}
            rows += self._on_writer(partial(self._import, ordered[first:last], part))
        return rows

    def flush(self) -> None:
        """Commit what waits, and seal the hours that are over. Raises StoreFull or Unavailable when that fails."""
        self._on_writer(self._commit_and_seal)

    def forget(self) -> None:
        """Delete what is too old or too much now, as after each hour."""
        self._on_writer(self._forget)

    def close(self) -> None:
        """Commit what waits, end the thread. Nobody may read any more. Twice is once."""
        with self._changed:
            if self._closing:
                return
            self._closing = True
            self._changed.notify_all()
        self._writer.join()
        # The last connection takes the log into the database, so the one that may write has to be it.
        for connection in self._readers:
            connection.close(True)
        self._connection.close(True)

    # --- the writing thread ---

    def _write(self) -> None:
        retry_at = float("-inf")
        while True:
            job, closing = self._next_job(retry_at)
            if job is not None:
                _finish(job)
                continue
            try:
                self._commit_and_seal()
                retry_at = float("-inf")
            except (StoreFull, Unavailable) as error:
                self._complain(error)
                retry_at = time.monotonic() + RETRY_SECONDS
            except Exception:
                logger.exception("The history could not be written")
                retry_at = time.monotonic() + SEAL_RETRY_SECONDS
            if closing:
                return

    def _next_job(self, retry_at: float) -> tuple[_Job | None, bool]:
        """Wait until there is a job, something to commit, or the end; (None, whether to end) means: commit."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._jobs or self._pending or self._closing))
            due = max(time.monotonic() + COMMIT_SECONDS, retry_at)
            while not self._jobs and not self._closing and (left := due - time.monotonic()) > 0:
                self._changed.wait(left)
            if self._jobs:
                return self._jobs.popleft(), False
            return None, self._closing

    def _on_writer(self, run: Callable[[], T]) -> T:
        future: Future[T] = Future()
        with self._changed:
            if self._closing:
                raise Unavailable("The history is closed.")
            self._jobs.append(_Job(run, future))
            self._changed.notify_all()
        return future.result()

    def _commit_and_seal(self) -> None:
        self._commit()
        self._seal_if_due()

    def _commit(self) -> None:
        with self._changed:
            rows, noted, labels, lost = list(self._pending), list(self._spans), dict(self._labels), self._lost
        if not rows and not noted:
            return
        lost_span = [] if lost is None else [Span("not-stored", *lost)]

        def change(connection: apsw.Connection) -> None:
            hot.put(connection, self._book, rows, labels)
            spans.put(connection, self._book, [*noted, *lost_span])

        self._in_transaction(change)
        with self._changed:
            del self._pending[: len(rows)], self._spans[: len(noted)]
            self._labels = {t: described for t, described in self._labels.items() if t not in labels}
            if self._lost == lost:
                self._lost = None
        if rows:
            before, self._current_hour = self._current_hour, rows[-1].t // HOUR_MS
            if before not in (None, self._current_hour):
                self._seal_at = time.monotonic()

    def _seal_if_due(self) -> None:
        if self._current_hour is None or time.monotonic() < self._seal_at:
            return
        self._seal_at = time.monotonic() + SEAL_RETRY_SECONDS
        # A clock that was set back leaves rows on both sides of the hour that is under way.
        self._seal(self._current_hour * HOUR_MS, (self._current_hour + 1) * HOUR_MS)
        self._seal_at = float("inf")
        self._forget()
        self._restart_log()

    def _seal(self, begin: int = 0, end: int = 0) -> None:
        """All rows but those from ``begin`` to ``end`` (milliseconds) become chunks."""
        rows = list(self._connection.execute(queries.HOT_OUTSIDE, (begin, end)))
        if not rows:
            return
        columns = hot.columns(rows, self._book.layouts)
        made = sealing.chunks_of(self._connection, self._book, columns.t, columns.values)

        def change(connection: apsw.Connection) -> None:
            made.put(connection)
            connection.execute(queries.FORGET_HOT_OUTSIDE, (begin, end))
            connection.execute(queries.FORGET_LAYOUTS)

        self._in_transaction(change)
        self._book.reload(self._connection)

    def _import(self, t: Integers, values: Mapping[str, Floats]) -> int:
        hours = int(t[0]) // HOUR_MS * HOUR_MS, (int(t[-1]) // HOUR_MS + 1) * HOUR_MS
        if self._connection.execute(queries.HOT, hours).fetchone() is not None:
            self._seal()  # so that both meet in one chunk

        def change(connection: apsw.Connection) -> None:
            self._book.add(connection, values)
            numbered = {self._book.ids[name]: column for name, column in values.items() if name in self._book.ids}
            sealing.chunks_of(connection, self._book, t, numbered, snap=True).put(connection)

        self._in_transaction(change)
        if self._log_pages >= LOG_PAGES:
            self._restart_log()
        return len(t)

    def _forget(self) -> None:
        try:
            retention.forget(self._connection, self._book, self._keep, self._now())
        except apsw.Error as error:
            raise _refusal(error) from error

    def _in_transaction(self, change: Callable[[apsw.Connection], None]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            change(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._book.reload(self._connection)
            if isinstance(error, apsw.Error):
                raise _refusal(error) from error
            raise

    def _restart_log(self) -> None:
        """Take the log into the database and begin it anew, unless a reader needs it for longer than a moment."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            with self._gate.closed(READER_SECONDS) as is_empty:
                if is_empty:
                    self._connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
        except apsw.Error as error:
            self._complain(error)

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _complain(self, error: Exception) -> None:
        """At most once in a while: a full disk must not be filled by its own log."""
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("Samples could not be written (%d were dropped so far): %s", self.dropped, error)

    # --- reading ---

    def _read(self, query: Callable[[apsw.Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_for_reading(self._path, CACHE_KIB)
            self._readers.append(connection)
        with self._gate.reading():
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")

    def _opened(self) -> apsw.Connection:
        try:
            return open_for_writing(
                self._path, MIGRATIONS, "vain.store.metrics", cache_kib=CACHE_KIB, gives_space_back=True
            )
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise StoreDamaged(f"{self._path} is damaged and was not touched: {error}.") from error
        except apsw.Error as error:
            raise Misconfigured(f"{self._path} cannot be opened: {error}; --data names another folder.") from error

    def _newest_hour(self) -> int | None:
        newest = self._connection.execute(queries.HOT_BOUNDS).get[1]
        return None if newest is None else int(newest) // HOUR_MS


def _finish(job: _Job) -> None:
    try:
        result = job.run()
    except BaseException as error:  # noqa: BLE001  (whoever waits gets it)
        job.future.set_exception(error)
    else:
        job.future.set_result(result)


def _refusal(error: apsw.Error) -> StoreFull | Unavailable:
    if isinstance(error, apsw.FullError):
        return StoreFull("The disk is full: no samples can be stored until there is space; reading goes on.")
    return Unavailable(f"The history could not be written to disk: {error}.")


def _in_order(t: Integers, values: Mapping[str, Floats]) -> tuple[Integers, dict[str, Floats]]:
    """In order of time, each time once: of two rows for one time the later one stands."""
    for name, column in values.items():
        if len(column) != len(t):
            raise Invalid(f"{name} has {len(column)} values for {len(t)} times.")
        if np.isinf(column).any():
            raise Invalid(f"{name} has an infinite value.")
    if len(t) and not 0 <= int(t.min()) <= int(t.max()) < _LATEST_MS:
        raise Invalid("A time is before 1970 or after 9999.")
    order = np.argsort(t, kind="stable")
    order = order[np.append(np.diff(t[order]) > 0, True)] if len(t) else order
    return t[order], {name: column[order] for name, column in values.items()}


_LATEST_MS = 253_370_764_800_000


def _extent(snapshot: reading.Snapshot) -> tuple[float, float] | None:
    connection, everything = snapshot.connection, (chunk_id(OWN_HOST, 0), chunk_id(OWN_HOST + 1, 0) - 1)
    hot_bounds = [t for t in connection.execute(queries.HOT_BOUNDS).get if t is not None]
    moments = [*hot_bounds, *(row.t for row in snapshot.pending)]
    for number in snapshot.book.names:
        row = connection.execute(queries.FIRST_HOURS, (chunk_id(number, 0), chunk_id(number + 1, 0) - 1)).fetchone()
        if row is not None:
            first = int(np.argmax(chunks.unpack_bands(row[1]).count > 0))
            moments.append((period_of(row[0]) * BLOCK_HOURS + first) * HOUR_MS)
    last = connection.execute(queries.LAST_TIMES, everything).fetchone()
    if last is not None:
        moments.append(int(chunks.unpack_integers(last[1])[-1]) + period_of(last[0]) * HOUR_MS)
    return (min(moments) / SECOND_MS, max(moments) / SECOND_MS) if moments else None
