"""What a follower of tasks was told, so that each version comes once and what was missed is found. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct
from msgspec.structs import replace

from vain.lifecycle import changed_fields
from vain.types import Action, Notification, Status, Task, Time


class TaskChange(Struct, frozen=True):
    """A task was created, updated or deleted: as it then was, which fields differ, and its status before."""

    action: Action
    task: Task
    changed: list[str] = []
    previous_status: Status | None = None
    seq: int | None = None
    """The number of the event. None: found by reading the tasks when the connection was there again."""


class Seen:
    """What was delivered or read: so each version of a task comes once, and what was missed is found. Pure.

    ``began_at`` (canonical): what the server changed later is news to the first reading, all before is not.
    """

    def __init__(self, began_at: Time) -> None:
        self.began_at = began_at
        self._tasks: dict[int, Task] = {}
        self._reads = 0
        self._gone: set[int] = set()
        self._last_notification: int | None = None

    def tasks_read(self, tasks: Iterable[Task]) -> list[TaskChange]:
        """What must have happened, now that these are all tasks. What comes later may be older than they are."""
        before, self._tasks = self._tasks, {task.task_id: task for task in tasks}
        self._reads += 1
        if self._is_first:
            return self._first_changes()
        known = [(before.get(task.task_id), task) for task in self._latest()]
        found = [_found("updated" if old else "created", old, new) for old, new in known if _differ(old, new)]
        gone = [task for task_id, task in before.items() if task_id not in self._tasks]
        self._gone = {task.task_id for task in gone}
        return found + [TaskChange("deleted", task, previous_status=task.status) for task in gone]

    def news(self, change: TaskChange) -> TaskChange | None:
        """What this event, in its order, tells that was not told yet."""
        task, tasks = change.task, self._tasks
        known = tasks.get(task.task_id)
        if task.task_id in self._gone:
            return None
        is_unheard_of = known is None and not self._is_first
        if change.action == "deleted":
            tasks.pop(task.task_id, None)
            return None if is_unheard_of else change
        if known is not None and task.version <= known.version:
            return None
        tasks[task.task_id] = task
        # That it was created was told while nobody listened; that it is gone again may not have been.
        return replace(change, action="created") if is_unheard_of else change

    def notifications_read(self, newest: Collection[Notification]) -> list[Notification]:
        """Those of the newest that were not told yet, oldest first."""
        last = self._last_notification
        fresh = [
            each
            for each in newest
            if (each.timestamp >= self.began_at if last is None else each.notification_id > last)
        ]
        self._last_notification = max((each.notification_id for each in newest), default=0)
        return sorted(fresh, key=lambda each: each.notification_id)

    def is_new(self, notification: Notification) -> bool:
        """The same of one that came as an event."""
        if self._last_notification is not None and notification.notification_id <= self._last_notification:
            return False
        self._last_notification = notification.notification_id
        return True

    def _first_changes(self) -> list[TaskChange]:
        news = [task for task in self._latest() if _changed_at(task) >= self.began_at]
        # What a process tells late was created long ago, and is new all the same.
        return [
            _found("created" if task.version == 1 or task.created_at >= self.began_at else "updated", None, task)
            for task in news
        ]

    @property
    def _is_first(self) -> bool:
        """Whether the first connection stands, of which tasks that are known to nobody have a history."""
        return self._reads <= 1

    def _latest(self) -> list[Task]:
        """All tasks, in the order in which they were changed."""
        return sorted(self._tasks.values(), key=lambda task: (_changed_at(task), task.task_id))


def _differ(before: Task | None, now: Task) -> bool:
    # Not "is newer": a backup that was put in the place of the tasks takes them back.
    return before is None or before.version != now.version


def _found(action: Action, before: Task | None, now: Task) -> TaskChange:
    """The change that must have led from one to the other, in one."""
    return TaskChange(action, now, changed_fields(before, now), before.status if before else None)


def _changed_at(task: Task) -> Time:
    return task.updated_at or task.created_at
