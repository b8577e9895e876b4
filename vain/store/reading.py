"""What can be asked of the store. Each function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from vain.codec import decode
from vain.flow.attempts import AttemptColumns, AttemptQuery
from vain.notification import Notification
from vain.store import queries
from vain.store.collected import Kept
from vain.store.connection import Connection
from vain.told import NotificationQuery
from vain.types import Event, Task, TaskCounts, TaskPage, TaskQuery, Time

_columns = msgspec.json.Decoder(AttemptColumns)


def task_body(connection: Connection, task_id: int) -> tuple[bytes, int] | None:
    """The JSON of a task and its version, or None."""
    row: tuple[bytes, int] | None = connection.execute(queries.TASK, (task_id,)).fetchone()
    return row


def task_as_of(connection: Connection, task_id: int) -> tuple[bytes, int, int] | None:
    """The JSON of a task, its version, and the number of the newest event then; None if there is no such task."""
    row = task_body(connection, task_id)
    return None if row is None else (*row, int(connection.execute(queries.HEAD).get))


class TaskPart(NamedTuple):
    """JSON of some tasks in the order of their numbers; ``follow_after`` is the last number if there are more."""

    bodies: list[bytes]
    follow_after: int | None


def first_tasks(connection: Connection, size_bytes: int) -> tuple[int, int, int, TaskPart]:
    """How many tasks there are, the last one's number, the newest event's, and the first of the tasks."""
    total, last = connection.execute(queries.TASK_COUNT).get
    seq = int(connection.execute(queries.HEAD).get)
    return total, last, seq, tasks_between(connection, 0, last, size_bytes)


def tasks_between(connection: Connection, after: int, last: int, size_bytes: int) -> TaskPart:
    """The tasks that follow a number, up to the last, until their JSON has about this many bytes."""
    bodies: list[bytes] = []
    reached = size = 0
    cursor = connection.execute(queries.TASKS_BETWEEN, (after, last))
    for number, body in cursor:
        if size >= size_bytes:
            cursor.close(True)
            return TaskPart(bodies, reached)
        bodies.append(body)
        reached, size = number, size + len(body)
    return TaskPart(bodies, None)


def attempts(connection: Connection, query: AttemptQuery) -> AttemptColumns:
    """The attempts that match, those of deleted tasks as well."""
    text = query.text.casefold()
    deleted = connection.execute(queries.REMOVED_TASKS) if text else ()
    removed = {task_id for task_id, *told in deleted if text in _searched(*told)}
    return _columns.decode(connection.execute(*queries.attempts(query, removed)).get)


def page(connection: Connection, query: TaskQuery, column: str, descending: bool, counts: TaskCounts) -> TaskPage:
    """One page of the tasks that match, how many match in all, and the counts of all tasks, which the caller knows."""
    has_guests = query.host is not None and bool(connection.execute(queries.HAS_GUESTS, (query.host,)).get)
    matching, total, values = queries.page(query, column, descending, has_guests)
    rows = connection.execute(matching, (*values, query.limit, query.offset))
    return TaskPage(
        tasks=[decode(Task, row[0]) for row in rows],
        total=connection.execute(total, values).get,
        counts=counts,
        seq=connection.execute(queries.HEAD).get,
    )


def run_before(connection: Connection, task: Task) -> Task | None:
    """The task of the same key, or without one of the same name, that started last before this one did."""
    values = (task.key, task.name, task.started_at or task.created_at, task.task_id)
    row = connection.execute(queries.RUN_BEFORE, values).fetchone()
    return decode(Task, row[0]) if row else None


def started(connection: Connection) -> list[tuple[Task, str | None]]:
    """All tasks in progress, with what their reporters call them."""
    runs = dict(connection.execute(queries.RUNS_OF_STARTED))
    tasks = (decode(Task, body) for (body,) in connection.execute(queries.STARTED))
    return [(task, runs.get(task.task_id)) for task in tasks]


def durations(connection: Connection, task: Task, limit: int) -> list[float]:
    """Seconds that the last runs of the same key, or without one of the same name, took to succeed."""
    query = queries.DURATIONS_OF_NAME if task.key is None else queries.DURATIONS_OF_KEY
    rows = connection.execute(query, (task.key or task.name, task.task_id, limit))
    return [seconds for (seconds,) in rows]


def earlier_runs(connection: Connection, task: Task, before_ms: int, limit: int) -> list[Task]:
    """The tasks of the same key, or without one of the same name, that had succeeded by then; the newest first."""
    query = queries.EARLIER_RUNS_OF_NAME if task.key is None else queries.EARLIER_RUNS_OF_KEY
    rows = connection.execute(query, (task.key or task.name, before_ms, task.task_id, limit))
    return [decode(Task, body) for (body,) in rows]


def expectations(connection: Connection) -> list[bytes]:
    """What is expected of each recurring job, as JSON."""
    return [body for (body,) in connection.execute(queries.EXPECTATIONS)]


def kept(connection: Connection, kind: Kept) -> dict[str, bytes]:
    """What the server keeps of one kind: JSON by name."""
    return {name: bytes(body) for name, body in connection.execute(queries.KEPT_OF, (kind,))}


def log(connection: Connection, task_id: int, after: int) -> tuple[int, bytes] | None:
    """The kept output of a task from an offset on, and where it begins; None if there is no such task.

    Where output was lost on its way, the beginning counts back from the end: who asks on from there misses nothing.
    """
    if connection.execute(queries.TASK, (task_id,)).fetchone() is None:
        return None
    parts, end = list[bytes](), after
    for offset, body in connection.execute(queries.LOG, (task_id, after)):
        parts.append(body[max(0, end - offset) :])
        end = offset + len(body)
    if not parts:
        return int(connection.execute(queries.LOG_END, (task_id,)).get), b""
    output = b"".join(parts)
    return end - len(output), output


def has_due(connection: Connection, now: Time) -> bool:
    """Whether a task's ``due_at`` has passed that is not marked yet."""
    return connection.execute(queries.DUE, (now, 1)).fetchone() is not None


