"""What a reader of the history sees at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vain.quality import Span
from vain.store.connection import Connection
from vain.store.metrics.book import SeriesBook
from vain.store.metrics.hot import HotRow


class Snapshot(NamedTuple):
    """What a reader sees: the database, and the rows and spans that wait to be written to it."""

    connection: Connection
    book: SeriesBook
    ids: Mapping[str, int]
    """The numbers of all series; those that were never written have a negative one."""
    pending: Sequence[HotRow]
    spans: Sequence[Span]


def snapshot_of(connection: Connection, book: SeriesBook, pending: Sequence[HotRow], noted: Sequence[Span]) -> Snapshot:
    """What a reader sees in the transaction that is open, if ``pending`` and ``noted`` were taken before it began."""
    ids = book.ids
    unwritten = dict.fromkeys(name for row in pending for name in row.names if name not in ids)
    if unwritten:
        ids = {**ids, **{name: -number for number, name in enumerate(unwritten, start=1)}}
    return Snapshot(connection, book, ids, pending, noted)
