"""The writing thread's book: the numbers it counts, the tasks it has at hand, and what the next commit writes."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from vain.alerting.alert import Judging
from vain.codec import decode, encode
from vain.costs import hosts_of
from vain.store import list_queries, queries
from vain.store.collected import Collected, Stored
from vain.store.connection import Connection, Engine, Numbers
from vain.types import LARGEST_LOG_BYTES, STATUSES, Event, Task, TaskCounts, TaskEventHead

Value = str | int | float | bytes | None
Bindings = tuple[Value, ...]

MOST_NOTIFICATIONS = 10_000
"""Older ones are forgotten; the log keeps their events."""
RECENT_TASKS = 4_096


class Ledger:
    """The state that the writing thread carries from commit to commit, and in ``waiting`` what the next one writes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.judging = Judging()
        """Replaced as a whole, from whatever thread."""
        self.recent: dict[int, Task | bytes] = {}
        """Tasks that changed last, as they are; of those that other servers changed the event that says so."""
        self.reload()

    @property
    def connection(self) -> Connection:
        """The one that writes."""
        return self._engine.connection

    @property
    def numbers(self) -> Numbers:
        """As of what was absorbed last; the counts are those of the newest commit."""
        return Numbers(self.seq, self.task_id, self.notification_id, self.kept, self.counts, self._engine.epoch)

    def reload(self) -> None:
        """Read the numbers from the database again, after opening and after a commit that failed."""
        self.take(self._engine.numbers())
        self.recent.clear()
        self.waiting = Collected()

    def take(self, numbers: Numbers) -> None:
        """The numbers as they are now: somebody else has committed."""
        self.seq, self.task_id, self.notification_id = numbers.seq, numbers.task_id, numbers.notification_id
        self.kept, self.counts = numbers.kept, numbers.counts

    def follow(self, events: Iterable[Event]) -> None:
        """What others have changed. An event has its task whole, so none is read again while all wait for this server;
        it is decoded when somebody asks for it."""
        for event in events:
            if event.type == "taskUpdate":
                head = decode(TaskEventHead, event.body)
                self.recent.pop(head.task_id, None)
                if head.action != "deleted":
                    self.recent[head.task_id] = event.body
        self._trim()

    def absorb(self, change: Collected, seq: int, task_id: int, notification_id: int) -> None:
        """Take over what a change has collected, and the numbers that it has used up."""
        self.seq, self.task_id, self.notification_id = seq, task_id, notification_id
        self.waiting.absorb(change)

    def flush(self) -> None:
        """Write what waits, inside the transaction that is open; last the numbers that it has used up."""
        self._flush_tasks()
        self._flush_reports()
        waiting = self.waiting
        self.connection.executemany(
            queries.REMEMBER, [(key, *record, at) for key, (record, at) in waiting.remembered.items()]
        )
        if waiting.is_kept_by_all:
            self.kept += 1
        self._engine.note(self.numbers._replace(counts=_added(self.counts, waiting.tally)))

    def _flush_tasks(self) -> None:
        execute, many, waiting = self.connection.execute, self.connection.executemany, self.waiting
        deleted = [(task_id,) for task_id, task in waiting.tasks.items() if task is None]
        saved = [_row(task, waiting.bodies[task_id]) for task_id, task in waiting.tasks.items() if task is not None]
        if deleted:
            for query in (queries.DELETE_TASK, queries.FORGET_LOG, queries.FORGET_RUNS, queries.FORGET_GUESTS):
                many(query, deleted)
        # A key may change hands within one commit, whatever was touched first: all are let go of before any is taken.
        if any(task is not None and task.key is not None for task in waiting.tasks.values()):
            many(queries.FREE_KEY, [(task_id,) for task_id in waiting.tasks])
        many(queries.SAVE_TASK, saved)
        if waiting.tasks.get(self.task_id, self) is None:
            # The table no longer says that this number was given.
            execute(queries.SET_LAST_TASK_ID, (str(self.task_id),))
        if guests := [row for task in waiting.tasks.values() if task is not None for row in self._guests(task)]:
            many(queries.ADD_GUEST, guests)
        if waiting.attempts:
            many(queries.SAVE_ATTEMPT, waiting.attempts)
        if waiting.removed:
            many(queries.REMOVE_ATTEMPTS, waiting.removed)
        many(queries.ADD_EVENT, [(event.seq, event.type, event.body) for event in waiting.events])
        if waiting.notifications:
            many(queries.ADD_NOTIFICATION, [(n.notification_id, encode(n)) for n in waiting.notifications])
            execute(queries.FORGET_NOTIFICATIONS, (self.notification_id - MOST_NOTIFICATIONS,))
        many(queries.READ_NOTIFICATION, waiting.read_marks)
        if waiting.forgotten_before is not None:
            execute(queries.FORGET_IDEMPOTENT, (waiting.forgotten_before,))
        if waiting.touched_at is not None:
            execute(queries.TOUCH, (waiting.touched_at,))

    def _guests(self, task: Task) -> list[tuple[str, int, int]]:
        """The hosts on which it has others than its own process, if these are not stored yet."""
        hosts, before = hosts_of(task.resources), self.recent.get(task.task_id)
        if not hosts or (
            isinstance(before, Task) and before.attempt == task.attempt and hosts == hosts_of(before.resources)
        ):
            return []
        return [(host, task.task_id, task.attempt) for host in hosts if host != task.host]

    def _flush_reports(self) -> None:
        many, waiting = self.connection.executemany, self.waiting
        # What a task that was deleted meanwhile still said is gone with it.
        runs = [(run, *told) for run, told in waiting.runs.items() if waiting.tasks.get(told[0], self) is not None]
        if runs:
            many(queries.ADD_RUN, runs)
        for key, body in waiting.expectations.items():
            if body is None:
                self.connection.execute(queries.EXPECT_NO_MORE, (key,))
            else:
                self.connection.execute(queries.EXPECT, (key, body))
        many(queries.KEEP, [(*of, body) for of, body in waiting.kept_changes.items() if body is not None])
        many(queries.KEEP_NO_MORE, [of for of, body in waiting.kept_changes.items() if body is None])
        kept = [part for part in waiting.log_parts if waiting.tasks.get(part[0], self) is not None]
        if kept:
            many(queries.ADD_LOG, kept)
            ends = {task_id: offset + len(body) for task_id, offset, body in kept}
            many(queries.CUT_LOG, [(task_id, end - LARGEST_LOG_BYTES) for task_id, end in ends.items()])

    def settle(self) -> list[Stored]:
        """After the commit: what was stored. Keeps those tasks at hand, since most of them change again soon."""
        stored, waiting = [], self.waiting
        for task_id, task in waiting.tasks.items():
            if task is None:
                self.recent.pop(task_id, None)
                stored.append(Stored(task_id, None, None))
            else:
                self.recent[task_id] = task
                stored.append(Stored(task_id, task.version, waiting.bodies[task_id]))
        self.counts = _added(self.counts, waiting.tally)
        self._trim()
        self.waiting = Collected()
        return stored

    def _trim(self) -> None:
        while len(self.recent) > RECENT_TASKS:
            del self.recent[next(iter(self.recent))]


def _added(counts: TaskCounts, tally: list[int]) -> TaskCounts:
    return TaskCounts(*(sum(pair) for pair in zip(msgspec.structs.astuple(counts), tally, strict=True)))


def _row(task: Task, body: bytes) -> Bindings:
    searched = "\n".join((task.name, task.description, task.message, task.key or "", *task.tags)).casefold()
    return (
        task.task_id,
        task.name,
        STATUSES.index(task.status),
        queries.rank(task.priority),
        task.outcome,
        task.key,
        task.parent_id,
        task.created_at,
        task.updated_at or task.created_at,
        task.started_at,
        task.completed_at,
        task.due_at,
        task.progress,
        int(task.overdue),
        task.version,
        searched,
        body,
        int(task.stale),
        list_queries.tag_bytes(*task.tags) if task.tags else None,
        task.host,
    )
