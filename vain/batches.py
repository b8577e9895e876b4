"""Many tasks made or changed in one go, all of them or none; on the store's writing thread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from vain.arrivals import Report
from vain.changing import created, found, replayed, updated
from vain.errors import Flaw, VainError
from vain.saving import Marks
from vain.store.collected import Remembered
from vain.store.transaction import Transaction
from vain.types import Task, TaskDraft, TaskMerge, TaskPatch, Time

LARGEST_BATCH = 500
"""Tasks that are made or changed in one go at most."""
NO_TASK = 0
"""Stands for a task where an answer is of many."""


class Batch(NamedTuple):
    """Their JSON as an array, the tasks, and the number of the newest event that is in it.

    No tasks and no number if the answer was given before.
    """

    body: bytes
    tasks: Sequence[Task] = ()
    seq: int | None = None


class Named(NamedTuple):
    """The idempotency key of a request, and what tells its body from others."""

    key: str
    fingerprint: bytes


def create_all(
    transaction: Transaction, drafts: Sequence[TaskDraft], marks: Marks, now: Time, report: Report, named: Named | None
) -> Batch:
    """New tasks, in the order of the drafts. Raises what ``created`` raises, pointing at ``/3/name`` for the fourth."""
    if named is not None and (known := transaction.remembered_as(named.key)):
        return Batch(replayed(known, named.fingerprint).body)
    bodies, tasks = list[bytes](), list[Task]()
    for position, draft in enumerate(drafts):
        with _blamed(f"/{position}", f"Number {position}"):
            made, task = created(transaction, draft, marks, now, report)
        bodies.append(made.body)
        tasks.append(task)
    body = _array(bodies)
    if named is not None:
        transaction.remember(named.key, Remembered(named.fingerprint, NO_TASK, body), now)
    return Batch(body, tasks, transaction.seq)


def update_all(
    transaction: Transaction,
    task_ids: Sequence[int],
    patch: TaskPatch | TaskMerge,
    marks: Marks,
    now: Time,
    report: Report,
) -> Batch:
    """The tasks with what the patch sets, in the order of their numbers as given.

    Raises what ``updated`` raises, pointing at ``/ids/3`` for a task that there is not, or at ``/patch/status``.
    """
    bodies, tasks = list[bytes](), list[Task]()
    for position, task_id in enumerate(task_ids):
        with _blamed(f"/ids/{position}", None):
            before = found(transaction, task_id)
        with _blamed("/patch", f"Task {task_id}"):
            made, task = updated(transaction, before, patch, marks, now, report)
        bodies.append(made.body)
        tasks.append(task)
    return Batch(_array(bodies), tasks, transaction.seq)


def _array(bodies: Sequence[bytes]) -> bytes:
    return b"[" + b",".join(bodies) + b"]"


@contextmanager
def _blamed(pointer: str, called: str | None) -> Iterator[None]:
    """What is refused within says of which of them it was; its pointers begin with ``pointer``."""
    try:
        yield
    except VainError as refusal:
        flaws = [Flaw(flaw.detail, pointer=f"{pointer}{flaw.pointer or ''}") for flaw in refusal.flaws]
        detail = f"{called}: {refusal.detail}" if called else refusal.detail
        raise type(refusal)(detail, flaws or [Flaw(refusal.detail, pointer=pointer)]) from None
