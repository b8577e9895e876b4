"""Copies the histories of all hosts from a folder into PostgreSQL, or back: chunks as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from vain.errors import Conflict
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.archive import Archive, Archives
from vain.store.metrics.book import SeriesBook, layouts_of

BATCH_ROWS: Final = 200
_EVERYTHING: Final = -(1 << 63), (1 << 63) - 1
_NO_HOUR: Final = (0, 0)
_PARTS: Final = (
    (queries.SERIES, (), queries.ADD_SERIES),
    (queries.TIMES, _EVERYTHING, queries.PUT_TIMES),
    (queries.RAW, _EVERYTHING, queries.PUT_RAW),
    (queries.MINUTES, _EVERYTHING, queries.PUT_MINUTES),
    (queries.HOURS, _EVERYTHING, queries.PUT_HOURS),
    (queries.ALL_SPANS, (), queries.PUT_SPAN),
    (queries.TASK_ROWS_OUTSIDE, _NO_HOUR, queries.ADD_TASK_ROW),
    (queries.ALL_TASK_CHUNKS, (), queries.PUT_TASK_CHUNK),
    (queries.PROCESS_LOOKS_OUTSIDE, _NO_HOUR, queries.ADD_PROCESS_LOOK),
    (queries.ALL_PROCESS_HOURS, (), queries.PUT_PROCESS_HOUR),
)
"""What reads all of a table, and what adds a row of it."""


def copy_histories(
    source: Archives, target: Archives, own: str, told: Callable[[str, int], None] = lambda name, rows: None
) -> None:
    """Copy the histories of all hosts, ``own`` that of the machine itself; each in one transaction. Blocks.

    ``told`` is called with each host and its number of rows. Raises Conflict for a host of which the target has one
    already; those before it stay.
    """
    for name in source.names():
        of_host = source.own(name) if name == own else source.other(name)
        into = target.own(name) if name == own else target.other(name)
        try:
            told(name, _copied(of_host, into, name))
        finally:
            into.close()
            of_host.close()


def _copied(source: Archive, target: Archive, name: str) -> int:
    count = 0
    with source.reading() as read, target.changing() as written:
        if list(islice(written.execute(queries.SERIES), 1)):
            raise Conflict(f"There is a history of {name} in the database to copy into.")
        for query, values, add in _PARTS:
            for batch in _batches(read.execute(query, values)):
                written.executemany(add, batch)
                count += len(batch)
        return count + _copy_hot(read, written)


def _copy_hot(read: Connection, written: Connection) -> int:
    """Layouts get other numbers there."""
    layouts, book, count = layouts_of(read), SeriesBook(written), 0
    for batch in _batches(read.execute(queries.HOT_OUTSIDE, _NO_HOUR)):
        rows = [(t, book.layout(written, layouts[layout]), packed) for t, layout, packed in batch]
        written.executemany(queries.ADD_HOT, rows)
        count += len(rows)
    return count


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