def outcomes(connection: Connection) -> dict[str, int]:
    """How many attempts ended so, of tasks that were deleted too. Looks at all of them."""
    return dict(connection.execute(queries.OUTCOMES))


def events_after(connection: Connection, seq: int, limit: int, size_bytes: int | None = None) -> list[Event]:
    """The events that follow a number, oldest first, until they have about this many bytes."""
    events, size = list[Event](), 0
    cursor = connection.execute(queries.EVENTS_AFTER, (seq, limit))
    for row in cursor:
        events.append(Event(*row))
        size += len(events[-1].body)
        if size_bytes is not None and size >= size_bytes:
            cursor.close(True)
            break
    return events


def run_of(connection: Connection, task_id: int) -> str | None:
    """What the reporter of a task calls it."""
    row = connection.execute(queries.RUN_OF_TASK, (task_id,)).fetchone()
    return None if row is None else str(row[0])


class Change(msgspec.Struct, frozen=True):
    """What is looked at in an event of a task."""

    task_id: int
    version: int


def first_change(connection: Connection, task_id: int) -> tuple[int, int, int | None] | None:
    """The number of the first event of a task, of the newest of all, and the task's version, None if it is deleted.

    None if there was never such a task.
    """
    first = connection.execute(queries.FIRST_CHANGE, (task_id,)).get
    if first is None:
        return None
    stored = task_body(connection, task_id)
    return int(first), int(connection.execute(queries.HEAD).get), None if stored is None else stored[1]


def changes_between(connection: Connection, task_id: int, first: int, last: int) -> list[bytes]:
    """The changes of one task among the events with these numbers, as they were sent, oldest first."""
    rows = connection.execute(queries.TASK_UPDATES_WITH, (first, last, b'"task_id":%d,' % task_id))
    # The bytes may also stand in somebody's metadata.
    return [body for (body,) in rows if decode(Change, body).task_id == task_id]


def notifications(connection: Connection, query: NotificationQuery) -> list[Notification]:
    """The newest notifications that are asked for, newest first."""
    return [_notification(row) for row in connection.execute(*queries.notifications(query))]


def notifications_after(connection: Connection, notification_id: int, limit: int) -> list[Notification]:
    """The notifications that follow a number, oldest first."""
    return [_notification(row) for row in connection.execute(queries.NOTIFICATIONS_AFTER, (notification_id, limit))]


def notification(connection: Connection, notification_id: int) -> Notification | None:
    """One notification, or None."""
    row = connection.execute(queries.NOTIFICATION, (notification_id,)).fetchone()
    return _notification(row) if row else None


def _searched(name: str, key: str | None, tags: str | None) -> str:
    """What is left of a deleted task to be searched. Not in SQL, whose ``lower`` knows ASCII alone."""
    return "\n".join((name, key or "", *decode(list[str], (tags or "[]").encode()))).casefold()


def _notification(row: tuple[bytes, int]) -> Notification:
    body, read = row
    return msgspec.structs.replace(decode(Notification, body), read=bool(read))
