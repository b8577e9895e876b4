"""The statements for the tasks of a window. Values are bound, never formatted in."""

from __future__ import annotations

from vain.lanes import LaneQuery
from vain.types import LARGEST_INTEGER

LIFE_CLASS_MS = (60_000, 480_000, 3_600_000, 28_800_000, 259_200_000, 2_678_400_000)
"""The longest life in each class but the last, which has no end: the index ``attempts_life`` is by them."""
_LIFE_CLASS = " + ".join(f"(completed_ms - arrived_ms > {most})" for most in LIFE_CLASS_MS)
# Attempts that ended and lived between :after and :before, class by class.
_LIVES = " UNION ALL ".join(
    f"""
SELECT task_id, attempt, arrived_ms, started_ms, completed_ms, outcome, host FROM attempts
WHERE {_LIFE_CLASS} = {number} AND arrived_ms < :before AND arrived_ms >= :after - {most}
  AND max(completed_ms, arrived_ms) >= :after AND removed_ms IS NULL"""  # noqa: S608
    for number, most in enumerate((*LIFE_CLASS_MS, LARGEST_INTEGER))
)
# Those that go on, and lived then, as far as is known :now.
_OPEN = f"""
SELECT task_id, attempt, arrived_ms, started_ms, completed_ms, outcome, host FROM attempts
WHERE {_LIFE_CLASS} IS NULL AND completed_ms IS NULL AND arrived_ms < :before AND :after <= :now
  AND removed_ms IS NULL"""  # noqa: S608
_LIFE_STATUS = {
    "pending": "completed_ms IS NULL AND started_ms IS NULL",
    "in-progress": "completed_ms IS NULL AND started_ms IS NOT NULL",
    "completed": "completed_ms IS NOT NULL",
}
_IS_ON_HOST = """(
    host = :host OR (life.task_id, life.attempt) IN (SELECT task_id, attempt FROM guests WHERE guests.host = :host))"""
_HAS_TAG = """EXISTS (
    SELECT 1 FROM attempts AS told, json_each(told.tags)
    WHERE told.task_id = life.task_id AND told.attempt = life.attempt AND json_each.value = :tag)"""
_HAS_TEXT = """EXISTS (
    SELECT 1 FROM tasks WHERE tasks.task_id = life.task_id AND instr(searched, :text) > 0)"""
_IS_BELOW = """life.task_id IN (
    WITH RECURSIVE below (task_id) AS (
        SELECT CAST(:root AS bigint)
        UNION SELECT tasks.task_id FROM below JOIN tasks ON tasks.parent_id = below.task_id)
    SELECT task_id FROM below)"""
_LIVES_COLUMNS = """json_object(
    'task_id', json_group_array(task_id), 'attempt', json_group_array(attempt),
    'arrived_ms', json_group_array(arrived_ms), 'started_ms', json_group_array(coalesce(started_ms, -1)),
    'completed_ms', json_group_array(coalesce(completed_ms, -1)), 'outcome', json_group_array(outcome))"""
# The tasks with these numbers (a JSON array), and all above them.
KIN = """
WITH RECURSIVE kin (task_id, parent_id, name_length) AS (
    SELECT task_id, parent_id, length(name) FROM tasks WHERE task_id IN (SELECT value FROM json_each(?))
    UNION
    SELECT tasks.task_id, tasks.parent_id, length(tasks.name) FROM kin JOIN tasks ON tasks.task_id = kin.parent_id
)
SELECT task_id, parent_id, name_length FROM kin"""
TOLD = "SELECT body FROM tasks WHERE task_id IN (SELECT value FROM json_each(?))"
CHILD_COUNTS = """
SELECT parent_id, count(*) FROM tasks WHERE parent_id IN (SELECT value FROM json_each(?)) GROUP BY parent_id"""


def lives(query: LaneQuery) -> tuple[str, str, str, dict[str, object]]:
    """The statements for the attempts that are not only waiting, for the newest that are, and for how many are.

    All bind by name what is returned last, and ``after``, ``before`` and ``now`` in milliseconds; the second ``most``.
    """
    wheres = ["true"]
    values: dict[str, object] = {}
    for name, condition, value in (
        ("status", _LIFE_STATUS.get(query.status or "", ""), query.status),
        ("outcome", "outcome = :outcome", query.outcome),
        ("host", _IS_ON_HOST, query.host),
        ("tag", _HAS_TAG, query.tag),
        ("text", _HAS_TEXT, query.text.casefold() or None),
        ("root", _IS_BELOW, query.task_id),
    ):
        if value is not None:
            wheres.append(condition)
            values[name] = value
    where = " AND ".join(wheres)
    # Only constants are put into the text.
    waiting = f"({_OPEN} AND started_ms IS NULL) AS life WHERE {where}"
    lived = f"({_LIVES} UNION ALL {_OPEN} AND started_ms IS NOT NULL) AS life WHERE {where}"
    newest = f"(SELECT * FROM {waiting} ORDER BY arrived_ms DESC, task_id DESC LIMIT :most) AS newest"  # noqa: S608
    return (
        f"SELECT {_LIVES_COLUMNS} FROM {lived}",  # noqa: S608
        f"SELECT {_LIVES_COLUMNS} FROM {newest}",  # noqa: S608
        f"SELECT count(*) FROM {waiting}",  # noqa: S608
        values,
    )
