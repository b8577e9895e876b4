"""How long the history is kept: whole chunks are deleted by age and, where that is not enough, by size.

By size the looks at processes go first, then samples, then minutes, then hours, the oldest of each: what is told of a
minute years later is worth more than who was busy in it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from msgspec import Struct

from vain.store.connection import Connection
from vain.store.metrics import process_looks, queries
from vain.store.metrics.archive import Archive
from vain.store.metrics.book import OWN_HOST, SeriesBook, layouts_of
from vain.store.metrics.periods import BLOCK_MS, DAY_MS, HOUR_MS, chunk_id, milliseconds, period_of

logger = logging.getLogger(__name__)

DAY_SECONDS = 86_400.0


class Keep(Struct, frozen=True):
    """How long each tier is kept, in seconds (None: for ever), and how large the file may grow, in bytes."""

    raw_seconds: float | None = 14 * DAY_SECONDS
    minute_seconds: float | None = 396 * DAY_SECONDS
    """Thirteen months, so that a year can be compared with the one before."""
    hour_seconds: float | None = None
    size_bytes: int = 2 << 30


def steps(
    archive: Archive, book: SeriesBook, keep: Keep, now: float, most_seconds: float | None = None
) -> Iterator[None]:
    """Delete what is too old at ``now`` (Unix seconds), then the oldest of what is too much, and give the space back.

    By age no more than ``most_seconds`` of each tier are deleted, and at least one chunk of each series. Each step is
    a transaction of its own, so that samples can be written in between. Raises StoreFull or Unavailable.
    """
    with _changing(archive, book) as connection:
        _forget_old(connection, book, keep, now, most_seconds)
    yield from archive.give_back()
    while True:
        with _changing(archive, book) as connection:
            if _size(connection) <= keep.size_bytes:
                return
            if not _forget_oldest(connection, book):
                logger.warning("The history is larger than it may be, and only its newest part is left")
                return
        yield from archive.give_back()


@contextmanager
def _changing(archive: Archive, book: SeriesBook) -> Iterator[Connection]:
    with archive.changing() as connection:
        book.refresh(connection, archive.revision(connection))
        yield connection


def _forget_old(connection: Connection, book: SeriesBook, keep: Keep, now: float, most_seconds: float | None) -> None:
    first = connection.execute(queries.FIRST_TIMES, _all(OWN_HOST)).fetchone()
    oldest = None if first is None else period_of(first[0]) * HOUR_MS
    _forget_raw(connection, book, _cutoff(now, keep.raw_seconds, oldest, HOUR_MS, most_seconds))
    _forget_looks(connection, keep, now, most_seconds)
    oldest = _oldest(connection, queries.OLDEST_MINUTES, DAY_MS)
    cutoff = _cutoff(now, keep.minute_seconds, oldest, DAY_MS, most_seconds)
    _forget_chunks(connection, book, queries.FORGET_MINUTES, cutoff, DAY_MS)
    connection.execute(queries.FORGET_SPANS, (cutoff,))
    oldest = _oldest(connection, queries.OLDEST_HOURS, BLOCK_MS)
    cutoff = _cutoff(now, keep.hour_seconds, oldest, BLOCK_MS, most_seconds)
    _forget_chunks(connection, book, queries.FORGET_HOURS, cutoff, BLOCK_MS)
    _forget_series(connection)


def _cutoff(now: float, seconds: float | None, oldest: int | None, period_ms: int, most_seconds: float | None) -> int:
    """Up to when to delete, in milliseconds; ``oldest`` is where the first chunk begins."""
    if seconds is None or oldest is None:
        return 0
    cutoff = max(0, milliseconds(now - seconds))
    if most_seconds is None:
        return cutoff
    return min(cutoff, oldest + max(period_ms, milliseconds(most_seconds)))


def _oldest(connection: Connection, query: str, period_ms: int) -> int | None:
    first = connection.execute(query).get
    return None if first is None else int(first) * period_ms


def _forget_raw(connection: Connection, book: SeriesBook, cutoff_ms: int, running: bool = False) -> None:
    """``running``: those of tasks that run as well, which no age takes away."""
    _forget_chunks(connection, book, queries.FORGET_RAW, cutoff_ms, HOUR_MS)
    last = cutoff_ms // HOUR_MS - 1
    if last >= 0:
        connection.execute(queries.FORGET_TIMES, (chunk_id(OWN_HOST, 0), chunk_id(OWN_HOST, last)))
        connection.execute(queries.FORGET_ALL_TASK_CHUNKS if running else queries.FORGET_TASK_CHUNKS, (last,))


def _forget_looks(connection: Connection, keep: Keep, now: float, most_seconds: float | None) -> None:
    """Looks at processes are kept as long as samples, and no longer than a fortnight."""
    first = connection.execute(queries.PROCESS_HOUR_BOUNDS).get[0]
    seconds = process_looks.KEEP_MS / 1000 if keep.raw_seconds is None else keep.raw_seconds
    seconds = min(seconds, process_looks.KEEP_MS / 1000)
    oldest = None if first is None else first * HOUR_MS
    process_looks.forget(connection, _cutoff(now, seconds, oldest, HOUR_MS, most_seconds) // HOUR_MS - 1)


def _forget_chunks(connection: Connection, book: SeriesBook, query: str, cutoff_ms: int, period_ms: int) -> None:
    """Delete the chunks whose period had ended at the cutoff."""
    last = cutoff_ms // period_ms - 1
    if last >= 0:
        connection.executemany(query, [(chunk_id(series, 0), chunk_id(series, last)) for series in book.names])


def _forget_series(connection: Connection) -> None:
    """Series of which nothing is left, such as those of a container's network that was gone long ago."""
    in_use = {series for layout in layouts_of(connection).values() for series in layout}
    empty = {number for (number,) in connection.execute(queries.EMPTY_SERIES)} - in_use
    connection.executemany(queries.FORGET_SERIES, [(number,) for number in empty])


def _forget_oldest(connection: Connection, book: SeriesBook) -> bool:
    """Delete the oldest day of looks at processes, else of samples, else the oldest days of minutes, else the oldest
    hours; whether there was one.

    The newest of each tier stays.
    """
    if process_looks.forget_oldest(connection):
        return True
    first = connection.execute(queries.FIRST_TIMES, _all(OWN_HOST)).fetchone()
    last = connection.execute(queries.LAST_TIMES, _all(OWN_HOST)).fetchone()
    if first is not None and last is not None:
        of_tasks = connection.execute(queries.FIRST_TASK_HOUR).get
        hour = period_of(first[0]) if of_tasks is None else min(period_of(first[0]), of_tasks)
        if hour < period_of(last[0]):
            _forget_raw(connection, book, min(hour + 24, period_of(last[0])) * HOUR_MS, running=True)
            return True
    for query, forget_query, period_ms in (
        (queries.OLDEST_MINUTES, queries.FORGET_MINUTES, DAY_MS),
        (queries.OLDEST_HOURS, queries.FORGET_HOURS, BLOCK_MS),
    ):
        oldest = _oldest(connection, query, period_ms)
        if oldest is not None and last is not None and oldest + period_ms <= period_of(last[0]) * HOUR_MS:
            _forget_chunks(connection, book, forget_query, oldest + period_ms, period_ms)
            return True
    return False


def _all(owner: int) -> tuple[int, int]:
    return chunk_id(owner, 0), chunk_id(owner + 1, 0) - 1


def _size(connection: Connection) -> int:
    pages, page_bytes = connection.execute(queries.SIZE).get
    return int(pages) * int(page_bytes)
