"""Tasks, their changes and their runs as DataFrames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import numpy as np
import pandas as pd

from vain.types import OUTCOMES, PRIORITIES, STATUSES, Event, Resources, Status, Task, Time

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


class Change(Task, frozen=True):
    """A task as a ``taskUpdate`` tells of it."""

    seq: int | None = None
    timestamp: Time | None = None
    action: str = ""
    changed: list[str] = []  # noqa: RUF012  (msgspec copies it)
    previous_status: Status | None = None


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


def changes(messages: Iterable[Event | bytes | str | Mapping[str, object]]) -> pd.DataFrame:
    """One row for each change of a task, by ``seq``: when, what was done, the whole task as it then was.

    ``messages`` are those of ``/ws/tasks``, decoded or not, or events of the log; what is no ``taskUpdate`` is left
    out. ``changed`` are the names of the fields that differ from before, ``previous_status`` is missing for a new task.
    """
    rows = [change for message in messages if (change := _change(message)) is not None]
    frame = tasks(rows).reset_index()
    frame.insert(0, "timestamp", _times([row.timestamp for row in rows], frame.index))
    frame.insert(1, "action", pd.Series([row.action for row in rows], frame.index, "category"))
    frame.insert(2, "changed", pd.Series([row.changed for row in rows], frame.index, "object"))
    kinds = pd.CategoricalDtype(STATUSES, ordered=True)
    frame.insert(3, "previous_status", pd.Series([row.previous_status for row in rows], frame.index, kinds))
    frame.index = pd.Index(np.fromiter((row.seq or 0 for row in rows), np.int64, len(rows)), name="seq")
    frame.attrs["units"] = dict(TASK_UNITS)
    return frame


def runs(changes: pd.DataFrame) -> pd.DataFrame:
    """Each stretch in which a task was in progress, out of its ``changes``: a task that was reopened has several.

    Columns ``task_id, name, started_at, completed_at``; ``completed_at`` is when it stopped being in progress, missing
    for what still is. As good as tasks for ``mean_by_task_name``.
    """
    found: list[dict[str, object]] = []
    running: dict[int, dict[str, object]] = {}
    for row in changes.itertuples():
        if row.status == "in-progress" and row.action != "deleted":
            begun = {"task_id": row.task_id, "name": row.name, "started_at": row.started_at, "completed_at": pd.NaT}
            if row.task_id not in running:
                running[row.task_id] = begun
                found.append(begun)
        elif row.task_id in running:
            running.pop(row.task_id)["completed_at"] = row.timestamp
    frame = pd.DataFrame(found, columns=["task_id", "name", "started_at", "completed_at"])
    moments = dict.fromkeys(("started_at", "completed_at"), "datetime64[ms, UTC]")
    return frame.astype({"task_id": "int64", "name": "string", **moments})


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


def _change(message: Event | bytes | str | Mapping[str, object]) -> Change | None:
    body = message.body if isinstance(message, Event) else message
    read = msgspec.json.decode(body) if isinstance(body, bytes | str) else body
    return msgspec.convert(read, Change) if read.get("type") == "taskUpdate" else None
