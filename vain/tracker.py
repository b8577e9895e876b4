"""Tasks: every change of one goes through here, down to the store and out as an event."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable, Container, Sequence
from functools import partial
from typing import Any, Protocol

from vain import lifecycle, lists
from vain.alerting.of_tasks import Job, subject_of
from vain.arrivals import AT_ONCE, Report, named, told_before, with_parent
from vain.batches import Batch, Named, create_all, update_all
from vain.changing import Changed, Made, created, found, replayed, updated
from vain.clock import now as time_now
from vain.clock import unix
from vain.codec import decode, encode
from vain.errors import NotFound
from vain.flow.attempts import EVERY_ATTEMPT, AttemptColumns, AttemptQuery
from vain.listing import Listing
from vain.lists import Listed
from vain.notification import Notice
from vain.saving import Marks, NoMarks, saved, tell
from vain.selection import parse_sort
from vain.store import reading
from vain.store.collected import Remembered
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.types import Task, TaskCounts, TaskDraft, TaskMerge, TaskPage, TaskPatch, TaskQuery, Time

__all__ = ["Batch", "Follower", "Made", "Named", "Report", "Tracker", "fingerprint"]

EVERY_TASK = Listing()
MOST_RUNS = 20
"""Earlier runs that one answer has."""
SCANNED_EVENTS = 2_000
"""Of the log at once, in search of the changes of one task: some 2 MB."""
SWEEP_TASKS = 500


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

        def change(transaction: Transaction) -> Changed:
            if report.run_id is not None and (told := told_before(transaction, report.run_id)):
                return Changed(Made(told.task_id, told.version, encode(told), transaction.seq), None)
            if idempotency_key is not None and (known := transaction.remembered_as(idempotency_key)):
                return Changed(replayed(known, fingerprint), None)
            now = self._clock()
            wanted = with_parent(transaction, draft, report)
            made, task = created(transaction, wanted, self._marks, now, report)
            if idempotency_key is not None and report.run_id is None:
                transaction.remember(idempotency_key, Remembered(fingerprint, task.task_id, made.body), now)
            adopted = [] if report.run_id is None else named(transaction, task, report.run_id, report.parent_run, now)
            return Changed(made._replace(seq=transaction.seq), task, adopted)

        return self._told(await self._store.write(change), report.run_id)

    async def create_many(
        self, drafts: Sequence[TaskDraft], key: Named | None = None, report: Report = AT_ONCE
    ) -> Batch:
        """Make all of these tasks, or none. Raises what ``create`` raises, with the position."""

        def change(transaction: Transaction) -> Batch:
            return create_all(transaction, drafts, self._marks, self._clock(), report, key)

        return self._all_told(await self._store.write(change))

    async def update_many(
        self, task_ids: Sequence[int], patch: TaskPatch | TaskMerge, report: Report = AT_ONCE
    ) -> Batch:
        """Change all of these tasks, or none. Raises what ``update`` raises."""

        def change(transaction: Transaction) -> Batch:
            return update_all(transaction, task_ids, patch, self._marks, self._clock(), report)

        return self._all_told(await self._store.write(change))

    async def update(
        self,
        task_id: int,
        patch: TaskPatch | TaskMerge,
        versions: Container[int] | None = None,
        report: Report = AT_ONCE,
    ) -> Made:
        """Set what the patch gives and leave the rest, if the task is at one of these versions.

        Raises NotFound, PreconditionFailed, Invalid or Conflict.
        """

        def change(transaction: Transaction) -> Changed:
            before = found(transaction, task_id, versions)
            return Changed(*updated(transaction, before, patch, self._marks, self._clock(), report))

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
        def run(transaction: Transaction) -> Changed | None:
            task = transaction.task(task_id)
            if task is None or task.status != "in-progress" or task.attempt != attempt:
                return None
            now = self._clock()
            after = change(transaction, now, task)
            body = saved(transaction, after, task, now, notices) if after != task else b""
            if after == task and notices:
                tell(transaction, Job(subject_of(after), after), notices, now)
            return Changed(Made(task_id, after.version, body), after)

        changed = await self._store.write(run)
        if changed is not None:
            self._told(changed, by_client=False)
        return changed is not None

    def _all_told(self, batch: Batch) -> Batch:
        if self.follower is not None:
            for task in batch.tasks:
                self.follower.saved(task, None, True)
        return batch

    def _told(self, changed: Changed, run_id: str | None = None, by_client: bool = True) -> Made:
        if self.follower is not None and changed.task is not None:
            self.follower.saved(changed.task, run_id, by_client)
            for task in changed.adopted:
                self.follower.saved(task, None, False)
        return changed.made

    async def delete(self, task_id: int, versions: Container[int] | None = None) -> int:
        """Remove a task, if it is at one of these versions; its children lose their parent. The number of its event.

        Raises NotFound or PreconditionFailed.
        """

        def change(transaction: Transaction) -> int:
            now = self._clock()
            task = found(transaction, task_id, versions)
            for child in transaction.children(task_id):
                transaction.save(lifecycle.orphaned(child, now), child, now)
            transaction.delete(task, now)
            seq = transaction.seq
            tell(transaction, Job(subject_of(task), task, is_gone=True), (), now)
            return seq

        seq = await self._store.write(change)
        if self.follower is not None:
            self.follower.deleted(task_id)
        return seq

    def at_hand(self, task_id: int) -> Made | None:
        """A task as it is stored, if it changed lately; None says nothing. Raises NotFound if it was deleted lately."""
        stored = self._store.recent.get(task_id)
        if stored is None:
            return None
        if stored.version is None or stored.body is None:
            raise NotFound(f"There is no task {task_id}.")
        return Made(task_id, stored.version, stored.body, self._store.committed_seq)

    async def get(self, task_id: int) -> Made:
        """A task as it is stored. Raises NotFound."""
        stored = await self._store.read(partial(reading.task_as_of, task_id=task_id))
        if stored is None:
            raise NotFound(f"There is no task {task_id}.")
        body, version, seq = stored
        return Made(task_id, version, body, seq)

    async def listed(self, listing: Listing = EVERY_TASK) -> Listed:
        """A list of tasks, in parts, so that memory stays bounded. Without a ``listing``: all, by number."""
        return await lists.begin(self._store, listing)

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
        stored = await self._store.read(partial(reading.first_change, task_id=task_id))
        if stored is None:
            raise NotFound(f"There is no task {task_id}.")
        return self._changes(task_id, *stored)

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
            found(transaction, task_id, None)
            end = transaction.log_end(task_id)
            begin = end if offset is None else offset
            fresh = body[max(0, end - begin) :]
            if fresh:
                transaction.add_log(task_id, max(begin, end), fresh)

        await self._store.write(change)

    async def log(self, task_id: int, after: int = 0) -> tuple[int, bytes]:
        """The kept output from an offset on, and where it begins. Raises NotFound."""
        stored = await self._store.read(partial(reading.log, task_id=task_id, after=after))
        if stored is None:
            raise NotFound(f"There is no task {task_id}.")
        return stored

    async def started(self) -> list[tuple[Task, str | None]]:
        """All tasks in progress, with what their reporters call them."""
        return await self._store.read(reading.started)

    async def run_of(self, task_id: int) -> str | None:
        """What the reporter of a task calls it; None if it has no name of that kind."""
        return await self._store.read(partial(reading.run_of, task_id=task_id))

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
