"""The lanes of tasks that are in memory: the rules that the server has over its tables."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Mapping

from tests.selected import matches
from vain.bars import Told, lanes, told_of
from vain.clock import unix
from vain.lanes import LaneQuery, Lanes, aligned
from vain.packing.frame import frame_of
from vain.packing.hall import Kin
from vain.packing.tasks import NEVER, Lives
from vain.types import Task, TaskQuery, Time


def lanes_of(asked: LaneQuery, tasks: Mapping[int, Task], seq: int, now: float | None = None) -> Lanes:
    """The lanes of a window; each task has one attempt, the one that it is at."""
    query, moment = aligned(asked), time.time() if now is None else now
    frame = frame_of(query)
    wanted = TaskQuery(status=query.status, outcome=query.outcome, text=query.text, host=query.host)
    found = [
        task
        for task in tasks.values()
        if matches(task, wanted)
        and (query.tag is None or query.tag in task.tags)
        and query.host in (None, task.host)
        and (query.task_id is None or query.task_id in _line(task, tasks))
        and unix(task.created_at) < frame.end
        and (moment if task.completed_at is None else unix(task.completed_at)) >= frame.begin
    ]
    lives = Lives(
        [task.task_id for task in found],
        [task.attempt for task in found],
        [_ms(task.created_at) for task in found],
        [_ms(task.started_at) for task in found],
        [_ms(task.completed_at) for task in found],
        [task.outcome for task in found],
    )
    return lanes(lives, 0, query, _Book(tasks), seq, moment)


class _Book:
    def __init__(self, tasks: Mapping[int, Task]) -> None:
        self._tasks = tasks

    def kin(self, task_ids: Collection[int]) -> dict[int, Kin]:
        wanted = {above for task_id in task_ids for above in _line(self._tasks[task_id], self._tasks)}
        return {each: Kin(self._tasks[each].parent_id, len(self._tasks[each].name)) for each in wanted}

    def told(self, task_ids: Collection[int]) -> dict[int, Told]:
        return {task_id: told_of(self._tasks[task_id]) for task_id in task_ids}

    def children(self, task_ids: Collection[int]) -> dict[int, int]:
        parents = Counter(task.parent_id for task in self._tasks.values())
        return {task_id: parents[task_id] for task_id in task_ids}


def _line(task: Task | None, tasks: Mapping[int, Task]) -> list[int]:
    """A task and all above it."""
    line: list[int] = []
    while task is not None and task.task_id not in line:
        line.append(task.task_id)
        task = None if task.parent_id is None else tasks.get(task.parent_id)
    return line


def _ms(moment: Time | None) -> int:
    return NEVER if moment is None else round(unix(moment) * 1000)
