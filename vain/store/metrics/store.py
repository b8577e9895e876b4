"""The metric history: samples go in once a second, windows come out of years.

Whoever appends only puts a row into a bounded list (``waiting.py``), so that neither the disk nor sealing delays a
sample. A thread (``crew.py``) has it written (``writer.py``): what waits is committed every ``COMMIT_SECONDS``, synced
to disk, and when an hour is over it is sealed into chunks. Readers are read-only connections and see the rows that
wait, too. It lies in a file of its own, so that metrics never delay a task's commit. Needs no event loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from vain.bands import Floats, Integers, MetricQuery, MetricWindow
from vain.busiest import Process
from vain.clock import Clock
from vain.codec import encode
from vain.errors import Invalid, Unavailable
from vain.explaining.use import TaskUse, Thinned
from vain.looks import Looks
from vain.quality import Span
from vain.store.connection import Connection
from vain.store.metrics import process_looks, queries, reading, task_use
from vain.store.metrics.archive import Archive
from vain.store.metrics.book import Labels, SeriesBook
from vain.store.metrics.crew import Crew
from vain.store.metrics.extent import newest_of, oldest_of
from vain.store.metrics.hot import hot_row, task_row
from vain.store.metrics.periods import DAY_MS, SECOND_MS, milliseconds
from vain.store.metrics.retention import Keep
from vain.store.metrics.snapshot import Snapshot, snapshot_of
from vain.store.metrics.sqlite_archive import SqliteArchive
from vain.store.metrics.waiting import Waiting
from vain.store.metrics.writer import Writer

T = TypeVar("T")

COMMIT_SECONDS = 2.0
"""A crash, or a power cut, takes no more than what came in this time."""
MOST_PENDING = 600
"""Ten minutes of samples, about 300 KB, if the disk fails for so long."""
MOST_TRIES = 10
"""Of a reader that finds the rows that wait become chunks while it looks; sealing happens once an hour."""
_LATEST_MS = 253_370_764_800_000
"""The year 9999."""


class MetricStore:
    """The history of one host: in ``metrics.db`` of a data folder, which the caller has locked, or where else it is.

    ``host`` is what the machine of a folder is called; ``now`` the time of day in Unix seconds, by which old chunks are
    deleted; ``writes`` tells whether samples are to be stored by this server, and not by another that does the same.
    ``crew`` are threads that write other histories as well; without it the history has one of its own.
    Every method may be called from any thread; all but ``append`` and ``note`` block. Raises StoreDamaged or
    Misconfigured on opening, and Unavailable for a database elsewhere.
    """

    def __init__(
        self,
        place: Path | Archive,
        period_seconds: float = 1.0,
        keep: Keep = Keep(),  # noqa: B008  (frozen)
        host: str = "",
        most_pending: int = MOST_PENDING,
        commit_seconds: float = COMMIT_SECONDS,
        now: Clock = time.time,
        writes: Callable[[], bool] = lambda: True,
        crew: Crew | None = None,
    ) -> None:
        self.period_seconds = period_seconds
        self._archive: Archive = SqliteArchive(place, host) if isinstance(place, Path) else place
        self._waiting = Waiting(most_pending, commit_seconds)
        self._writes, self._has_own_crew = writes, crew is None
        self._crew = Crew() if crew is None else crew
        self._known_as: tuple[tuple[str, ...], Mapping[str, int]] = (), {}
        """The series of the last sample, and the numbers that they all had."""
        self._oldest: tuple[tuple[int, int], float | None] = ((-1, 0), None)
        self._is_importing = True
        try:
            self._writer = Writer(self._archive, keep, self._waiting, self._crew, now, writes)
        except BaseException:
            self._archive.close()
            raise
        self._seen = self._writer.book
        """The book as readers saw it last, where another server may write to it."""

    @property
    def dropped(self) -> int:
        """How many samples could not be stored."""
        return self._waiting.dropped

    @property
    def pending(self) -> int:
        """How many samples, the newest of them, are not on disk yet."""
        return self._waiting.count()

    @property
    def room(self) -> int:
        """How many more samples may wait for the disk."""
        return self._waiting.room

    def hurry(self) -> None:
        """Have what waits committed now."""
        self._waiting.hurry()

    def append(
        self,
        t: float,
        values: Sequence[tuple[str, float | None]],
        labels: Callable[[], Labels] = dict,
        spans: Sequence[Span] = (),
        tasks: Mapping[int, Mapping[str, float | None]] = MappingProxyType({}),
        processes: Sequence[Process] | None = None,
    ) -> None:
        """Store one sample at ``t`` (Unix seconds), and spans, within ``COMMIT_SECONDS``; returns at once.

        ``tasks`` has what each task used, by its number and the metric (of ``catalog.TASK_METRICS``); ``processes``
        the busiest, if they were looked at.

        ``labels`` is called when the sample has a series that is new. While too many samples wait, it is dropped,
        counted, and the time noted as a span of the cause ``not-stored``.
        """
        look = b"" if processes is None else process_looks.packed_look(processes)
        if not self._writes():
            return
        row = hot_row(milliseconds(t), values, [task_row(task_id, used) for task_id, used in tasks.items()], look)
        self._waiting.add(t, row, labels() if self._has_new(row.names) else None, spans)

    def _has_new(self, names: tuple[str, ...]) -> bool:
        """Whether a series has no number yet; of the same tuple as with the last sample it is not asked again."""
        known = names, self._writer.book.ids
        if known[0] is not self._known_as[0] or known[1] is not self._known_as[1]:
            if any(name not in known[1] for name in names):
                return True
            self._known_as = known
        return False

    def note(self, spans: Sequence[Span]) -> None:
        """Store spans with the next commit, without a sample."""
        if self._writes():
            self._waiting.note(spans)

    def window(self, query: MetricQuery) -> MetricWindow:
        """What is asked for. Raises Invalid for a metric that is not there, and for too many points."""
        return self._read(lambda snapshot: reading.window(snapshot, query))

    def looks(self, after: float, before: float) -> tuple[Looks, int]:
        """The looks at the busiest processes in a window (Unix seconds), and how many of its hours were left out."""
        begin, end = milliseconds(after), milliseconds(before)
        return self._read(lambda snapshot: process_looks.read(snapshot, begin, end))

    def use_of(self, tasks: Sequence[int], after: float, before: float) -> tuple[dict[int, TaskUse], Thinned]:
        """What these tasks used in a window (Unix seconds), sample by sample; of a long one some of its hours, and for
        how many each of them stands."""
        begin, end = milliseconds(after), milliseconds(before)
        period = max(1, milliseconds(self.period_seconds))
        return self._read(lambda snapshot: task_use.read(snapshot, tasks, begin, end, period))

    def names(self) -> list[str]:
        """Every series that was ever stored, or waits to be."""
        waiting = {row.names for row in self._waiting.read().rows}
        return list(dict.fromkeys([*self._known().ids, *(name for names in waiting for name in names)]))

    def labels(self) -> dict[str, str]:
        """What is known of the instance behind a series, such as the device of a disk: JSON objects, by series."""
        waiting = self._waiting.read().labels.values()
        new = {name: encode(known).decode() for labels in waiting for name, known in labels.items() if known}
        return {**new, **self._known().labels}

    def extent(self) -> tuple[float, float] | None:
        """When the oldest and the newest sample were taken (Unix seconds; the oldest to an hour); None without any."""
        return self._read(self._extent)

    def last_run_ended_at(self, now: float) -> float | None:
        """When vAIn itself took its newest sample (Unix seconds); None if that is not known.

        Samples of the hour under way were not imported. If there are none, it is the newest that is not after ``now``.
        """

        def newest(snapshot: Snapshot) -> float | None:
            t = snapshot.connection.execute(queries.HOT_BOUNDS).get[1]
            if t is not None:
                return int(t) / SECOND_MS
            return max((moment for moment in newest_of(snapshot) if moment <= now), default=None)

        return self._read(newest)

    def import_rows(self, t: Integers, values: Mapping[str, Floats]) -> int:
        """Store samples from elsewhere at ``t`` (Unix milliseconds, in any order); how many rows they were.

        They are sealed and synced when this returns. A value takes the place of the one that is stored for the same
        time; NaN takes none. Raises Invalid, StoreFull or Unavailable; the days that were stored by then stay.
        What is added to an hour whose samples were deleted counts beside them, also if it is the same once more.
        """
        ordered, columns = _in_order(t, values)
        rows = 0
        for day in np.unique(ordered // DAY_MS).tolist():
            first, last = np.searchsorted(ordered, (day * DAY_MS, (day + 1) * DAY_MS)).tolist()
            if not self._is_importing:
                raise Unavailable("vAIn is stopping; the import can be repeated.")
            part = {name: column[first:last] for name, column in columns.items()}
            # A day at a time, so that samples are committed in between.
            rows += self._run(partial(self._writer.take_in, ordered[first:last], part))
        return rows

    def stop_importing(self) -> None:
        """Have the imports that run end after the day they are at, and refuse others."""
        self._is_importing = False

    def flush(self) -> None:
        """Commit what waits, and seal the hours that are over, unless that failed within the last minute.

        Raises StoreFull or Unavailable.
        """
        self._run(self._writer.commit_and_seal)

    def forget(self) -> None:
        """Delete what is too old or too much now, as after each hour."""
        self._run(self._writer.forget)

    def close(self) -> None:
        """Commit what waits, end the thread. Whoever reads afterwards gets Unavailable. Twice is once."""
        if not self._waiting.close():
            return
        self._writer.end()
        if self._has_own_crew:
            self._crew.close()
        self._archive.close()

    def _run(self, work: Callable[[], T]) -> T:
        return self._waiting.run(work)

    def _read(self, query: Callable[[Snapshot], T]) -> T:
        for _ in range(MOST_TRIES):
            seals = self._writer.seals
            # Before the database is looked at: so a row may be found twice, but not missed.
            waiting = self._waiting.read()
            with self._archive.reading() as connection:
                if seals == self._writer.seals:
                    return query(snapshot_of(connection, self._book(connection), waiting.rows, waiting.noted))
        raise Unavailable("The history is being sealed; try again in a moment.")

    def _book(self, connection: Connection) -> SeriesBook:
        """As of what the connection sees."""
        if not self._archive.is_shared:
            return self._writer.book
        revision, seen = self._archive.revision(connection), self._seen
        if seen.revision != revision:
            self._seen = seen = SeriesBook(connection, revision)
        return seen

    def _known(self) -> SeriesBook:
        return self._read(lambda snapshot: snapshot.book) if self._archive.is_shared else self._writer.book

    def _extent(self, snapshot: Snapshot) -> tuple[float, float] | None:
        revision, oldest = self._oldest
        now = self._writer.revision, self._archive.revision(snapshot.connection)
        if revision != now:
            revision = now
            oldest = oldest_of(snapshot)
            self._oldest = revision, oldest
        moments = newest_of(snapshot)
        if oldest is not None:
            moments.append(oldest)
        return (min(moments), max(moments)) if moments else None


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
