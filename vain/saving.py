"""How a changed task is stored: what it may not collide with, what the server adds of its own, what should be told."""

from __future__ import annotations

from typing import Protocol

from vain import notices
from vain.codec import encode
from vain.errors import Conflict, Flaw
from vain.store.transaction import Transaction
from vain.types import Task, Time

RUNNING_SHOWN = 20
DEEPEST_FAMILY = 64


class Marks(Protocol):
    """What the server itself knows of a task. Called on the store's writing thread."""

    def costed(self, task: Task) -> Task:
        """The task with what its processes have used until now."""

    def estimated(self, transaction: Transaction, task: Task, previous: Task | None, now: Time) -> Task:
        """The task with its ``eta``."""


class NoMarks:
    """Nothing is known beyond what clients say."""

    def costed(self, task: Task) -> Task:
        """See ``Marks``."""
        return task

    def estimated(self, transaction: Transaction, task: Task, previous: Task | None, now: Time) -> Task:
        """See ``Marks``."""
        return task


def saved(transaction: Transaction, task: Task, previous: Task | None, now: Time) -> bytes:
    """Store the task with its event and what should be told of it, and return its JSON."""
    if task is previous:
        return encode(task)
    body = transaction.save(task, previous, now)
    for notice in notices.of_task(task, previous, "updated" if previous else "created"):
        transaction.notify(notice, now, transaction.running(RUNNING_SHOWN))
    return body


def refuse_conflicts(transaction: Transaction, task: Task, previous: Task | None) -> None:
    """A key belongs to one unfinished task; a parent exists and is no descendant. Raises Conflict."""
    if task.key is not None and task.status != "completed":
        holder = transaction.unfinished_with_key(task.key)
        if holder is not None and holder.task_id != task.task_id:
            detail = f"Task {holder.task_id} is not completed and has this key."
            raise Conflict(f"key: {detail}", [Flaw(detail, pointer="/key")])
    if task.parent_id is not None and (previous is None or task.parent_id != previous.parent_id):
        _refuse_family(transaction, task)


def _refuse_family(transaction: Transaction, task: Task) -> None:
    ancestor = task.parent_id
    for _ in range(DEEPEST_FAMILY):
        if ancestor is None:
            return
        if ancestor == task.task_id:
            break
        parent = transaction.task(ancestor)
        if parent is None:
            detail = f"There is no task {ancestor}."
            raise Conflict(f"parent_id: {detail}", [Flaw(detail, pointer="/parent_id")])
        ancestor = parent.parent_id
    detail = f"A task may not stand below itself, nor deeper than {DEEPEST_FAMILY} levels."
    raise Conflict(f"parent_id: {detail}", [Flaw(detail, pointer="/parent_id")])
