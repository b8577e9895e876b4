"""What each task used, sample by sample: how it is written, sealed and read.

A task has the same few columns as every other, so a row needs no layout, and an hour of it is one chunk. There are no
roll-ups: tasks end, so their samples are few, and a window of them is reduced when it is read.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

import msgspec
import numpy as np

from vain import chunks
from vain.bands import Bands, Floats, Integers, MetricWindow, Rows, as_they_are, of_values, reduced, unknown
from vain.catalog import TASK_METRICS
from vain.errors import StoreDamaged
from vain.patterns import is_pattern, matching
from vain.steps import step_for
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.periods import HOUR_MS, SECOND_MS, milliseconds
from vain.store.metrics.snapshot import Snapshot

logger = logging.getLogger(__name__)

MOST_TASKS = 25
"""Of one answer, where none was named."""

_PREFIXES = tuple(dict.fromkeys(name.partition(".")[0] + "." for name in TASK_METRICS))


class Asked(NamedTuple):
    """What a question wants of tasks."""

    tasks: Sequence[int]
    names: Sequence[str]
    """``task.cpu_percent:7``, of these tasks."""


class Samples(NamedTuple):
    """One task's samples: ``t`` in milliseconds, ascending; a column for each metric."""

    t: Integers
    columns: Sequence[Floats]


