"""Tasks and metrics as pandas DataFrames: times in UTC, unknown as missing, the units beside the columns.

>>> from vain import Client, frames
>>> tasks = frames.tasks_of(Client())
>>> tasks.groupby("status").size()
>>> history = frames.history_of(Client(), after=-86_400)
>>> frames.resampled(history, "5min")["cpu.percent"]
>>> frames.during(history, tasks.loc[7])
>>> frames.mean_by_task_name(history, tasks, "cpu.percent")
>>> frames.changes_of(Client(), 7)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import pandas as pd

from vain import tables
from vain.frames.explained import explained
from vain.frames.joins import during, mean_by_task_name, resampled
from vain.frames.metric_rows import Statistic, metrics, metrics_window
from vain.frames.task_rows import changes, runs, tasks
from vain.types import Task

__all__ = [
    "changes",
    "changes_of",
    "during",
    "explained",
    "history_of",
    "mean_by_task_name",
    "metrics",
    "metrics_window",
    "resampled",
    "runs",
    "tasks",
    "tasks_of",
]

Moment = float | str | datetime


class HasTasks(Protocol):
    """What a Client and a RemoteSource have in common here."""

    def tasks(self) -> list[Task]: ...


class HasChanges(Protocol):
    """A Client, or what stands in for one."""

    def changes(self, task_id: int) -> list[dict[str, object]]: ...


class HasHistory(Protocol):
    """A Client, or what stands in for one."""

    def history_table(
        self,
        format: tables.Format = ...,  # noqa: A002
        after: Moment | None = ...,
        before: Moment | None = ...,
        metrics: Sequence[str] | None = ...,
        points: int | None = ...,
        task_id: int | None = ...,
    ) -> bytes: ...


def tasks_of(reader: HasTasks) -> pd.DataFrame:
    """All tasks of a server. Blocks, and raises what the Client raises."""
    return tasks(reader.tasks())


def changes_of(reader: HasChanges, task_id: int) -> pd.DataFrame:
    """Every change of one task, as ``changes`` has them. Blocks, and raises what the Client raises."""
    return changes(reader.changes(task_id))


def history_of(
    client: HasHistory,
    after: Moment | None = None,
    before: Moment | None = None,
    metrics: Sequence[str] | None = None,
    points: int | None = None,
    task_id: int | None = None,
    statistic: Statistic = "mean",
) -> pd.DataFrame:
    """The metrics of a server, as ``metrics_window`` gives them. Blocks, and raises what the Client raises.

    ``after`` and ``before`` are times, or negative seconds before now (without both: the last hour), or ``task_id``
    names the task whose time it is. ``metrics`` are names or patterns (``cpu.*``). ``points`` is how many rows are
    wanted at most; without it come all samples, or the finest step that the server gives at once.
    """
    body = client.history_table("arrow", after, before, metrics, points, task_id)
    return metrics_window(tables.decoded(body), statistic)
