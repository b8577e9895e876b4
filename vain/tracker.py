"""Tasks: every change of one goes through here, down to the store and out as an event."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from msgspec.structs import replace

from vain import lifecycle
from vain.clock import now as time_now
from vain.clock import unix, utc
from vain.codec import decode, encode
from vain.errors import KeyMismatch, NotFound, PreconditionFailed
from vain.flow.attempts import EVERY_ATTEMPT, AttemptColumns, AttemptQuery
from vain.saving import RUNNING_SHOWN, Marks, NoMarks, refuse_conflicts, saved
from vain.selection import parse_sort
from vain.store import reading
from vain.store.collected import Remembered
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.types import Notice, Task, TaskCounts, TaskDraft, TaskPage, TaskPatch, TaskQuery, Time

MOST_RUNS = 20
"""Earlier runs that one answer has."""
SCANNED_EVENTS = 2_000
"""Of the log at once, in search of the changes of one task: some 2 MB."""
PART_BYTES = 128 << 10
"""A list is read and sent in parts of about this size."""
SWEEP_TASKS = 500


class Made(NamedTuple):
    """A task as it was answered: its number, version and JSON."""

    task_id: int
    version: int
    body: bytes


class Report(NamedTuple):
    """How a change came."""

    ago_seconds: float = 0.0
    """So long before now it happened: the server was away."""
    run_id: str | None = None
    """What the reporter calls its task."""
    parent_run: str | None = None
    """What the reporter calls the task that this one is part of."""


AT_ONCE = Report()


class Follower(Protocol):
    """Is told on the event loop of what was committed, before whoever changed it gets the answer."""

    def saved(self, task: Task, run_id: str | None, by_client: bool) -> None:
        """A task was made or changed; ``run_id`` is what its reporter calls it, where that is new."""

    def deleted(self, task_id: int) -> None:
        """A task is gone."""


class Tracker:
    """Creates, changes, finds and deletes tasks. ``clock`` gives the time of day in canonical form.

    ``marks`` adds what the server itself knows of a task, ``follower`` is told of each change.
    """

    def __init__(self, store: Store, clock: Callable[[], Time] = time_now, marks: Marks | None = None) -> None:
        self._store = store
        self._clock = clock
        self._marks: Marks = marks or NoMarks()
        self.follower: Follower | None = None

    async def create(
        self,
        draft: TaskDraft,
        idempotency_key: str | None = None,
        fingerprint: bytes = b"",
        report: Report = AT_ONCE,
    ) -> Made:
        """Make a task. With an idempotency key, the same key and body give the same answer for a day.

        What a reporter calls its task is such a key for ever, and gives the task as it is now.

        Raises Invalid, Conflict (a key that is taken, an unknown parent), or KeyMismatch.
        """

        def change(transaction: Transaction) -> _Changed:
            if report.run_id is not None and (told := _told_before(transaction, report.run_id)):
                return _Changed(told, None)
            if idempotency_key is not None and (known := transaction.remembered_as(idempotency_key)):
                return _Changed(_replayed(known, fingerprint), None)
            now = self._clock()
            task = lifecycle.created(_with_parent(transaction, draft, report), transaction.next_task_id(), now,
                                     _time_of(now, report))  # fmt: skip
            refuse_conflicts(transaction, task, None)
            task = self._marks.estimated(transaction, task, None, now)
            body = saved(transaction, task, None, now)
            if idempotency_key is not None and report.run_id is None:
                transaction.remember(idempotency_key, Remembered(fingerprint, task.task_id, body), now)
            adopted = [] if report.run_id is None else _named(transaction, task, report.run_id, report.parent_run, now)
            return _Changed(Made(task.task_id, task.version, body), task, adopted)

        return self._told(await self._store.write(change), report.run_id)

    async def update(
        self, task_id: int, patch: TaskPatch, versions: Collection[int] | None = None, report: Report = AT_ONCE
    ) -> Made:
        """Set what the patch gives and leave the rest, if the task is at one of these versions.

        Raises NotFound, PreconditionFailed, Invalid or Conflict.
        """

        def change(transaction: Transaction) -> _Changed:
            now = self._clock()
            before = _found(transaction, task_id, versions)
            costed = self._marks.costed(before)
            after = lifecycle.patched(costed, patch, now, _time_of(now, report))
            # What it cost meanwhile is no change on its own.
            after = before if after is costed else self._marks.estimated(transaction, after, before, now)
            refuse_conflicts(transaction, after, before)
            body = saved(transaction, after, before, now)
            return _Changed(Made(task_id, after.version, body), after)

        return self._told(await self._store.write(change))

    async def mark(self, task_id: int, attempt: int, notices: Sequence[Notice] = (), **fields: Any) -> bool:
        """Set fields of the server's own on a task in progress, with what it has cost until now, and tell why.

        Whether the task is still at that attempt and in progress; if not, nothing happens.
        """

        def change(transaction: Transaction, now: Time, task: Task) -> Task:
            return lifecycle.marked(task, now, resources=self._marks.costed(task).resources, **fields)

        return await self._change_running(task_id, attempt, change, notices)

    async def crash(self, task_id: int, attempt: int) -> bool:
        """The process that did the work is gone without a word; False if the task has ended meanwhile."""

        def change(transaction: Transaction, now: Time, task: Task) -> Task:
            return lifecycle.crashed(self._marks.costed(task), now)

        return await self._change_running(task_id, attempt, change)

    async def finish_attached(self, task_id: int, attempt: int, exit_code: int | None) -> bool:
        """A process that was only watched is gone; only its parent knows its exit code, unless it was seen."""
        patch = TaskPatch(status="completed", message="The process has ended; how is not known.")
        if exit_code is not None:
            patch = TaskPatch(status="completed", exit_code=exit_code)

        def change(transaction: Transaction, now: Time, task: Task) -> Task:
            return lifecycle.patched(self._marks.costed(task), patch, now)

        return await self._change_running(task_id, attempt, change)

    async def _change_running(
        self,
        task_id: int,
        attempt: int,
        change: Callable[[Transaction, Time, Task], Task],
        notices: Sequence[Notice] = (),
    ) -> bool:
        def run(transaction: Transaction) -> _Changed | None:
            task = transaction.task(task_id)
            if task is None or task.status != "in-progress" or task.attempt != attempt:
                return None
            now = self._clock()
            after = change(transaction, now, task)
            body = saved(transaction, after, task, now) if after != task else b""
            for notice in notices:
                transaction.notify(notice, now, transaction.running(RUNNING_SHOWN))
            return _Changed(Made(task_id, after.version, body), after)

        changed = await self._store.write(run)
        if changed is not None:
            self._told(changed, by_client=False)
        return changed is not None

    def _told(self, changed: _Changed, run_id: str | None = None, by_client: bool = True) -> Made:
        if self.follower is not None and changed.task is not None:
            self.follower.saved(changed.task, run_id, by_client)
            for task in changed.adopted:
                self.follower.saved(task, None, False)
        return changed.made

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
        if self.follower is not None:
            self.follower.deleted(task_id)

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
                saved(transaction, lifecycle.overdue_marked(task, now), task, now)
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

    async def add_log(self, task_id: int, body: bytes, offset: int | None = None) -> None:
        """Add to a task's output what it does not have yet; ``offset`` is where ``body`` begins, None: at its end.

        Only the last ``LARGEST_LOG_BYTES`` are kept. Raises NotFound.
        """

        def change(transaction: Transaction) -> None:
            _found(transaction, task_id, None)
            end = transaction.log_end(task_id)
            begin = end if offset is None else offset
            fresh = body[max(0, end - begin) :]
            if fresh:
                transaction.add_log(task_id, max(begin, end), fresh)

        await self._store.write(change)

    async def log(self, task_id: int, after: int = 0) -> tuple[int, bytes]:
        """The kept output from an offset on, and where it begins. Raises NotFound."""
        found = await self._store.read(partial(reading.log, task_id=task_id, after=after))
        if found is None:
            raise NotFound(f"There is no task {task_id}.")
        return found

    async def started(self) -> list[tuple[Task, str | None]]:
        """All tasks in progress, with what their reporters call them."""
        return await self._store.read(reading.started)

    async def durations(self, task: Task, limit: int) -> list[float]:
        """Seconds that the last runs of the same key or name took to succeed."""
        return await self._store.read(partial(reading.durations, task=task, limit=limit))

    async def runs(self, task_id: int, limit: int = MOST_RUNS) -> list[Task]:
        """The runs of the same key, or without one of the same name, that succeeded before this one began; the newest
        first. Raises NotFound."""
        task = decode(Task, (self.at_hand(task_id) or await self.get(task_id)).body)
        before_ms = round(unix(task.started_at or self._clock()) * 1000)
        return await self._store.read(partial(reading.earlier_runs, task=task, before_ms=before_ms, limit=limit))

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


class _Changed(NamedTuple):
    made: Made
    task: Task | None
    """None: it was an answer given before."""
    adopted: Sequence[Task] = ()
    """Children whose reports came before their parent's."""


