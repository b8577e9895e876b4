"""What a change may do to the store: a view of it that is kept or thrown away as a whole.

A change runs on the writing thread and only collects; nothing reaches SQLite before all of it has succeeded, so a
change that raises leaves no trace. Changes that are committed together see each other in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import asdict

from vain.alerting.alert import Judging
from vain.codec import decode, encode
from vain.costs import hosts_of
from vain.lifecycle import changed_fields
from vain.messages import Previous
from vain.notification import Notice, Notification
from vain.store import queries, reading
from vain.store.attempts import attempt_row, milliseconds, told_of_attempt
from vain.store.collected import Collected, Kept, Remembered
from vain.store.ledger import Bindings, Ledger
from vain.types import FAILURES, LARGEST_INTEGER, STATUSES, Action, Event, Task, TaskCounts, Time

FAILED, OVERDUE = (TaskCounts.__struct_fields__.index(name) for name in ("failed", "overdue"))


LAST_CHARACTER = "\U0010ffff"


class Transaction(Collected):
    """One change. Every method but those that read only collects; ``Store.write`` commits."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self.seq, self.task_id, self.notification_id = ledger.seq, ledger.task_id, ledger.notification_id

    def task(self, task_id: int) -> Task | None:
        """The task as this change sees it."""
        for pending in (self.tasks, self._ledger.waiting.tasks):
            if task_id in pending:
                return pending[task_id]
        if task_id in self._ledger.recent:
            known = self._ledger.recent[task_id]
            if isinstance(known, bytes):
                known = self._ledger.recent[task_id] = decode(Task, known)
            return known
        row = self._ledger.connection.execute(queries.TASK, (task_id,)).fetchone()
        return decode(Task, row[0]) if row else None

    def next_task_id(self) -> int:
        """A number that no task has had."""
        self.task_id += 1
        return self.task_id

    def children(self, task_id: int) -> list[Task]:
        """The tasks whose parent this is."""
        return self._matching(queries.CHILDREN, (task_id,), lambda task: task.parent_id == task_id)

    def unfinished_with_key(self, key: str) -> Task | None:
        """The unfinished task that has this key, if there is one."""
        found = self._matching(queries.UNFINISHED_WITH_KEY, (key,), lambda t: t.key == key and t.status != "completed")
        return found[0] if found else None

    def last_with_key(self, key: str) -> Task | None:
        """The task of this key that was completed last, as far as that is committed."""
        row = self._ledger.connection.execute(queries.LAST_OF_KEY, (key,)).fetchone()
        return None if row is None else self.task(row[0])

    def due(self, now: Time, limit: int) -> list[Task]:
        """Unfinished tasks whose time has passed and that are not marked yet."""
        return [task for (task_id,) in self._rows(queries.DUE, (now, limit)) if (task := self.task(task_id))]

    def save(self, task: Task, previous: Task | None, now: Time) -> bytes:
        """Store a task that was made or changed, and the event that says so. Returns its JSON."""
        body = encode(task)
        self._count(task, 1)
        if previous is not None:
            self._count(previous, -1)
        self.tasks[task.task_id] = task
        self.bodies[task.task_id] = body
        action: Action = "updated" if previous else "created"
        self._task_event(body, action, previous, changed_fields(previous, task), now, hosts_of(task.resources))
        if previous is None or told_of_attempt(task) != told_of_attempt(previous):
            self.attempts.append(attempt_row(task, self.seq))
        return body

    def delete(self, task: Task, now: Time) -> None:
        """Remove a task; its event carries what it was."""
        self._count(task, -1)
        self.tasks[task.task_id] = None
        self.removed.append((milliseconds(max(now, task.updated_at or now)), task.task_id))
        self._task_event(encode(task), "deleted", task, [], now, hosts_of(task.resources))

    def notify(self, notice: Notice, now: Time, running: list[int]) -> Notification:
        """Store a notification, and the event that says so."""
        self.notification_id += 1
        notification = Notification(
            notification_id=self.notification_id, timestamp=now, tasks=running, **asdict(notice)
        )
        self.notifications.append(notification)
        self.seq += 1
        head = b'{"type":"notification","seq":%d,' % self.seq
        self.events.append(Event(self.seq, "notification", head + encode(notification)[1:]))
        return notification

    def running(self, limit: int) -> list[int]:
        """The numbers of tasks in progress."""
        pending = self._pending()
        stored = [number for (number,) in self._rows(queries.IN_PROGRESS, (limit,)) if number not in pending]
        begun = [task.task_id for task in pending.values() if task is not None and task.status == "in-progress"]
        return sorted(stored + begun)[:limit]

    def notification(self, notification_id: int) -> Notification | None:
        """One that is committed, or None."""
        return reading.notification(self._ledger.connection, notification_id)

    def mark_read(self, notification_id: int, read: bool) -> None:
        """Note that a person has seen a notification."""
        self.read_marks.append((int(read), notification_id))

    def remembered_as(self, key: str) -> Remembered | None:
        """What the POST with this idempotency key was answered."""
        if key in self._ledger.waiting.remembered:
            return self._ledger.waiting.remembered[key][0]
        row = self._ledger.connection.execute(queries.IDEMPOTENT, (key,)).fetchone()
        return Remembered(*row) if row else None

    def remember(self, key: str, record: Remembered, now: Time) -> None:
        """Keep what a POST was answered."""
        self.remembered[key] = record, now

    def forget_remembered_before(self, time: Time) -> None:
        """Drop the idempotency records that are older."""
        self.forgotten_before = time

    def touch(self, time: Time) -> None:
        """Write the time, so that it is known whether anything can be written."""
        self.touched_at = time

    def started(self) -> list[Task]:
        """All tasks in progress."""
        return [task for number in self.running(LARGEST_INTEGER) if (task := self.task(number)) is not None]

    def durations(self, task: Task, limit: int) -> list[float]:
        """Seconds that the last runs of the same key, or without one of the same name, took to succeed."""
        return reading.durations(self._ledger.connection, task, limit)

    def earlier_runs(self, task: Task, limit: int) -> list[Task]:
        """The last runs of the same key, or without one of the same name, that had succeeded when this one ended."""
        before_ms = milliseconds(task.completed_at or task.created_at)
        return reading.earlier_runs(self._ledger.connection, task, before_ms, limit)

    def task_of_run(self, run_id: str) -> int | None:
        """The number of the task that a reporter calls so."""
        for pending in (self.runs, self._ledger.waiting.runs):
            if run_id in pending:
                return pending[run_id][0]
        row = self._ledger.connection.execute(queries.RUN_TASK, (run_id,)).fetchone()
        return None if row is None else int(row[0])

    def name_run(self, run_id: str, task_id: int, parent_run: str | None) -> None:
        """Note what a reporter calls its task, and the parent that is not known yet."""
        self.runs[run_id] = task_id, parent_run

    def children_of_run(self, run_id: str) -> list[Task]:
        """The tasks that wait for this run as their parent."""
        numbers = {number for (number,) in self._ledger.connection.execute(queries.CHILDREN_OF_RUN, (run_id,))}
        for pending in (self._ledger.waiting.runs, self.runs):
            numbers |= {number for number, parent_run in pending.values() if parent_run == run_id}
        return [task for number in sorted(numbers) if (task := self.task(number)) is not None]

    def expectation(self, key: str) -> bytes | None:
        """What is expected of a recurring job, as JSON."""
        for pending in (self.expectations, self._ledger.waiting.expectations):
            if key in pending:
                return pending[key]
        row = self._ledger.connection.execute(queries.EXPECTATION, (key,)).fetchone()
        return None if row is None else bytes(row[0])

    def expect(self, key: str, body: bytes | None) -> None:
        """Set it; None: nothing is expected any more."""
        self.expectations[key] = body

    @property
    def judging(self) -> Judging:
        """By which rules, and with which silences, a change of a task is judged."""
        return self._ledger.judging

    def kept(self, kind: Kept, name: str) -> bytes | None:
        """What is kept of this kind under this name, as JSON."""
        for pending in (self.kept_changes, self._ledger.waiting.kept_changes):
            if (kind, name) in pending:
                return pending[kind, name]
        row = self._ledger.connection.execute(queries.KEPT, (kind, name)).fetchone()
        return None if row is None else bytes(row[0])

    def kept_under(self, kind: Kept, beginning: str) -> dict[str, bytes]:
        """What is kept of this kind under names that begin so: JSON by name."""
        rows = self._ledger.connection.execute(queries.KEPT_UNDER, (kind, beginning, beginning + LAST_CHARACTER))
        found: dict[str, bytes | None] = {name: bytes(body) for name, body in rows}
        for pending in (self._ledger.waiting.kept_changes, self.kept_changes):
            found |= {name: body for (of, name), body in pending.items() if of == kind and name.startswith(beginning)}
        return {name: body for name, body in found.items() if body is not None}

    def all_kept(self, kind: Kept) -> dict[str, bytes]:
        """All that is kept of this kind: JSON by name."""
        found: dict[str, bytes | None] = dict(reading.kept(self._ledger.connection, kind))
        for pending in (self._ledger.waiting.kept_changes, self.kept_changes):
            found |= {name: body for (other, name), body in pending.items() if other == kind}
        return {name: body for name, body in sorted(found.items()) if body is not None}

    def keep(self, kind: Kept, name: str, body: bytes | None) -> None:
        """Keep it; None: no longer."""
        self.kept_changes[kind, name] = body

    def log_end(self, task_id: int) -> int:
        """How many bytes a task has put out so far, as far as they came."""
        parts = (*self._ledger.waiting.log_parts, *self.log_parts)
        ends = [offset + len(body) for number, offset, body in parts if number == task_id]
        return max(int(self._ledger.connection.execute(queries.LOG_END, (task_id,)).get), *ends, 0)

    def add_log(self, task_id: int, offset: int, body: bytes) -> None:
        """Add to the output of a task; the oldest beyond ``LARGEST_LOG_BYTES`` is forgotten."""
        self.log_parts.append((task_id, offset, body))

    def _count(self, task: Task, step: int) -> None:
        self.tally[STATUSES.index(task.status)] += step
        if task.outcome in FAILURES:
            self.tally[FAILED] += step
        if task.overdue:
            self.tally[OVERDUE] += step

    def _task_event(
        self, body: bytes, action: Action, previous: Task | None, changed: list[str], now: Time, hosts: list[str]
    ) -> None:
        self.seq += 1
        head = b'{"type":"taskUpdate","seq":%d,"timestamp":"%s","action":"%s","changed":%s,"previous_status":%s,' % (
            self.seq,
            now.encode(),
            action.encode(),
            encode(changed),
            encode(previous.status if previous else None),
        )
        if previous is not None and (were := _previous(previous, changed, hosts)):
            head += b'"previous":%s,' % encode(were)
        # The task's own fields follow at the same level: the messages of the contract are flat.
        self.events.append(Event(self.seq, "taskUpdate", head + body[1:]))

    def _rows(self, query: str, values: Bindings) -> list[tuple[int]]:
        return list(self._ledger.connection.execute(query, values))

    def _matching(self, query: str, values: Bindings, holds: Callable[[Task], bool]) -> list[Task]:
        """Tasks that match in the database, or in what waits to be written to it."""
        pending = self._pending()
        stored = [self.task(task_id) for (task_id,) in self._rows(query, values) if task_id not in pending]
        found = [task for task in (*stored, *pending.values()) if task is not None and holds(task)]
        return sorted(found, key=lambda task: task.task_id)

    def _pending(self) -> dict[int, Task | None]:
        """The tasks that are not in the database yet as they are; None: deleted."""
        return self._ledger.waiting.tasks | self.tasks


def _previous(previous: Task, changed: list[str], hosts: list[str]) -> dict[str, Any]:
    """What a filter may ask for and is not so any more; ``hosts`` are those of the task as it is now."""
    were = {name: getattr(previous, name) for name in changed if name in Previous.__struct_fields__}
    before = hosts_of(previous.resources)
    return were if set(before) == set(hosts) else were | {"hosts": before}
