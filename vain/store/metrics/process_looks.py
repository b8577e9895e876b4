"""The busiest processes, look by look: how they are written, sealed, read and deleted.

A look waits with its sample and is committed with it. When an hour is over its looks become columns, in order of
name and process rather than of time, since a process changes little from one look to the next.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
import numpy as np

from vain import chunks
from vain.busiest import Process
from vain.catalog import metric_of, stored
from vain.errors import StoreDamaged
from vain.looks import Looks, columns_of, no_looks, together, within
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.periods import DAY_MS, HOUR_MS
from vain.store.metrics.snapshot import Snapshot

logger = logging.getLogger(__name__)

MOST_HOURS = 12
"""Of one answer; of a longer window so many of its hours are read, evenly."""
KEEP_MS = 14 * DAY_MS
DAY_HOURS = 24

_look = msgspec.msgpack.Decoder(list[Process])
_CPU, _IO = metric_of("task.cpu_percent"), metric_of("task.read_bytes_per_second")


class _Hour(msgspec.Struct, array_like=True, frozen=True):
    """Names, and packed columns: integers, then floats (see ``Looks``)."""

    names: tuple[str, ...]
    t: bytes
    whole: tuple[bytes, bytes, bytes, bytes]
    real: tuple[bytes, bytes, bytes]


_hour = msgspec.msgpack.Decoder(_Hour)


def packed_look(processes: Sequence[Process]) -> bytes:
    """One look as it is written: rounded to what its figures mean."""
    return msgspec.msgpack.encode([_rounded(each) for each in processes])


def sealed(connection: Connection, begin: int, end: int) -> list[tuple[int, bytes]]:
    """The hours of all looks but those from ``begin`` to ``end`` (milliseconds), merged with what is stored."""
    made = []
    rows = connection.execute(queries.PROCESS_LOOKS_OUTSIDE, (begin, end))
    for hour, group in groupby(rows, key=lambda row: row[0] // HOUR_MS):
        fresh = _of_rows(list(group))
        made.append((hour, _packed(together([*_stored(connection, [hour]), fresh]), hour)))
    return made


def read(snapshot: Snapshot, begin: int, end: int) -> tuple[Looks, int]:
    """The looks from ``begin`` to before ``end`` (milliseconds), and how many of the window's hours were left out."""
    connection = snapshot.connection
    span = begin // HOUR_MS, max(begin, end - 1) // HOUR_MS
    hours = [hour for (hour,) in connection.execute(queries.PROCESS_HOURS, span)]
    chosen = hours[:: -(-len(hours) // MOST_HOURS)] if hours else []
    parts = list(_stored(connection, chosen))
    parts.append(_of_rows(list(connection.execute(queries.PROCESS_LOOKS, (begin, end)))))
    parts.append(_of_rows([(row.t, row.processes) for row in snapshot.pending if row.processes]))
    return within(together(parts), begin, end), len(hours) - len(chosen)


def forget(connection: Connection, last_hour: int) -> None:
    """Delete the hours up to this one, which have been sealed."""
    connection.execute(queries.FORGET_PROCESS_HOURS, (last_hour,))


def forget_oldest(connection: Connection) -> bool:
    """Delete the oldest day; whether there was one. The newest hour stays."""
    first, last = connection.execute(queries.PROCESS_HOUR_BOUNDS).get
    if first is None or first >= last:
        return False
    forget(connection, min(first + DAY_HOURS, last) - 1)
    return True


def damaged(connection: Connection) -> Iterable[int]:
    """The hours (since 1970) that cannot be read."""
    for hour, packed in connection.execute(queries.ALL_PROCESS_HOURS):
        try:
            _unpacked(packed, hour)
        except StoreDamaged:
            yield hour


def _rounded(each: Process) -> Process:
    cpu = None if each.cpu_percent is None else stored(_CPU, each.cpu_percent)
    rate = None if each.bytes_per_second is None else stored(_IO, each.bytes_per_second)
    return each._replace(cpu_percent=cpu, bytes_per_second=rate)


def _of_rows(rows: Sequence[tuple[int, bytes]]) -> Looks:
    return columns_of([(t, _look.decode(packed)) for t, packed in rows]) if rows else no_looks()


def _stored(connection: Connection, hours: Iterable[int]) -> Iterable[Looks]:
    for hour in hours:
        packed = connection.execute(queries.PROCESS_HOUR, (hour,)).get
        if packed is None:
            continue
        try:
            yield _unpacked(packed, hour)
        except StoreDamaged as error:
            logger.warning("An hour of the busiest processes is left out: %s", error.detail)


def _packed(looks: Looks, hour: int) -> bytes:
    order = np.lexsort((looks.at, looks.pid, looks.name))
    return msgspec.msgpack.encode(
        _Hour(
            looks.names,
            chunks.pack_integers(looks.t - hour * HOUR_MS),
            tuple(chunks.pack_integers(column[order]) for column in looks[2:6]),  # type: ignore[arg-type]  # four
            tuple(chunks.pack(column[order]) for column in looks[6:9]),  # type: ignore[arg-type]  # three
        )
    )


def _unpacked(packed: bytes, hour: int) -> Looks:
    """Raises StoreDamaged."""
    try:
        found = _hour.decode(packed)
    except msgspec.DecodeError as error:
        raise StoreDamaged("An hour of processes cannot be read.") from error
    t = chunks.unpack_integers(found.t) + hour * HOUR_MS
    at, pid, name, task = map(chunks.unpack_integers, found.whole)
    cpu, rss, io = map(chunks.unpack, found.real)
    if {len(column) for column in (pid, name, task, cpu, rss, io)} - {len(at)}:
        raise StoreDamaged("The columns of an hour of processes do not fit each other.")
    if len(at) and not (0 <= at.min() <= at.max() < len(t) and 0 <= name.min() <= name.max() < len(found.names)):
        raise StoreDamaged("An hour of processes speaks of a look or a name that is not there.")
    return Looks(t, found.names, at, pid, name, task, cpu, rss, io)
