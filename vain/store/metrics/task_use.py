"""What many tasks used in one window: only the columns that are needed, and of a long window some of its hours."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from math import inf

import msgspec
import numpy as np

from vain import chunks
from vain.bands import Floats, Integers
from vain.catalog import TASK_METRICS
from vain.errors import StoreDamaged
from vain.explaining.use import USE_METRICS, TaskUse, Thinned
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.periods import HOUR_MS, SECOND_MS
from vain.store.metrics.snapshot import Snapshot

logger = logging.getLogger(__name__)

MOST_CHUNKS = 1_500
"""Hours times tasks of one answer, some 150 ms."""
MOST_ROWS = 40_000
"""Samples of the newest hour of one answer; of more, those of every second, third, … period are read."""
DAY_HOURS = 24

_PLACES = tuple(TASK_METRICS.index(name) for name in USE_METRICS)
_parts = msgspec.msgpack.Decoder(list[bytes])
_Part = tuple[Integers, list[Floats]]


def read(
    snapshot: Snapshot, tasks: Sequence[int], begin: int, end: int, period: int
) -> tuple[dict[int, TaskUse], Thinned]:
    """The samples of these tasks from ``begin`` to before ``end`` (milliseconds), and which hours of them were read.

    A sample is taken every ``period`` milliseconds. Tasks without any are left out."""
    found: dict[int, list[_Part]] = {number: [] for number in tasks}
    first, last = begin // HOUR_MS, max(begin, end - 1) // HOUR_MS
    stride = max(1, -(-(last - first + 1) * len(found) // MOST_CHUNKS))
    for number, parts in found.items():
        parts.extend(_chunks(snapshot.connection, number, first, last, stride))
    whole_from = _add_rows(snapshot, found, begin, end, period)
    uses = {number: _together(parts, begin, end) for number, parts in found.items() if parts}
    return uses, Thinned(float(stride), whole_from)


def _chunks(connection: Connection, task_id: int, first: int, last: int, stride: int) -> Iterable[_Part]:
    for hour, t, packed in connection.execute(queries.TASK_CHUNKS, (task_id, first, last)):
        # Each day at other hours, or what runs once a day would be read always or never.
        if (hour + hour // DAY_HOURS) % stride:
            continue
        try:
            yield _unpacked(hour, t, packed)
        except (StoreDamaged, msgspec.DecodeError):
            logger.warning("Hour %d of task %d is left out: it is damaged", hour, task_id)


def _unpacked(hour: int, t: bytes, packed: bytes) -> _Part:
    times = chunks.unpack_integers(t) + hour * HOUR_MS
    parts = _parts.decode(packed)
    columns = [
        chunks.unpack(parts[place]) if place < len(parts) and parts[place] else np.full(len(times), np.nan)
        for place in _PLACES
    ]
    if any(len(column) != len(times) for column in columns):
        raise StoreDamaged("The columns of a task do not fit its times.")
    return times, columns


def _add_rows(snapshot: Snapshot, found: dict[int, list[_Part]], begin: int, end: int, period: int) -> float:
    """The newest hour: rows, also those that wait. Gives when (Unix seconds) the first of them was taken."""
    first = inf
    every = max(1, -(-len(found) * (min(end - begin, HOUR_MS) // period) // MOST_ROWS))
    waiting: dict[int, list[tuple[int, bytes]]] = {}
    for row in snapshot.pending:
        for task in row.tasks:
            if task.task_id in found and begin <= row.t < end:
                waiting.setdefault(task.task_id, []).append((row.t, task.values))
    for number, parts in found.items():
        rows: list[tuple[int, bytes]] = list(
            snapshot.connection.execute(queries.TASK_ROWS_OF_EVERY, (number, begin, end, period, every))
        )
        rows += waiting.get(number, ())
        if rows:
            parts.append(_of_rows(rows))
            first = min(first, min(t for t, _ in rows) / SECOND_MS)
    return first


def _of_rows(rows: Sequence[tuple[int, bytes]]) -> _Part:
    width = len(TASK_METRICS) * 8
    times = np.array([t for t, _ in rows], np.int64)
    nothing = np.full(len(TASK_METRICS), np.nan).tobytes()
    packed = b"".join((v + nothing[len(v) :])[:width] if len(v) != width else v for _, v in rows)
    matrix = np.frombuffer(packed, np.float64).reshape(len(rows), len(TASK_METRICS))
    return times, [matrix[:, place] for place in _PLACES]


def _together(parts: Sequence[_Part], begin: int, end: int) -> TaskUse:
    t = np.concatenate([times for times, _ in parts])
    columns = [np.concatenate([each[place] for _, each in parts]) for place in range(len(_PLACES))]
    if not np.all(t[1:] > t[:-1]):
        order = np.argsort(t, kind="stable")
        order = order[np.append(np.diff(t[order]) > 0, True)]
        t, columns = t[order], [column[order] for column in columns]
    first, last = np.searchsorted(t, (begin, end)).tolist()
    return TaskUse(t[first:last] / SECOND_MS, *(column[first:last] for column in columns))
