"""What can be asked of the store. Each function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

from typing import NamedTuple

import apsw
import msgspec

from vain.codec import decode
from vain.store import queries
from vain.types import STATUSES, Event, Notification, Status, Task, TaskCounts, TaskPage, TaskQuery, Time


class TaskTimesRow(NamedTuple):
    """When one task began and ended, as it stands in the store."""

    task_id: int
    status: Status
    outcome: str | None
    created_at: Time
    started_at: Time | None
    completed_at: Time | None


def task_body(connection: apsw.Connection, task_id: int) -> tuple[bytes, int] | None:
    """The JSON of a task and its version, or None."""
    row: tuple[bytes, int] | None = connection.execute(queries.TASK, (task_id,)).fetchone()
    return row


class TaskPart(NamedTuple):
    """JSON of some tasks in the order of their numbers; ``follow_after`` is the last number if there are more."""

    bodies: list[bytes]
    follow_after: int | None


def first_tasks(connection: apsw.Connection, size_bytes: int) -> tuple[int, int, TaskPart]:
    """How many tasks there are, the last one's number, and the first of them."""
    total, last = connection.execute(queries.TASK_COUNT).get
    return total, last, tasks_between(connection, 0, last, size_bytes)


def tasks_between(connection: apsw.Connection, after: int, last: int, size_bytes: int) -> TaskPart:
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


def task_times(connection: apsw.Connection) -> list[TaskTimesRow]:
    """When each task began and ended."""
    return [TaskTimesRow(row[0], STATUSES[row[1]], *row[2:]) for row in connection.execute(queries.TIMES)]


def page(connection: apsw.Connection, query: TaskQuery, column: str, descending: bool, counts: TaskCounts) -> TaskPage:
    """One page of the tasks that match, how many match in all, and the counts of all tasks, which the caller knows."""
    matching, total, values = queries.page(query, column, descending)
    rows = connection.execute(matching, (*values, query.limit, query.offset))
    return TaskPage(
        tasks=[decode(Task, row[0]) for row in rows],
        total=connection.execute(total, values).get,
        counts=counts,
        seq=connection.execute(queries.HEAD).get,
    )


def has_due(connection: apsw.Connection, now: Time) -> bool:
    """Whether a task's ``due_at`` has passed that is not marked yet."""
    return connection.execute(queries.DUE, (now, 1)).fetchone() is not None


def events_after(connection: apsw.Connection, seq: int, limit: int) -> list[Event]:
    """The events that follow a number, oldest first."""
    return [Event(*row) for row in connection.execute(queries.EVENTS_AFTER, (seq, limit))]


def notifications(connection: apsw.Connection, limit: int) -> list[Notification]:
    """The newest notifications, newest first."""
    return [_notification(row) for row in connection.execute(queries.NOTIFICATIONS, (limit,))]


def notification(connection: apsw.Connection, notification_id: int) -> Notification | None:
    """One notification, or None."""
    row = connection.execute(queries.NOTIFICATION, (notification_id,)).fetchone()
    return _notification(row) if row else None


def _notification(row: tuple[bytes, int]) -> Notification:
    body, read = row
    return msgspec.structs.replace(decode(Notification, body), read=bool(read))
