"""The row by which servers agree: the numbers that were given last, locked by whoever writes, read by who looks.

A sequence would be quicker, and wrong: who takes a number first may commit last, and a reader that asks for what
follows the newest it knows then misses the other for ever. A row that is written last in each transaction gives
numbers in the order of the commits, without a hole.
"""

from __future__ import annotations

from typing import Any, Final

from vain.store.connection import Numbers
from vain.types import TaskCounts

_COLUMNS: Final = "seq, task_id, notification_id, kept, pending, in_progress, completed, failed, overdue"
# The name of the log comes with the numbers: they mean nothing beside another log.
_READ: Final = f"SELECT {_COLUMNS}, (SELECT value FROM meta WHERE key = 'epoch') FROM head"  # noqa: S608  (constants)
READ: Final = f"{_READ} WHERE stream = 0"
LOCK: Final = f"{READ} FOR UPDATE OF head"
WRITE: Final = """
UPDATE head SET seq = $1, task_id = $2, notification_id = $3, kept = $4,
    pending = $5, in_progress = $6, completed = $7, failed = $8, overdue = $9
WHERE stream = 0"""
RECOUNT: Final = """
DELETE FROM head;
INSERT INTO head (stream, seq, task_id, notification_id, pending, in_progress, completed, failed, overdue, kept)
SELECT 0,
    (SELECT coalesce(max(seq), 0) FROM events),
    greatest(coalesce(max(task_id), 0), coalesce((SELECT value::bigint FROM meta WHERE key = 'last_task_id'), 0)),
    (SELECT coalesce(max(notification_id), 0) FROM notifications),
    count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2),
    count(*) FILTER (WHERE outcome IN ('failed', 'timed-out', 'crashed')), count(*) FILTER (WHERE overdue = 1),
    0
FROM tasks"""
"""Out of the tables, after they were filled by somebody who gives no numbers."""


def numbers_of(row: Any) -> Numbers:
    """A row of ``READ`` or ``LOCK``."""
    seq, task_id, notification_id, kept, *counts, epoch = row
    return Numbers(seq, task_id, notification_id, kept, TaskCounts(*counts), epoch)


def values_of(numbers: Numbers) -> tuple[Any, ...]:
    """What ``WRITE`` binds."""
    counts = numbers.counts
    return (
        numbers.seq, numbers.task_id, numbers.notification_id, numbers.kept,
        counts.pending, counts.in_progress, counts.completed, counts.failed, counts.overdue,
    )  # fmt: skip
