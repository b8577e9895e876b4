"""Tasks: every change of one goes through here, down to the store and out as an event."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from functools import partial
from typing import NamedTuple

from vain import lifecycle, notices
from vain.clock import now as time_now
from vain.codec import decode, encode
from vain.errors import Conflict, Flaw, KeyMismatch, NotFound, PreconditionFailed
from vain.flow.attempts import EVERY_ATTEMPT, AttemptColumns, AttemptQuery
from vain.selection import parse_sort
from vain.store import reading
from vain.store.collected import Remembered
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.types import Task, TaskCounts, TaskDraft, TaskPage, TaskPatch, TaskQuery, Time

SCANNED_EVENTS = 2_000
"""Of the log at once, in search of the changes of one task: some 2 MB."""
PART_BYTES = 128 << 10
"""A list is read and sent in parts of about this size."""
SWEEP_TASKS = 500
RUNNING_SHOWN = 20
DEEPEST_FAMILY = 64


class Made(NamedTuple):
    """A task as it was answered: its number, version and JSON."""

    task_id: int
    version: int
    body: bytes


class Tracker:
    """Creates, changes, finds and deletes tasks. ``clock`` gives the time of day in canonical form."""

    def __init__(self, store: Store, clock: Callable[[], Time] = time_now) -> None:
        self._store = store
        self._clock = clock

    async def create(self, draft: TaskDraft, idempotency_key: str | None = None, fingerprint: bytes = b"") -> Made:
        """Make a task. With an idempotency key, the same key and body give the same answer for a day.

        Raises Invalid, Conflict (a key that is taken, an unknown parent), or KeyMismatch.
        """

        def change(transaction: Transaction) -> Made:
            if idempotency_key is not None and (known := transaction.remembered_as(idempotency_key)):
                return _replayed(known, fingerprint)
            now = self._clock()
            task = lifecycle.created(draft, transaction.next_task_id(), now)
            _refuse_conflicts(transaction, task, None)
            body = _saved(transaction, task, None, now)
            if idempotency_key is not None:
                transaction.remember(idempotency_key, Remembered(fingerprint, task.task_id, body), now)
            return Made(task.task_id, task.version, body)

        return await self._store.write(change)

    async def update(self, task_id: int, patch: TaskPatch, versions: Collection[int] | None = None) -> Made:
        """Set what the patch gives and leave the rest, if the task is at one of these versions.

        Raises NotFound, PreconditionFailed, Invalid or Conflict.
        """

        def change(transaction: Transaction) -> Made:
            now = self._clock()
            before = _found(transaction, task_id, versions)
            after = lifecycle.patched(before, patch, now)
            _refuse_conflicts(transaction, after, before)
            body = _saved(transaction, after, before, now)
            return Made(task_id, after.version, body)

        return await self._store.write(change)

    async def delete(self, task_id: int, versions: Collection[int] | None = None) -> None:
        """Remove a task, if it is at one of these versions; its children lose their parent.

        Raises NotFound or PreconditionFailed.
        """

        def change(transaction: Transaction) -> None:
            now = self._clock()
            task = _found(transaction, task_id, versions)
            for child in transaction.children(task_id):
                transaction.save(lifecycle.orphaned(child, now), child, now)
            transaction.delete(task, now)

        await self._store.write(change)

    def at_hand(self, task_id: int) -> Made | None:
        """A task as it is stored, if it changed lately; None says nothing. Raises NotFound if it was deleted lately."""
        stored = self._store.recent.get(task_id)
        if stored is None:
            return None
        if stored.version is None or stored.body is None:
            raise NotFound(f"There is no task {task_id}.")
        return Made(task_id, stored.version, stored.body)

    async def get(self, task_id: int) -> Made:
        """A task as it is stored. Raises NotFound."""
        found = await self._store.read(partial(reading.task_body, task_id=task_id))
        if found is None:
            raise NotFound(f"There is no task {task_id}.")
        body, version = found
        return Made(task_id, version, body)

    async def stream(self) -> tuple[int, AsyncIterator[list[bytes]]]:
        """How many tasks there are, and the JSON of all by number, in parts, so that memory stays bounded.

        The count and the first part are of one instant, and no task that was made later is among them.
        """
        total, last, first = await self._store.read(partial(reading.first_tasks, size_bytes=PART_BYTES))
        return total, self._parts(first, last)

    async def _parts(self, part: reading.TaskPart, last: int) -> AsyncIterator[list[bytes]]:
        while part.bodies:
            yield part.bodies
            if part.follow_after is None:
                return
            rest = partial(reading.tasks_between, after=part.follow_after, last=last, size_bytes=PART_BYTES)
            part = await self._store.read(rest)

    async def page(self, query: TaskQuery) -> TaskPage:
        """The tasks that match, one page of them, with all counts, at one instant.

        Raises Malformed for a sort that does not exist.
        """
        column, descending = parse_sort(query.sort)
        counts = self._store.counts
        read = partial(reading.page, query=query, column=column, descending=descending, counts=counts)
        return await self._store.read(read)

    def counts(self) -> TaskCounts:
        """How many tasks there are, by status."""
        return self._store.counts

    async def attempts(self, query: AttemptQuery = EVERY_ATTEMPT) -> AttemptColumns:
        """When tasks arrived, began and ended, also those deleted since: what the flow is computed from."""
        return await self._store.read(partial(reading.attempts, query=query))

    async def sweep(self) -> int:
        """Mark the tasks whose ``due_at`` has passed as overdue. Returns how many there were."""

        def change(transaction: Transaction) -> int:
            now = self._clock()
            due = transaction.due(now, SWEEP_TASKS)
            for task in due:
                _saved(transaction, lifecycle.overdue_marked(task, now), task, now)
            return len(due)

        has_due = await self._store.read(partial(reading.has_due, now=self._clock()))
        return await self._store.write(change) if has_due else 0

    async def changes(self, task_id: int) -> AsyncIterator[list[bytes]]:
        """Every change of a task, as it was sent, oldest first, in parts; also of one that was deleted.

        Raises NotFound. The log is read from its first change to its last, whatever else happened in between.
        """
        found = await self._store.read(partial(reading.first_change, task_id=task_id))
        if found is None:
            raise NotFound(f"There is no task {task_id}.")
        return self._changes(task_id, *found)

    async def _changes(self, task_id: int, first: int, last: int, version: int | None) -> AsyncIterator[list[bytes]]:
        for begin in range(first, last + 1, SCANNED_EVENTS):
            end = min(begin + SCANNED_EVENTS - 1, last)
            part = await self._store.read(partial(reading.changes_between, task_id=task_id, first=begin, last=end))
            if part:
                yield part
                if version is not None and decode(reading.Change, part[-1]).version >= version:
                    return

    async def run_before(self, task: Task) -> Task | None:
        """The run before this one, of the same key or name; None if there is none."""
        return await self._store.read(partial(reading.run_before, task=task))

    async def forget_idempotency(self, before: Time) -> None:
        """Drop the records of idempotency keys that are older."""
        await self._store.write(lambda transaction: transaction.forget_remembered_before(before))


def fingerprint(body: bytes) -> bytes:
    """What tells two bodies apart that came with the same idempotency key."""
    return hashlib.sha256(body).digest()


def _found(transaction: Transaction, task_id: int, versions: Collection[int] | None) -> Task:
    task = transaction.task(task_id)
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    if versions is not None and task.version not in versions:
        raise PreconditionFailed(f"Task {task_id} was changed meanwhile: it is at version {task.version}.")
    return task


def _saved(transaction: Transaction, task: Task, previous: Task | None, now: Time) -> bytes:
    """Store the task with its event and what should be told of it, and return its JSON."""
    if task is previous:
        return encode(task)
    body = transaction.save(task, previous, now)
    for notice in notices.of_task(task, previous, "updated" if previous else "created"):
        transaction.notify(notice, now, transaction.running(RUNNING_SHOWN))
    return body


def _replayed(known: Remembered, given: bytes) -> Made:
    if known.fingerprint != given:
        raise KeyMismatch("This Idempotency-Key was used before with another body.")
    return Made(known.task_id, 1, known.body)


def _refuse_conflicts(transaction: Transaction, task: Task, previous: Task | None) -> None:
    """A key belongs to one unfinished task; a parent exists and is no descendant."""
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
