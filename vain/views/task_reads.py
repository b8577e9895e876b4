"""What the page of a task reads: its own samples, and those of its earlier runs, from windows that pages share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

import numpy as np
from msgspec import structs

from vain.bands import MetricQuery, MetricWindow
from vain.changes import LogPart
from vain.clock import unix
from vain.costs import hosts_of
from vain.errors import Invalid, NotFound, VainError
from vain.hosts import Host
from vain.lanes import Bar, LaneQuery
from vain.overlay import Run, at_point, grid, usual
from vain.recap import Beside
from vain.source import Source
from vain.types import Task
from vain.views.task_charts import METRICS

WAITED: Final = "pressure.io_percent"
PROGRESS: Final = "task.progress_percent"
CPU: Final = "task.cpu_percent"
MEMORY: Final = "task.memory_bytes"
POINTS: Final = 400
MOST_BANDED: Final = 8
"""Earlier runs whose samples are read."""
RENEW_SECONDS: Final = 5.0
"""A window of a run that goes on ends at a multiple of this, so that pages which show it ask the same."""
MOST_LOG_BYTES: Final = 64 << 10


class Past(NamedTuple):
    """What was read of earlier runs: the tasks, and the samples of the newest of them."""

    tasks: list[Task]
    runs: list[Run]


class Measured(NamedTuple):
    """One run's samples, and the share of its time in which work of the machine waited for a disk."""

    run: Run
    waited_percent: float | None


def renew_seconds(task: Task, now: float) -> float:
    """How long a drawn window stays: a long run moves by less than a pixel in a while."""
    begin = unix(task.started_at) if task.started_at else now
    return max(RENEW_SECONDS, (now - begin) / POINTS)


async def measured(source: Source, task: Task, now: float) -> Measured | None:
    """The samples of a task's last attempt, from the history of its machine; None if it was never started."""
    if task.started_at is None:
        return None
    begin = unix(task.started_at)
    end = unix(task.completed_at) if task.completed_at else math.ceil(now / RENEW_SECONDS) * RENEW_SECONDS
    names = tuple(f"{metric}:{task.task_id}" for metric in METRICS)
    # A window has at least a second, or a run of an instant would have none.
    query = MetricQuery(begin, max(end, begin + 1), (*names, WAITED), POINTS, tasks=(task.task_id,))
    window, is_its_own = await _window_of(source, query, task)
    run = run_of(window, task.task_id, begin)
    return Measured(run, _mean(window, WAITED, min(end, now)) if is_its_own else None)


async def _window_of(source: Source, query: MetricQuery, task: Task) -> tuple[MetricWindow, bool]:
    """A window of the machine on which a task runs, or else of the server's; and whether it is the task's own. What
    the task used on other machines is added to its series."""
    hosts = hosts_of(task.resources)
    here = structs.replace(query, also=tuple(host for host in hosts if host != source.host))
    if task.host in (None, source.host):
        return await source.window(here), True
    with suppress(NotFound, Invalid):
        also = tuple(host for host in hosts if host != task.host)
        return await source.window(structs.replace(query, host=task.host, also=also)), True
    return await source.window(here), False


def run_of(window: MetricWindow, task_id: int, begin: float) -> Run:
    """A run out of a window of it: the points at which something of the task is known."""
    names = {metric: f"{metric}:{task_id}" for metric in METRICS}
    values = {metric: window.series[name].mean for metric, name in names.items() if name in window.series}
    known = np.zeros(len(window.t), bool)
    for column in values.values():
        known |= ~np.isnan(column)
    nothing = np.full(len(window.t), np.nan)
    elapsed = np.maximum(0.0, window.t + (window.step_seconds / 2 if window.is_reduced else 0.0) - begin)
    columns = {metric: column[known] for metric, column in values.items()}
    return Run(elapsed[known], values.get(PROGRESS, nothing)[known], columns)


