"""One task made or changed, on the store's writing thread: what the single changes and the batches have in common."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from vain import lifecycle
from vain.arrivals import Report
from vain.errors import KeyMismatch, NotFound, PreconditionFailed
from vain.merging import merged
from vain.saving import Marks, refuse_conflicts, saved
from vain.store.collected import Remembered
from vain.store.transaction import Transaction
from vain.types import Task, TaskDraft, TaskMerge, TaskPatch, Time


class Made(NamedTuple):
    """A task as it was answered: its number, version and JSON, and the number of the newest event that is in it.

    ``seq`` is None where an earlier answer is given again: much may have happened since.
    """

    task_id: int
    version: int
    body: bytes
    seq: int | None = None


class Changed(NamedTuple):
    """What a change comes to."""

    made: Made
    task: Task | None
    """None: it was an answer given before."""
    adopted: Sequence[Task] = ()
    """Children whose reports came before their parent's."""


def created(transaction: Transaction, draft: TaskDraft, marks: Marks, now: Time, report: Report) -> tuple[Made, Task]:
    """A new task. Raises Invalid or Conflict."""
    task = lifecycle.created(draft, transaction.next_task_id(), now, report.time(now))
    refuse_conflicts(transaction, task, None)
    task = marks.estimated(transaction, task, None, now)
    body = saved(transaction, task, None, now)
    return Made(task.task_id, task.version, body, transaction.seq), task


def updated(
    transaction: Transaction, before: Task, patch: TaskPatch | TaskMerge, marks: Marks, now: Time, report: Report
) -> tuple[Made, Task]:
    """The task with what the patch sets, or the merge put over it. Raises Invalid or Conflict."""
    if isinstance(patch, TaskMerge):
        patch = merged(before, patch)
    costed = marks.costed(before)
    after = lifecycle.patched(costed, patch, now, report.time(now))
    # What it cost meanwhile is no change on its own.
    after = before if after is costed else marks.estimated(transaction, after, before, now)
    refuse_conflicts(transaction, after, before)
    body = saved(transaction, after, before, now)
    return Made(after.task_id, after.version, body, transaction.seq), after


def found(transaction: Transaction, task_id: int, versions: Container[int] | None = None) -> Task:
    """The task, if it is at one of these versions. Raises NotFound or PreconditionFailed."""
    task = transaction.task(task_id)
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    if versions is not None and task.version not in versions:
        raise PreconditionFailed(f"Task {task_id} was changed meanwhile: it is at version {task.version}.")
    return task


def replayed(known: Remembered, given: bytes) -> Made:
    """What was answered before to the same key. Raises KeyMismatch if the body was another."""
    if known.fingerprint != given:
        raise KeyMismatch("This Idempotency-Key was used before with another body.")
    return Made(known.task_id, 1, known.body)
