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
      FROM ({_ENDED} UNION ALL {_OPEN}) AS lived GROUP BY task_id) AS ran LEFT JOIN tasks USING (task_id)"""  # noqa: S608
# One row for a task, whatever its attempts; those that ran longest in the window come first.
RAN_BETWEEN = f"""
SELECT ran.task_id, coalesce(tasks.name, ran.name), ran.started_ms, ran.ended_ms,
       iif(tasks.task_id IS NULL, ran.outcome, tasks.outcome), tasks.status, tasks.parent_id, tasks.progress, tasks.body
{_RAN}
ORDER BY min(ran.ended_ms, :before) - max(ran.started_ms, :after) DESC, ran.task_id DESC LIMIT :most"""
RAN_BETWEEN_COUNT = f"SELECT count(*) {_RAN}"
_RUNS = """
SELECT attempts.task_id, attempts.name, attempts.key, attempts.tags, started_ms, completed_ms, removed_ms,
       attempts.outcome, CAST(body AS TEXT) ->> '$.resources.cpu_seconds',
       CAST(body AS TEXT) ->> '$.resources.rss_peak_bytes'
FROM attempts LEFT JOIN tasks ON tasks.task_id = attempts.task_id AND attempts.outcome IS NOT NULL
    AND attempts.attempt = (SELECT max(attempt) FROM attempts AS newest WHERE newest.task_id = attempts.task_id)
WHERE (:job IS NULL OR attempts.name = :job OR attempts.key = :job)"""
# The newest of them, if there are too many.
RUNS_BETWEEN = f"""{_RUNS} AND coalesce(started_ms, completed_ms, removed_ms) < :before
AND (completed_ms >= :after OR removed_ms >= :after OR (completed_ms IS NULL AND removed_ms IS NULL))
ORDER BY coalesce(started_ms, completed_ms) DESC NULLS LAST LIMIT :most"""
RUNS_EARLIER = f"""{_RUNS} AND attempts.outcome = 'succeeded' AND completed_ms < :after
AND coalesce(removed_ms, 0) < :after ORDER BY completed_ms DESC LIMIT :most"""
SAID_BETWEEN = """
SELECT timestamp, kind, said.task_id, title, name, key, tags
FROM (SELECT notification_id, timestamp, kind, CAST(body AS TEXT) ->> 'task_id' AS task_id,
             CAST(body AS TEXT) ->> 'title' AS title
      FROM notifications WHERE kind IN ('task.stale', 'task.overdue', 'task.missed', 'task.recovered')
      AND timestamp >= ? AND timestamp < ?) AS said
LEFT JOIN attempts ON attempts.task_id = said.task_id
    AND attempt = (SELECT max(attempt) FROM attempts AS newest WHERE newest.task_id = said.task_id)
ORDER BY notification_id"""
RAN_AS = """
SELECT started_ms, coalesce(completed_ms, removed_ms) FROM attempts
WHERE (name = ? OR key = ?) AND started_ms IS NOT NULL AND started_ms < ?
AND coalesce(completed_ms, removed_ms, started_ms + 9007199254740991) > ? ORDER BY started_ms"""