async def earlier(source: Source, task_id: int, now: float) -> Past:
    """The earlier runs; those of which no samples are kept have none."""
    tasks = await source.runs(task_id)
    found = [await measured(source, task, now) for task in tasks[:MOST_BANDED]]
    return Past(tasks, [each.run for each in found if each is not None and len(each.run.elapsed)])


async def family(source: Source, task: Task, now: float) -> list[Bar]:
    """The task and what lies below it."""
    begin = unix(task.created_at)
    end = max(begin + 1, unix(task.completed_at) if task.completed_at else now)
    return (await source.lanes(LaneQuery(max(0.0, begin - 1), end + 1, rows=100, task_id=task.task_id))).bars


async def part_of_log(source: Source, task_id: int, after: int) -> LogPart | str:
    """What comes after an offset, up to the last whole character; or why it could not be read."""
    try:
        part = await source.log(task_id, after)
    except VainError as error:
        return error.detail
    return LogPart(part.begin, _whole(part.body))


def place_of(hosts: Iterable[Host], task: Task, source: Source) -> Host | None:
    """What is known of the machine on which a task runs; None if no agent has reported of it."""
    named = task.host or source.host
    return next((host for host in hosts if host.name == named), None)


def places_of(hosts: Iterable[Host], task: Task, source: Source) -> list[Host | None]:
    """What is known of each machine on which a task has processes."""
    known = {host.name: host for host in hosts}
    return [known.get(name) for name in hosts_of(task.resources) or [task.host or source.host]]


def beside(task: Task, own: Measured | None, past: Past | None, places: Sequence[Host | None]) -> Beside:
    """What the card says beside the task's own figures; ``places`` are the machines on which it runs."""
    now_bytes, usual_bytes = (None, None) if own is None or past is None else _memory(own.run, past.runs)
    now = [None if place is None else place.now for place in places]
    return Beside(
        cores=_sum_of_all([each.cores_logical if each else None for each in now]),
        memory_bytes=_sum_of_all([each.memory_total_bytes if each else None for each in now]),
        # Of several machines one alone says nothing.
        waited_percent=own.waited_percent if own and len(places) == 1 else None,
        durations=[unix(t.completed_at) - unix(t.started_at) for t in past.tasks if t.completed_at and t.started_at]
        if past
        else [],
        cpu_percent=_mean_of(own.run, CPU) if own else None,
        memory_now_bytes=now_bytes,
        memory_usual_bytes=usual_bytes,
    )


def _sum_of_all(amounts: Sequence[int | None]) -> int | None:
    """None if one of them is not known."""
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if known and len(known) == len(amounts) else None


def _memory(own: Run, runs: list[Run]) -> tuple[float | None, float | None]:
    column = own.values.get(MEMORY)
    if column is None or np.isnan(column).all():
        return None, None
    known = np.flatnonzero(~np.isnan(column))
    newest, progress = int(known[-1]), own.progress[int(known[-1])]
    by_progress = not np.isnan(progress) and sum(not np.isnan(run.progress).all() for run in runs) >= 2
    point = float(progress if by_progress else own.elapsed[newest])
    at = grid("progress" if by_progress else "elapsed", max([float(run.elapsed[-1]) for run in runs], default=point))
    band = usual(runs, MEMORY, "progress" if by_progress else "elapsed", at)
    return float(column[newest]), at_point(band.mid, at, point)


def _mean_of(run: Run, metric: str) -> float | None:
    column = run.values.get(metric)
    return None if column is None or np.isnan(column).all() else float(np.nanmean(column))


def _mean(window: MetricWindow, name: str, end: float) -> float | None:
    bands = window.series.get(name)
    if bands is None:
        return None
    is_known = (bands.count > 0) & (window.t <= end)
    if not is_known.any():
        return None
    return float(np.average(bands.mean[is_known], weights=bands.count[is_known]))


def _whole(body: bytes) -> bytes:
    """Without the beginning of a character whose end is not there yet."""
    for back in range(1, min(4, len(body) + 1)):
        lead = body[-back]
        if lead >= 0xC0:
            length = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
            return body[:-back] if length > back else body
        if lead < 0x80:
            return body
    return body
