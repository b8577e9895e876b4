"""Metrics in longer steps, and metrics beside the tasks that ran."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vain.bands import Floats, Integers
from vain.frames.metric_rows import STATISTICS, Statistic
from vain.types import Task


def resampled(frame: pd.DataFrame, every: str, statistic: Statistic = "mean") -> pd.DataFrame:
    """The metrics in steps of ``every`` (``"5min"``, ``"1D"``), which are multiples of it since 1970, or local days if
    the index was converted to another time zone. A step without a sample stays NaN: no value reaches across a gap.

    A frame with all statistics keeps them: the mean of means, least of least, largest of largest. Of another,
    ``statistic`` is taken, or all.
    """
    offset = pd.tseries.frequencies.to_offset(every)
    # Days and months begin where the index says; only fixed lengths need to be told where to count from.
    bins = frame.resample(offset, **({"origin": "epoch"} if isinstance(offset, pd.offsets.Tick) else {}))
    if frame.columns.nlevels == 2:
        rules = {column: column[1] for column in frame.columns}
        result = bins.agg(rules) if rules else bins.mean()
    elif statistic == "all":
        parts = {part: bins.agg(part) for part in STATISTICS}
        columns = {(name, part): parts[part][name] for name in frame.columns for part in STATISTICS}
        result = pd.DataFrame(columns)
        result.columns.names = ["metric", "statistic"]
    else:
        result = bins.agg(statistic)
    result.attrs = {**frame.attrs, "step_seconds": _seconds(every)}
    return result


def during(metrics: pd.DataFrame, task: Task | pd.Series) -> pd.DataFrame:
    """The rows of the time in which a task ran: a Task, or a row of ``tasks`` or ``runs``.

    A row stands for the time until the next one, at most its step. Nothing for a task that has not started; of one that
    runs, all up to now.
    """
    began, ended = task.started_at, task.completed_at
    if pd.isna(began):
        return metrics.iloc[:0]
    begins, ends = _row_times(metrics)
    fits = ends > _milliseconds(began)
    if not pd.isna(ended):
        fits &= begins < _milliseconds(ended)
    return metrics[fits]


def mean_by_task_name(metrics: pd.DataFrame, tasks: pd.DataFrame, metric: str) -> pd.Series:
    """The mean of one metric while tasks of each name ran: ``mean_by_task_name(history, tasks, "cpu.percent")``.

    Weighted by time, over all tasks (or ``runs``) of a name together; a gap counts for nothing, a running task until
    the end of the frame. NaN for a name whose tasks never ran within it.
    """
    column = metric if metrics.columns.nlevels == 1 else (metric, "mean")
    values = metrics[column].to_numpy(np.float64, copy=False)
    begins, ends = _row_times(metrics)
    known = np.where(np.isnan(values), 0, ends - begins)
    began = _milliseconds_or(tasks["started_at"], np.inf)
    ended = np.maximum(_milliseconds_or(tasks["completed_at"], ends.max(initial=0)), began)
    # What has come together by the beginning and by the end of each row; straight in between.
    edges = np.column_stack((begins, ends)).ravel()
    parts = {"sum": known * np.nan_to_num(values), "time": known}
    reached = {part: np.repeat(np.append(0, np.cumsum(column)), 2)[1:-1] for part, column in parts.items()}
    rows = {part: _between(edges, column, began, ended) for part, column in reached.items()}
    together = pd.DataFrame(rows).groupby(tasks["name"].to_numpy(object)).sum()
    means = (together["sum"] / together["time"].where(together["time"] > 0)).rename(metric)
    return means.rename_axis("name")


def _seconds(every: str) -> float | None:
    """The length of a step; None if it has none of its own, as a month."""
    try:
        return float(pd.Timedelta(every).total_seconds())
    except ValueError:
        return None


def _row_times(frame: pd.DataFrame) -> tuple[Integers, Integers]:
    """When each row begins and ends, in Unix milliseconds."""
    begins: Integers = frame.index.tz_convert("UTC").as_unit("ms").asi8
    step = frame.attrs.get("step_seconds")
    between = np.diff(begins)
    usual = float(np.median(between)) if len(between) else 1_000.0
    longest = round(step * 1000) if step else usual
    return begins, begins + np.minimum(np.append(between, longest), longest).astype(np.int64)


def _milliseconds(moment: object) -> float:
    return float(pd.Timestamp(moment).timestamp() * 1000)


def _milliseconds_or(moments: pd.Series, missing: float) -> Floats:
    found = moments.dt.as_unit("ms").astype("int64").to_numpy(np.float64)
    return np.where(moments.isna(), missing, found)


def _between(edges: Integers, reached: Floats, began: Floats, ended: Floats) -> Floats:
    """How much came together from one moment to the other."""
    if not len(edges):
        return np.zeros(len(began))
    return np.interp(ended, edges, reached) - np.interp(began, edges, reached)