def sealed(connection: Connection, begin: int, end: int) -> list[tuple[int, int, bytes, bytes]]:
    """The chunks for all rows but those from ``begin`` to ``end`` (milliseconds), merged with what is stored."""
    made = []
    rows = connection.execute(queries.TASK_ROWS_OUTSIDE, (begin, end))
    for (task_id, hour), group in groupby(rows, key=lambda row: (row[0], row[1] // HOUR_MS)):
        fresh = _of_rows([(t, values) for _, t, values in group])
        samples = _in_order([*_stored(connection, task_id, hour, hour), fresh])
        made.append((task_id, hour, chunks.pack_integers(samples.t - hour * HOUR_MS), _packed(samples.columns)))
    return made


def asked_for(snapshot: Snapshot, wanted: Sequence[str] | None, tasks: Sequence[int], begin: int, end: int) -> Asked:
    """Which tasks, and which series of them; without tasks those that are named, or have samples in the window."""
    named = [number for name in wanted or () if (number := _task_of(name)) is not None]
    numbers = [*dict.fromkeys((*tasks, *named))]
    if not numbers and any(_means_tasks(pattern) for pattern in wanted or ()):
        numbers = _present(snapshot, begin, end)
    names = [f"{metric}:{number}" for number in numbers for metric in TASK_METRICS]
    return Asked(numbers, matching(names, wanted) if names else [])


def added(
    snapshot: Snapshot, window: MetricWindow, asked: Asked, named: set[str], begin: int, end: int
) -> MetricWindow:
    """The window with the series of tasks at its own times; those that say nothing are left out unless ``named``."""
    series = dict(window.series)
    t_ms = np.round(window.t * SECOND_MS).astype(np.int64)
    step_ms = round(window.step_seconds * SECOND_MS)
    for number in asked.tasks:
        samples = read(snapshot, number, begin, end + step_ms)
        for name, column in _wanted_columns(samples, number, asked.names):
            bands = (
                _bucketed(samples.t, column, t_ms, step_ms) if window.is_reduced else _placed(samples.t, column, t_ms)
            )
            if name in named or bands.count.any():
                series[name] = bands
    return window._replace(series=series)


def alone(snapshot: Snapshot, asked: Asked, named: set[str], after: float, before: float, points: int) -> MetricWindow:
    """A window of nothing but tasks: their samples as they are, or buckets if they are more than ``points``."""
    begin, end = milliseconds(after), milliseconds(before)
    found: dict[int, Samples] = {}
    for number in asked.tasks:
        samples = found[number] = read(snapshot, number, begin, end)
        if len(samples.t) > points:
            return _in_buckets(snapshot, asked, named, after, before, points, _period_ms(samples.t))
    t = np.unique(np.concatenate([np.empty(0, np.int64), *(samples.t for samples in found.values())]))
    period_ms = _period_ms(t)
    series = {
        name: of_values(_spread(samples.t, column, t))
        for number, samples in found.items()
        for name, column in _wanted_columns(samples, number, asked.names)
    }
    series = {name: bands for name, bands in series.items() if name in named or bands.count.any()}
    rows = as_they_are(Rows(t, series), period_ms)
    if len(rows.t) > points:
        return _in_buckets(snapshot, asked, named, after, before, points, period_ms)
    return MetricWindow(rows.t / SECOND_MS, dict(rows.series), "raw", round(period_ms / SECOND_MS, 3))


def _in_buckets(
    snapshot: Snapshot, asked: Asked, named: set[str], after: float, before: float, points: int, period_ms: float
) -> MetricWindow:
    """One task after the other: a fortnight of one is some hundred megabytes."""
    begin, end = milliseconds(after), milliseconds(before)
    step_seconds = step_for(after, before, points, period_ms / SECOND_MS)
    step_ms = round(step_seconds * SECOND_MS)
    first, last = begin // step_ms, (end - 1) // step_ms
    t = np.arange(first, last + 1, dtype=np.int64) * step_ms
    series: dict[str, Bands] = {}
    for number in asked.tasks:
        samples = read(snapshot, number, begin, end)
        for name, column in _wanted_columns(samples, number, asked.names):
            bands = _bucketed(samples.t, column, t, step_ms)
            if name in named or bands.count.any():
                series[name] = bands
    return MetricWindow(t / SECOND_MS, series, "raw", step_seconds, is_reduced=True)


def _period_ms(t: Integers) -> float:
    return float(np.median(np.diff(t))) if len(t) > 1 else float(SECOND_MS)


def read(snapshot: Snapshot, task_id: int, begin: int, end: int) -> Samples:
    """The samples of a task from ``begin`` to before ``end`` (milliseconds), those that wait to be written as well."""
    connection = snapshot.connection
    parts = list(_stored(connection, task_id, begin // HOUR_MS, max(begin, end - 1) // HOUR_MS))
    parts.append(_of_rows(list(connection.execute(queries.TASK_ROWS, (task_id, begin, end)))))
    pending = [(row.t, task.values) for row in snapshot.pending for task in row.tasks if task.task_id == task_id]
    parts.append(_of_rows(pending))
    samples = _in_order(parts)
    first, last = np.searchsorted(samples.t, (begin, end)).tolist()
    return Samples(samples.t[first:last], [column[first:last] for column in samples.columns])


def damaged(connection: Connection) -> Iterable[tuple[int, int]]:
    """Task and hour of the chunks that cannot be read."""
    for task_id, hour, t, packed in connection.execute(queries.ALL_TASK_CHUNKS):
        try:
            _unpacked(packed, len(chunks.unpack_integers(t)))
        except StoreDamaged:
            yield task_id, hour


def is_of_task(series: str) -> bool:
    """Whether a series tells of a task."""
    return series.partition(":")[0] in TASK_METRICS


def _present(snapshot: Snapshot, begin: int, end: int) -> list[int]:
    """Tasks with samples in a window, the newest of them."""
    hours = begin // HOUR_MS, max(begin, end - 1) // HOUR_MS
    stored = {number for (number,) in snapshot.connection.execute(queries.TASKS_WITH_CHUNKS, hours)}
    stored |= {number for (number,) in snapshot.connection.execute(queries.TASKS_WITH_ROWS, (begin, end))}
    stored |= {task.task_id for row in snapshot.pending if begin <= row.t < end for task in row.tasks}
    return sorted(stored)[-MOST_TASKS:]


def _task_of(name: str) -> int | None:
    metric, _, number = name.partition(":")
    return (
        int(number) if metric in TASK_METRICS and number.isascii() and number.isdigit() and len(number) < 17 else None
    )


def _means_tasks(pattern: str) -> bool:
    return pattern in TASK_METRICS or (is_pattern(pattern) and pattern.startswith(_PREFIXES))


def _wanted_columns(samples: Samples, number: int, names: Sequence[str]) -> list[tuple[str, Floats]]:
    wanted = set(names)
    pairs = ((f"{metric}:{number}", column) for metric, column in zip(TASK_METRICS, samples.columns, strict=True))
    return [(name, column) for name, column in pairs if name in wanted]


def _bucketed(t: Integers, column: Floats, edges: Integers, step_ms: int) -> Bands:
    if not len(edges):
        return unknown(0)
    return reduced(Rows(t, {"": of_values(column)}), step_ms, int(edges[0]) // step_ms, len(edges)).series[""]


def _placed(t: Integers, column: Floats, moments: Integers) -> Bands:
    return of_values(_spread(t, column, moments))


def _spread(t: Integers, column: Floats, moments: Integers) -> Floats:
    """The values at these moments; NaN where the task has no sample."""
    values = np.full(len(moments), np.nan)
    if len(t) and len(moments):
        at = np.searchsorted(t, moments).clip(0, len(t) - 1)
        same = t[at] == moments
        values[same] = column[at[same]]
    return values


def _stored(connection: Connection, task_id: int, first: int, last: int) -> Iterable[Samples]:
    for hour, t, packed in list(connection.execute(queries.TASK_CHUNKS, (task_id, first, last))):
        try:
            times = chunks.unpack_integers(t) + hour * HOUR_MS
            yield Samples(times, _unpacked(packed, len(times)))
        except StoreDamaged as error:
            logger.warning("An hour of task %d is left out: %s", task_id, error.detail)


def _of_rows(rows: Sequence[tuple[int, bytes]]) -> Samples:
    width = len(TASK_METRICS)
    matrix = np.full((len(rows), width), np.nan)
    for place, (_, packed) in enumerate(rows):
        values = np.frombuffer(packed, np.float64)[:width]  # fewer, if an older vAIn wrote them
        matrix[place, : len(values)] = values
    return Samples(np.array([t for t, _ in rows], np.int64), list(matrix.T))


def _in_order(parts: Sequence[Samples]) -> Samples:
    """Together, in order of time; of the same time, what came last."""
    t = np.concatenate([np.empty(0, np.int64), *(part.t for part in parts)])
    columns = [
        np.concatenate([np.empty(0), *(part.columns[place] for part in parts)]) for place in range(len(TASK_METRICS))
    ]
    if np.all(t[1:] > t[:-1]):
        return Samples(t, columns)
    order = np.argsort(t, kind="stable")
    order = order[np.append(np.diff(t[order]) > 0, True)]
    return Samples(t[order], [column[order] for column in columns])


def _packed(columns: Sequence[Floats]) -> bytes:
    return msgspec.msgpack.encode([b"" if np.isnan(column).all() else chunks.pack(column) for column in columns])


def _unpacked(packed: bytes, count: int) -> list[Floats]:
    """Raises StoreDamaged."""
    try:
        parts = msgspec.msgpack.decode(packed, type=list[bytes])
    except msgspec.DecodeError as error:
        raise StoreDamaged("A chunk of a task cannot be read.") from error
    columns = [chunks.unpack(part) if part else np.full(count, np.nan) for part in parts[: len(TASK_METRICS)]]
    if any(len(column) != count for column in columns):
        raise StoreDamaged("The columns of a task do not fit its times.")
    missing = len(TASK_METRICS) - len(columns)
    return columns + [np.full(count, np.nan) for _ in range(missing)]
