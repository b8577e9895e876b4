"""All tasks, as of one event, in parts of bounded size: each part is read in a snapshot of its own.

Between two parts tasks change. So a part says of which event it is, and begins with what changed since the one before
among the tasks that were sent already. When no task and no change is left, everything is as of the last part's event.
"""

from __future__ import annotations

from typing import NamedTuple

from vain.store import queries
from vain.store.connection import Connection
from vain.store.reading import task_body, tasks_between
from vain.subscription import Log, TaskFilter, told
from vain.types import LARGEST_INTEGER

CHANGES = 200
"""So many events are looked at for one part."""


class Cursor(NamedTuple):
    """How far a reader is: which tasks it has, as of which event."""

    task_id: int = 0
    seq: int = 0


class Part(NamedTuple):
    """What a reader sets and takes out next; ``after`` is how far it is then, and ``is_last`` whether that is all."""

    bodies: list[bytes]
    removed: list[int]
    after: Cursor
    is_last: bool


def log_bounds(connection: Connection, epoch: str) -> Log:
    """Which events there are."""
    oldest, newest = connection.execute(queries.LOG_BOUNDS).fetchone() or (1, 0)
    return Log(epoch, oldest, newest)


def part_after(connection: Connection, cursor: Cursor | None, filter_: TaskFilter | None, size_bytes: int) -> Part:
    """The part that follows; None: the first. Of the tasks those that a filter holds for."""
    head = int(connection.execute(queries.HEAD).get)
    part = _changed(connection, cursor or Cursor(0, head), head, filter_, size_bytes)
    if part.after.seq < head:
        return part
    following = tasks_between(connection, part.after.task_id, LARGEST_INTEGER, size_bytes)
    part.bodies.extend(body for body in following.bodies if _holds(filter_, body))
    after = Cursor(following.follow_after or LARGEST_INTEGER, head)
    return part._replace(after=after, is_last=following.follow_after is None)


def _changed(connection: Connection, cursor: Cursor, head: int, filter_: TaskFilter | None, size_bytes: int) -> Part:
    """Of the tasks that the reader has, those that changed, as they are now, and those that are gone."""
    until, size = min(head, cursor.seq + CHANGES), 0
    part, seen = Part([], [], cursor._replace(seq=until), False), set[int]()
    rows: list[tuple[int, int]] = list(connection.execute(queries.TASKS_CHANGED, (cursor.seq, until)))
    for seq, task_id in rows:
        if task_id > cursor.task_id or task_id in seen:
            continue
        seen.add(task_id)
        stored = task_body(connection, task_id)
        if stored is None or not _holds(filter_, stored[0]):
            part.removed.append(task_id)
            continue
        part.bodies.append(stored[0])
        size += len(stored[0])
        if size >= size_bytes:
            return part._replace(after=cursor._replace(seq=seq))
    return part


def _holds(filter_: TaskFilter | None, body: bytes) -> bool:
    return filter_ is None or filter_.holds(told(body))
