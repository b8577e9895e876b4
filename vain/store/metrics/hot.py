"""The newest hour: a row for each sample, as bytes that numpy reads without a copy."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from itertools import groupby
from math import nan
from typing import NamedTuple

import numpy as np

from vain.bands import Floats, Integers
from vain.catalog import TASK_METRICS, metric_of, stored
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.archive import Ready
from vain.store.metrics.book import Labels, SeriesBook
from vain.store.metrics.shape import shape_of


class TaskRow(NamedTuple):
    """One look at a task: ``values`` are doubles in the order of ``vain.catalog.TASK_METRICS``."""

    task_id: int
    values: bytes


StoredRow = tuple[int, int, bytes]
"""Time in milliseconds, layout, values."""


class HotRow(NamedTuple):
    """A sample that is to be written: ``t`` in milliseconds, a double for each name."""

    t: int
    names: tuple[str, ...]
    values: bytes
    tasks: tuple[TaskRow, ...] = ()
    processes: bytes = b""
    """The look at the busiest processes, if there was one with this sample."""


class HotColumns(NamedTuple):
    """Rows as columns, by the number of the series; ``t`` in milliseconds, ascending."""

    t: Integers
    values: dict[int, Floats]


def hot_row(
    t: int, values: Sequence[tuple[str, float | None]], tasks: Sequence[TaskRow] = (), processes: bytes = b""
) -> HotRow:
    """A row of values as they are to be stored: rounded to what they mean, NaN for what is unknown."""
    names, column = zip(*values, strict=True) if values else ((), ())
    shape = shape_of(names)
    return HotRow(t, shape.names, shape.packed(column), tuple(tasks), processes)


def task_row(task_id: int, values: Mapping[str, float | None]) -> TaskRow:
    """A row of values by metric, rounded to what they mean."""
    column = array("d")
    for name in TASK_METRICS:
        value = values.get(name)
        column.append(nan if value is None else stored(metric_of(name), value))
    return TaskRow(task_id, column.tobytes())


def put(connection: Connection, book: SeriesBook, rows: Sequence[HotRow], labels: Mapping[int, Labels]) -> None:
    """Write rows inside the transaction that is open. ``labels`` has those of new series, by the row's time."""
    bound: list[StoredRow] = []
    for row in rows:
        book.add(connection, row.names, lambda row=row: labels.get(row.t, {}))  # type: ignore[misc]  # bound early
        numbers = [book.ids.get(name) for name in row.names]
        values = row.values
        if None in numbers:  # more series than may be stored
            kept = [place for place, number in enumerate(numbers) if number is not None]
            values = np.frombuffer(values, np.float64)[kept].tobytes()
        series = tuple(number for number in numbers if number is not None)
        bound.append((row.t, book.layout(connection, series), values))
    connection.executemany(queries.ADD_HOT, bound)
    if any(row.tasks for row in rows):
        connection.executemany(
            queries.ADD_TASK_ROW, [(task.task_id, row.t, task.values) for row in rows for task in row.tasks]
        )
    looks = [(row.t, row.processes) for row in rows if row.processes]
    if looks:
        connection.executemany(queries.ADD_PROCESS_LOOK, looks)


def ready(book: SeriesBook, rows: Sequence[HotRow]) -> Ready | None:
    """The rows with the numbers of the book; None if it lacks any. Of two rows for one time the later one stands."""
    hot: dict[int, StoredRow] = {}
    for row in rows:
        layout = book.layout_of(row.names)
        if layout is None:
            return None
        hot[row.t] = (row.t, layout, row.values)
    tasks = {(task.task_id, row.t): task.values for row in rows for task in row.tasks}
    looks = {row.t: row.processes for row in rows if row.processes}
    if book.revision is None or not hot:
        return None
    return Ready(book.revision, list(hot.values()), [(*key, values) for key, values in tasks.items()], [*looks.items()])


def columns(
    rows: Sequence[StoredRow],
    layouts: Mapping[int, tuple[int, ...]],
    pending: Sequence[HotRow] = (),
    ids: Mapping[str, int] | None = None,
    wanted: set[int] | None = None,
) -> HotColumns:
    """Written rows and those that wait to be, in order of time; of the same time, what was written last.

    ``ids`` are the numbers of the series of ``pending``; with ``wanted`` only these series are taken.
    """
    ids = ids or {}
    t = np.fromiter((row[0] for row in (*rows, *pending)), np.int64, len(rows) + len(pending))
    found: dict[int, Floats] = {}

    def place(first: int, count: int, series: Sequence[int | None], packed: bytes) -> None:
        matrix = np.frombuffer(packed, np.float64).reshape(count, len(series))
        for column, number in enumerate(series):
            if number is not None and (wanted is None or number in wanted):
                if number not in found:
                    found[number] = np.full(len(t), np.nan)
                found[number][first : first + count] = matrix[:, column]

    at = 0
    for layout, group in groupby(rows, key=lambda row: row[1]):
        parts = [row[2] for row in group]
        place(at, len(parts), layouts[layout], b"".join(parts))
        at += len(parts)
    for row in pending:
        place(at, 1, [ids.get(name) for name in row.names], row.values)
        at += 1
    return _in_order(HotColumns(t, found))


def _in_order(unordered: HotColumns) -> HotColumns:
    t = unordered.t
    if np.all(t[1:] > t[:-1]):
        return unordered
    order = np.argsort(t, kind="stable")
    last_of_its_time = np.append(np.diff(t[order]) > 0, True)
    order = order[last_of_its_time]
    return HotColumns(t[order], {number: values[order] for number, values in unordered.values.items()})
