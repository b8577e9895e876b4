"""What the table of attempts has of a task, and when that has to be written."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from vain.clock import unix
from vain.codec import encode
from vain.store.queries import rank
from vain.types import Task, Time

SavedAttempt = tuple[
    int, int, str, str | None, int, str | None, int, int | None, int | None, str | None, int, str | None
]

told_of_attempt: Callable[[Task], Any] = attrgetter(
    "attempt", "name", "key", "priority", "tags", "started_at", "completed_at", "outcome", "host"
)
"""What a row tells of a task: where this is the same as before, there is nothing to write."""


def attempt_row(task: Task, seq: int) -> SavedAttempt:
    """The row of the attempt that the task is at; ``seq`` numbers the event of this change.

    A later attempt arrives with the change that reopens the task, which is the first that writes its row;
    ``arrived_ms`` and ``first_seq`` are not written again.
    """
    arrived_at = task.created_at if task.attempt == 1 else task.updated_at or task.created_at
    return (
        task.task_id,
        task.attempt,
        task.name,
        task.key,
        rank(task.priority),
        encode(task.tags).decode() if task.tags else None,
        milliseconds(arrived_at),
        None if task.started_at is None else milliseconds(task.started_at),
        None if task.completed_at is None else milliseconds(task.completed_at),
        task.outcome,
        seq,
        task.host,
    )


def milliseconds(time: Time) -> int:
    """A canonical time as milliseconds since 1970."""
    return round(unix(time) * 1000)
