"""Who used what a moving machine used: the real rules over figures that are made up."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from tests.views.memory import Memory
from vain.bands import MetricQuery
from vain.busiest import Process
from vain.clock import unix
from vain.explaining import Explaining, Explanation, checked
from vain.explaining.explained import Seen, explanation
from vain.explaining.question import windows_of
from vain.explaining.unusual import WATCHED
from vain.explaining.use import Ran, TaskUse
from vain.looks import columns_of
from vain.types import Task

MIB = 1 << 20
CORES = (1.2, 0.5, 0.2)
"""What the first tasks use; the others use nothing that is known."""


def explanation_of(asked: Explaining, tasks: Sequence[Task], memory: Memory, cores: int) -> Explanation:
    """The first task uses most, the second less; there are four processes, of which two are theirs."""
    now = time.time()
    windows = windows_of(checked(asked), now, 1.0)
    ran = [found for task in tasks if (found := _ran(task, windows.after, windows.before, now)) is not None]
    uses = {
        task.task_id: _use(task, windows.after, windows.before, cores, place)
        for place, (task, cores) in enumerate(zip(ran, CORES, strict=False))
    }
    t = np.arange(windows.after, windows.before, 5.0)
    looks = [(int(moment * 1000), _processes(ran)) for moment in t.tolist()]
    metrics = tuple(name for name in memory.formulas if name in WATCHED)
    query = MetricQuery(windows.after, windows.before, metrics, 600)
    before = MetricQuery(windows.baseline_after, windows.baseline_before, metrics, 600)
    seen = Seen(windows, ran, uses, {}, memory.window(query), memory.window(before), columns_of(looks), cores)
    return explanation(asked, seen)


def _ran(task: Task, after: float, before: float, now: float) -> Ran | None:
    if task.started_at is None:
        return None
    started, ended = unix(task.started_at), now if task.completed_at is None else unix(task.completed_at)
    if ended < after or started > before:
        return None
    return Ran(task.task_id, task.name, task.status, task.outcome, started, ended, task.parent_id, task.progress)


def _use(task: Ran, after: float, before: float, cores: float, place: int) -> TaskUse:
    t = np.arange(np.ceil(max(task.started, after)), min(task.ended, before))
    level = np.full(len(t), 1.0)
    return TaskUse(
        t,
        100 * cores * level,
        500 * MIB * level / (place + 1),
        MIB * level,
        3 * MIB * level,
        np.nan * level,
        np.nan * level,
    )


def _processes(ran: Sequence[Ran]) -> list[Process]:
    first, second = ([task.task_id for task in ran] + [None, None])[:2]
    return [
        Process(4321, "python3", first, 118.0, 500 * MIB, 4.0 * MIB),
        Process(4400, "rsync", second, 49.0, 12 * MIB, 20.0 * MIB),
        Process(812, "postgres", None, 3.5, 900 * MIB, 41_000.0),
        Process(77, "kswapd0", None, 1.2, 0, None),
    ]
