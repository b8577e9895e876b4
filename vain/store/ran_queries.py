"""The statements for the tasks that ran in a window. Values are bound, never formatted in."""

from __future__ import annotations

from vain.store.life_queries import LIFE_CLASS_MS
from vain.types import LARGEST_INTEGER

_LIFE_CLASS = " + ".join(f"(completed_ms - arrived_ms > {most})" for most in LIFE_CLASS_MS)
_COLUMNS = (
    "SELECT task_id, name, started_ms, coalesce(completed_ms, removed_ms, :now) AS ended_ms, outcome FROM attempts"
)
# Only constants are put into the text.
_ENDED = " UNION ALL ".join(
    f"{_COLUMNS} WHERE {_LIFE_CLASS} = {number} AND arrived_ms < :before AND arrived_ms >= :after - {most} "
    "AND started_ms < :before AND completed_ms > :after"
    for number, most in enumerate((*LIFE_CLASS_MS, LARGEST_INTEGER))
)
_OPEN = f"""
{_COLUMNS} WHERE {_LIFE_CLASS} IS NULL AND completed_ms IS NULL AND arrived_ms < :before
  AND started_ms < :before AND coalesce(removed_ms, :now) > :after"""
_RAN = f"""
FROM (SELECT task_id, name, min(started_ms) AS started_ms, max(ended_ms) AS ended_ms, outcome
      FROM ({_ENDED} UNION ALL {_OPEN}) GROUP BY task_id) AS ran LEFT JOIN tasks USING (task_id)"""  # noqa: S608
# One row for a task, whatever its attempts; those that ran longest in the window come first.
RAN_BETWEEN = f"""
SELECT ran.task_id, coalesce(tasks.name, ran.name), ran.started_ms, ran.ended_ms,
       iif(tasks.task_id IS NULL, ran.outcome, tasks.outcome), tasks.status, tasks.parent_id, tasks.progress, tasks.body
{_RAN}
ORDER BY min(ran.ended_ms, :before) - max(ran.started_ms, :after) DESC, ran.task_id DESC LIMIT :most"""
RAN_BETWEEN_COUNT = f"SELECT count(*) {_RAN}"
ENDED_BETWEEN = """
SELECT completed_ms, name, key, tags, outcome FROM attempts
WHERE completed_ms >= ? AND completed_ms < ? AND outcome IS NOT NULL ORDER BY completed_ms, task_id"""
RAN_AS = """
SELECT started_ms, coalesce(completed_ms, removed_ms) FROM attempts
WHERE (name = ? OR key = ?) AND started_ms IS NOT NULL AND started_ms < ?
AND coalesce(completed_ms, removed_ms, started_ms + 9007199254740991) > ? ORDER BY started_ms"""
