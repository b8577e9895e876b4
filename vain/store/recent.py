"""The tasks that were committed last, for those who ask for one by its number."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from vain.store.collected import Stored

MOST_TASKS = 4_096
MOST_BYTES = 8 << 20


class RecentTasks:
    """Exactly what is in the database: filled with each commit and by nothing else."""

    def __init__(self, tasks: int = MOST_TASKS, size_bytes: int = MOST_BYTES) -> None:
        self._most_tasks, self._most_bytes = tasks, size_bytes
        self._tasks: OrderedDict[int, Stored] = OrderedDict()
        self._bytes = 0

    def get(self, task_id: int) -> Stored | None:
        """The task, also if its deletion was what was committed last; None if it is not at hand."""
        return self._tasks.get(task_id)

    def clear(self) -> None:
        """Forget all: it may be no longer so."""
        self._tasks.clear()
        self._bytes = 0

    def update(self, stored: Iterable[Stored]) -> None:
        """Take in what a commit has stored; the tasks that have not changed for longest make room."""
        for task in stored:
            before = self._tasks.pop(task.task_id, None)
            self._bytes += _size(task) - (_size(before) if before else 0)
            self._tasks[task.task_id] = task
        while len(self._tasks) > self._most_tasks or self._bytes > self._most_bytes:
            _, oldest = self._tasks.popitem(last=False)
            self._bytes -= _size(oldest)


def _size(task: Stored) -> int:
    return len(task.body) if task.body else 0
