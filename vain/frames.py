"""Tasks and metrics as pandas DataFrames: times in UTC, unknown as missing, the units beside the columns.

>>> from vain import Client, frames
>>> tasks = frames.tasks_of(Client())
>>> tasks.groupby("status").size()
>>> history = frames.history_of(Client(), after=-900)
>>> history["cpu.percent"].resample("1min").mean()
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from vain.catalog import metric_of
from vain.history import Columns
from vain.types import OUTCOMES, PRIORITIES, STATUSES, Resources, Task

TIME_COLUMNS = ("created_at", "updated_at", "started_at", "completed_at", "due_at", "heartbeat_at")
CATEGORIES = {"status": STATUSES, "priority": PRIORITIES, "outcome": OUTCOMES}
"""In order of rank, so that these columns sort and compare as vAIn does; an outcome has no rank."""
DTYPES = {
    "name": "string",
    "description": "string",
    "message": "string",
    "unit": "string",
    "key": "string",
    "progress": "Float64",
    "current": "Float64",
    "total": "Float64",
    "expect_next_in": "Float64",
    "exit_code": "Int64",
    "parent_id": "Int64",
    "version": "Int64",
    "attempt": "Int64",
    "stale": "boolean",
    "overdue": "boolean",
    "tags": "object",
    "metadata": "object",
}
RESOURCE_UNITS = {
    "cpu_seconds": "seconds",
    "cpu_percent": "percent",
    "cpu_percent_peak": "percent",
    "rss_bytes": "bytes",
    "rss_peak_bytes": "bytes",
    "read_bytes": "bytes",
    "written_bytes": "bytes",
    "gpu_memory_bytes": "bytes",
}
TASK_UNITS = {"progress": "percent", "expect_next_in": "seconds", **RESOURCE_UNITS}


class HasColumns(Protocol):
    """An answer with a history in it, such as ``vain.client.MetricHistory``."""

    def columns(self) -> Columns: ...


class Reader(Protocol):
    """What a Client and a RemoteSource have in common here."""

    def tasks(self) -> list[Task]: ...

    def history(self, after: float | str | datetime = ...) -> HasColumns: ...


def tasks(tasks: Iterable[Task]) -> pd.DataFrame:
    """One row for each task, by ``task_id``. ``df.attrs["units"]`` names the unit of each column that has one.

    Status and priority are ordered categories: ``df[df.priority >= "medium"]``, ``df.sort_values("priority")``.
    """
    rows = list(tasks)
    columns: dict[str, pd.Series] = {}
    index = pd.Index(np.fromiter((task.task_id for task in rows), np.int64, len(rows)), name="task_id")
    for name in ("name", *CATEGORIES, *TIME_COLUMNS, *(name for name in DTYPES if name != "name")):
        columns[name] = _task_column(name, [getattr(task, name) for task in rows], index)
    columns["error"] = pd.Series([task.error.message if task.error else None for task in rows], index, "string")
    columns["eta_at"] = _times([task.eta.at if task.eta else None for task in rows], index)
    resources = [task.resources or Resources() for task in rows]
    for name in RESOURCE_UNITS:
        columns[name] = pd.Series([getattr(used, name) for used in resources], index, "Float64")
    frame = pd.DataFrame(columns, index=index)
    frame.attrs["units"] = dict(TASK_UNITS)
    return frame


def metrics(columns: Columns) -> pd.DataFrame:
    """One row for each sample, by ``time`` (UTC, milliseconds), one column for each series; NaN is unknown.

    The values are not copied: the frame shows the arrays of ``columns``. ``df.attrs["units"]`` has each column's unit.
    """
    milliseconds = np.rint(_view(columns.t) * 1000).astype(np.int64)
    time = pd.DatetimeIndex(milliseconds.view("M8[ms]"), name="time").tz_localize("UTC")
    series = {name: pd.Series(_view(values), time, copy=False) for name, values in columns.values.items()}
    frame = pd.DataFrame(series, index=time, copy=False)
    rows = {name: metric_of(name) for name in columns.values}
    frame.attrs["units"] = {name: metric.unit for name, metric in rows.items() if metric is not None}
    return frame


def tasks_of(reader: Reader) -> pd.DataFrame:
    """All tasks of a server. Blocks, and raises what the Client raises."""
    return tasks(reader.tasks())


def history_of(reader: Reader, after: float | str | datetime = -3600) -> pd.DataFrame:
    """The metrics of a server since ``after``: negative seconds before now, or a time. Blocks, as ``tasks_of`` does."""
    return metrics(reader.history(after=after).columns())


def _task_column(name: str, values: list[object], index: pd.Index) -> pd.Series:
    if name in CATEGORIES:
        kinds = pd.CategoricalDtype(CATEGORIES[name], ordered=name != "outcome")
        return pd.Series(values, index, kinds)
    if name in TIME_COLUMNS:
        return _times(values, index)
    return pd.Series(values, index, DTYPES[name])


def _times(values: list[object] | list[str | None], index: pd.Index) -> pd.Series:
    """Canonical times, which all have milliseconds and end in Z."""
    moments = np.array([None if value is None else str(value)[:-1] for value in values], "M8[ms]")
    return pd.Series(pd.DatetimeIndex(moments).tz_localize("UTC"), index)


def _view(values: array[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(values, np.float64) if values else np.empty(0)