def _named(transaction: Transaction, task: Task, run_id: str, parent_run: str | None, now: Time) -> list[Task]:
    """Note the name of a run, and give it the children that waited for it."""
    transaction.name_run(run_id, task.task_id, parent_run if task.parent_id is None else None)
    adopted = []
    for child in transaction.children_of_run(run_id):
        if child.parent_id is None and child.task_id != task.task_id:
            after = lifecycle.marked(child, now, parent_id=task.task_id)
            saved(transaction, after, child, now)
            adopted.append(after)
    return adopted


def _told_before(transaction: Transaction, run_id: str) -> Made | None:
    task_id = transaction.task_of_run(run_id)
    task = None if task_id is None else transaction.task(task_id)
    return None if task is None else Made(task.task_id, task.version, encode(task))


def _time_of(now: Time, report: Report) -> Time:
    return utc(unix(now) - report.ago_seconds) if report.ago_seconds else now


def _with_parent(transaction: Transaction, draft: TaskDraft, report: Report) -> TaskDraft:
    """A parent that is unknown to a reporter is no reason to lose its report."""
    parent_id = draft.parent_id
    if isinstance(parent_id, int) and report.run_id is not None and transaction.task(parent_id) is None:
        parent_id = None
    if not isinstance(parent_id, int) and report.parent_run is not None:
        parent_id = transaction.task_of_run(report.parent_run)
        if parent_id is not None and transaction.task(parent_id) is None:
            parent_id = None
    return replace(draft, parent_id=parent_id) if parent_id != draft.parent_id else draft


def _replayed(known: Remembered, given: bytes) -> Made:
    if known.fingerprint != given:
        raise KeyMismatch("This Idempotency-Key was used before with another body.")
    return Made(known.task_id, 1, known.body)
