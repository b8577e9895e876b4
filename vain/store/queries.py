"""Every statement that is run on vain.db, named, in one place. Values are bound, never formatted in."""

from __future__ import annotations

from collections.abc import Iterable

from vain.codec import encode
from vain.flow.attempts import AttemptQuery
from vain.store.list_queries import LISTED, NULLABLE, source_of, tag_bytes
from vain.told import NotificationQuery
from vain.types import PRIORITIES, SORTS, STATUSES, Priority, TaskQuery, Trouble

# --- reading -----------------------------------------------------------------------------------------------------

EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"
HEAD = "SELECT coalesce(max(seq), 0) FROM events"
LAST_TASK_ID = """
SELECT max(coalesce((SELECT max(task_id) FROM tasks), 0),
           coalesce((SELECT CAST(value AS INTEGER) FROM meta WHERE key = 'last_task_id'), 0))"""
LAST_NOTIFICATION_ID = "SELECT coalesce(max(notification_id), 0) FROM notifications"
NUMBERS = (HEAD, LAST_TASK_ID, LAST_NOTIFICATION_ID)
"""What was given last: to an event, a task, a notification."""
TASK = "SELECT body, version FROM tasks WHERE task_id = ?"
TASK_COUNT = "SELECT (SELECT count(*) FROM tasks), coalesce(max(task_id), 0) FROM tasks"
TASKS_BETWEEN = "SELECT task_id, body FROM tasks WHERE task_id > ? AND task_id <= ? ORDER BY task_id"
CHILDREN = "SELECT task_id FROM tasks WHERE parent_id = ?"
UNFINISHED_WITH_KEY = "SELECT task_id FROM tasks WHERE key = ? AND status < 2"
DUE = "SELECT task_id FROM tasks WHERE due_at <= ? AND due_at IS NOT NULL AND status < 2 AND overdue = 0 LIMIT ?"
IN_PROGRESS = "SELECT task_id FROM tasks INDEXED BY tasks_in_progress WHERE status = 1 ORDER BY task_id LIMIT ?"
RUN_BEFORE = """
SELECT body FROM tasks
WHERE iif(?1 IS NULL, name = ?2, key = ?1) AND started_at < ?3 AND task_id <> ?4
ORDER BY started_at DESC LIMIT 1"""
FIRST_CHANGE = "SELECT min(first_seq) FROM attempts WHERE task_id = ?"
TASK_UPDATES_WITH = """
SELECT body FROM events WHERE seq BETWEEN ? AND ? AND type = 'taskUpdate' AND instr(body, ?) > 0 ORDER BY seq"""
STARTED = "SELECT body FROM tasks INDEXED BY tasks_in_progress WHERE status = 1 ORDER BY task_id"
RUN_TASK = "SELECT task_id FROM runs WHERE run_id = ?"
RUN_OF_TASK = "SELECT run_id FROM runs WHERE task_id = ?"
LAST_OF_KEY = (
    "SELECT task_id FROM attempts WHERE key = ? AND removed_ms IS NULL ORDER BY completed_ms DESC NULLS LAST LIMIT 1"
)
CHILDREN_OF_RUN = "SELECT task_id FROM runs WHERE parent_run = ?"
RUNS_OF_STARTED = """
SELECT runs.task_id, run_id FROM tasks INDEXED BY tasks_in_progress JOIN runs USING (task_id) WHERE status = 1"""
EXPECTATION = "SELECT body FROM expectations WHERE key = ?"
KEPT = "SELECT body FROM kept WHERE kind = ? AND name = ?"
KEPT_UNDER = "SELECT name, body FROM kept WHERE kind = ? AND name >= ? AND name < ?"
KEPT_OF = "SELECT name, body FROM kept WHERE kind = ? ORDER BY name"
EXPECTATIONS = "SELECT body FROM expectations ORDER BY key"
# Parts follow each other, so the last of them has the end.
LOG_END = """
SELECT coalesce((SELECT offset_bytes + length(body) FROM log_parts
                 WHERE task_id = ? ORDER BY offset_bytes DESC LIMIT 1), 0)"""
LOG = """
SELECT offset_bytes, body FROM log_parts
WHERE task_id = ? AND offset_bytes + length(body) > ? ORDER BY offset_bytes"""
# What a reopened task has now must have succeeded too, since its body tells of its last attempt alone.
_EARLIER_RUNS = """
SELECT body FROM tasks WHERE outcome = 'succeeded' AND task_id IN (
    SELECT task_id FROM attempts
    WHERE {column} = ?1 AND completed_ms < ?2 AND started_ms IS NOT NULL AND outcome = 'succeeded' AND task_id <> ?3
    ORDER BY completed_ms DESC LIMIT ?4)
ORDER BY completed_at DESC"""
EARLIER_RUNS_OF_KEY, EARLIER_RUNS_OF_NAME = (_EARLIER_RUNS.format(column=column) for column in ("key", "name"))
DURATIONS_OF_KEY = """
SELECT (completed_ms - started_ms) / 1000.0 FROM attempts
WHERE key = ? AND completed_ms IS NOT NULL AND started_ms IS NOT NULL AND outcome = 'succeeded' AND task_id <> ?
ORDER BY completed_ms DESC LIMIT ?"""
DURATIONS_OF_NAME = """
SELECT (completed_ms - started_ms) / 1000.0 FROM attempts
WHERE name = ? AND completed_ms IS NOT NULL AND started_ms IS NOT NULL AND outcome = 'succeeded' AND task_id <> ?
ORDER BY completed_ms DESC LIMIT ?"""
OUTCOMES = "SELECT outcome, count(*) FROM attempts WHERE outcome IS NOT NULL GROUP BY outcome"
EVENTS_AFTER = "SELECT seq, type, body FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
LOG_BOUNDS = "SELECT coalesce((SELECT min(seq) FROM events), 1), coalesce((SELECT max(seq) FROM events), 0)"
TASKS_CHANGED = """
SELECT seq, json_extract(CAST(body AS TEXT), '$.task_id') FROM events
WHERE seq > ? AND seq <= ? AND type = 'taskUpdate' ORDER BY seq"""
NOTIFICATION = "SELECT body, read FROM notifications WHERE notification_id = ?"
NOTIFICATIONS_AFTER = """
SELECT body, read FROM notifications WHERE notification_id > ? ORDER BY notification_id LIMIT ?"""
IDEMPOTENT = "SELECT fingerprint, task_id, body FROM idempotency WHERE key = ?"
REMOVED_TASKS = "SELECT task_id, name, key, tags FROM attempts WHERE removed_ms IS NOT NULL"
# One row with a JSON array for each column, -1 for a time that has not come: a tenth of the objects that rows would be,
# and made while other threads run.
_ATTEMPTS = """
SELECT json_object(
    'task_id', json_group_array(task_id), 'name', json_group_array(name),
    'arrived_ms', json_group_array(arrived_ms), 'started_ms', json_group_array(coalesce(started_ms, -1)),
    'completed_ms', json_group_array(coalesce(completed_ms, -1)), 'outcome', json_group_array(outcome),
    'removed_ms', json_group_array(coalesce(removed_ms, -1)),
    'is_newest', json_group_array(NOT EXISTS (
        SELECT 1 FROM attempts AS later
        WHERE later.task_id = attempts.task_id AND later.attempt = attempts.attempt + 1)))
FROM attempts"""
COUNTS = """
SELECT coalesce(sum(status = 0), 0), coalesce(sum(status = 1), 0), coalesce(sum(status = 2), 0),
       coalesce(sum(outcome IN ('failed', 'timed-out', 'crashed')), 0), coalesce(sum(overdue), 0)
FROM tasks"""

_FAILED = "outcome IN ('failed', 'timed-out', 'crashed')"
_TROUBLES: dict[Trouble, str] = {
    "stale": "stale = 1",
    "overdue": "overdue = 1",
    "late": "(overdue = 1 OR stale = 1)",
    "failed": _FAILED,
    "any": f"(overdue = 1 OR {_FAILED} OR stale = 1)",
}

# --- writing -----------------------------------------------------------------------------------------------------

TOUCH = """
INSERT INTO meta (key, value) VALUES ('touched_at', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
SET_EPOCH = "INSERT INTO meta (key, value) VALUES ('epoch', ?)"
RENEW_EPOCH = "UPDATE meta SET value = ? WHERE key = 'epoch'"
SET_LAST_TASK_ID = """
INSERT INTO meta (key, value) VALUES ('last_task_id', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value"""
ADD_RUN = "INSERT INTO runs (run_id, task_id, parent_run) VALUES (?, ?, ?) ON CONFLICT (run_id) DO NOTHING"
FORGET_RUNS = "DELETE FROM runs WHERE task_id = ?"
ADD_GUEST = "INSERT INTO guests (host, task_id, attempt) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
FORGET_GUESTS = "DELETE FROM guests WHERE task_id = ?"
HAS_GUESTS = "SELECT EXISTS (SELECT 1 FROM guests WHERE host = ?)"
EXPECT = """
INSERT INTO expectations (key, body) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET body = excluded.body"""
KEEP = (
    "INSERT INTO kept (kind, name, body) VALUES (?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET body = excluded.body"
)
KEEP_NO_MORE = "DELETE FROM kept WHERE kind = ? AND name = ?"
EXPECT_NO_MORE = "DELETE FROM expectations WHERE key = ?"
ADD_LOG = """
INSERT INTO log_parts (task_id, offset_bytes, body) VALUES (?, ?, ?)
ON CONFLICT (task_id, offset_bytes) DO UPDATE SET body = excluded.body"""
# The first comparison is by the index: most parts stay.
CUT_LOG = "DELETE FROM log_parts WHERE task_id = ?1 AND offset_bytes < ?2 AND offset_bytes + length(body) <= ?2"
FORGET_LOG = "DELETE FROM log_parts WHERE task_id = ?"
FREE_KEY = "UPDATE tasks SET key = NULL WHERE task_id = ? AND key IS NOT NULL"
SAVE_TASK = """
INSERT INTO tasks (task_id, name, status, priority, outcome, key, parent_id, created_at, updated_at, started_at,
                   completed_at, due_at, progress, overdue, version, searched, body, stale, tags, host)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET
    name = excluded.name, status = excluded.status, priority = excluded.priority, outcome = excluded.outcome,
    key = excluded.key, parent_id = excluded.parent_id, updated_at = excluded.updated_at,
    started_at = excluded.started_at, completed_at = excluded.completed_at, due_at = excluded.due_at,
    progress = excluded.progress, overdue = excluded.overdue, version = excluded.version,
    searched = excluded.searched, body = excluded.body, stale = excluded.stale, tags = excluded.tags,
    host = excluded.host"""
SAVE_ATTEMPT = """
INSERT INTO attempts (
    task_id, attempt, name, key, priority, tags, arrived_ms, started_ms, completed_ms, outcome, first_seq, host)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (task_id, attempt) DO UPDATE SET
    name = excluded.name, key = excluded.key, priority = excluded.priority, tags = excluded.tags,
    started_ms = excluded.started_ms, completed_ms = excluded.completed_ms, outcome = excluded.outcome,
    host = excluded.host"""
REMOVE_ATTEMPTS = "UPDATE attempts SET removed_ms = ? WHERE task_id = ?"
DELETE_TASK = "DELETE FROM tasks WHERE task_id = ?"
ADD_EVENT = "INSERT INTO events (seq, type, body) VALUES (?, ?, ?)"
ADD_NOTIFICATION = "INSERT INTO notifications (notification_id, body) VALUES (?, ?)"
OVER = """
SELECT ended.body, fired.body FROM notifications AS ended
LEFT JOIN notifications AS fired ON fired.notification_id = CAST(ended.body AS TEXT) ->> 'fired_by'
WHERE ended.kind = 'rule.cleared' AND ended.timestamp >= ? AND CAST(ended.body AS TEXT) ->> 'since' <= ?
ORDER BY ended.timestamp DESC LIMIT ?"""
"""What was over since a time and had begun by another, each with the notification of its begin, if that is kept."""
READ_NOTIFICATION = "UPDATE notifications SET read = ? WHERE notification_id = ?"
FORGET_NOTIFICATIONS = "DELETE FROM notifications WHERE notification_id <= ?"
REMEMBER = "INSERT INTO idempotency (key, fingerprint, task_id, body, at) VALUES (?, ?, ?, ?, ?)"
FORGET_IDEMPOTENT = "DELETE FROM idempotency WHERE at < ?"


def page(
    query: TaskQuery, column: str, descending: bool, has_guests: bool = False
) -> tuple[str, str, tuple[object, ...]]:
    """The statements for one page and for its total, and what both bind (the page also limit and offset).

    ``has_guests``: on the host that is asked about there were tasks whose own processes were elsewhere.
    """
    wheres: list[str] = []
    values: list[object] = []
    for condition, value in (
        ("status = ?", None if query.status is None else STATUSES.index(query.status)),
        ("priority = ?", None if query.priority is None else rank(query.priority)),
        ("outcome = ?", query.outcome),
        ("host = ?", None if has_guests else query.host),
        ("(host = ? OR task_id IN (SELECT task_id FROM guests WHERE host = ?))", query.host if has_guests else None),
        ("task_id = ?", query.task_id),
        ("completed_at >= ?", query.completed_after),
        ("instr(tags, ?) > 0", None if query.tag is None else tag_bytes(query.tag)),
        # Last, since the words are in the row and not in the index.
        ("instr(searched, ?) > 0", query.text.casefold() or None),
    ):
        if value is not None:
            wheres.append(condition)
            values += [value] * condition.count("?")
    if query.trouble is not None:
        wheres.append(_TROUBLES[query.trouble])
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    direction = "DESC" if descending else "ASC"
    if column not in SORTS:
        raise ValueError(column)
    nulls = " NULLS LAST" if column in NULLABLE else ""
    order = f"{column} {direction}{nulls}, task_id {direction}"
    source = _source(query, column, has_guests)
    # Only constants are put into the text: the conditions above and a name out of SORTS.
    numbers = f"SELECT task_id FROM {source} {where} ORDER BY {order} LIMIT ? OFFSET ?"  # noqa: S608
    matching = f"SELECT body FROM tasks WHERE task_id IN ({numbers}) ORDER BY {order}"  # noqa: S608
    return matching, f"SELECT count(*) FROM {source} {where}", tuple(values)  # noqa: S608


def _source(query: TaskQuery, column: str, has_guests: bool) -> str:
    if query.task_id is not None:
        return "tasks"
    if query.text and query.status in (None, "completed"):
        # To look for words from row to row, in the order of an index, takes four times as long.
        return "tasks NOT INDEXED"
    asked = {column, "completed_at"} if query.completed_after else {column}
    filters = (query.status, query.priority, query.outcome, query.tag, query.trouble)
    if query.host is not None:
        asked |= {"host"}
    if has_guests:
        return source_of(LISTED)
    return source_of(asked if filters == (None,) * len(filters) else asked | {"status"})


def notifications(query: NotificationQuery) -> tuple[str, tuple[object, ...]]:
    """What finds the newest notifications that are asked for, and its values."""
    wheres, values = ["TRUE"], list[object]()
    for condition, value in (
        ("notification_id < ?", query.before),
        ("quiet = ?", query.quiet),
        ("read = ?", query.read),
        ("level = ?", query.level),
        ("(kind || '.') GLOB ? || '.*'", query.kind),
    ):
        if value is not None:
            # As a constant, since a parameter does not find the index of those that are not quiet.
            wheres.append(condition.replace("?", str(int(value))) if isinstance(value, bool) else condition)
            values += [] if isinstance(value, bool) else [value]
    where = " AND ".join(wheres)
    text = f"SELECT body, read FROM notifications WHERE {where} ORDER BY notification_id DESC LIMIT ?"  # noqa: S608
    return text, (*values, query.limit)


def attempts(query: AttemptQuery, removed: Iterable[int]) -> tuple[str, tuple[object, ...]]:
    """The statement for the attempts that match, and what it binds.

    ``removed`` are the deleted tasks in which the text was found, since they are no longer in ``tasks``.
    """
    wheres: list[str] = []
    values: list[object] = []
    for condition, value in (
        ("name = ?", query.name),
        ("key = ?", query.key),
        ("priority = ?", None if query.priority is None else rank(query.priority)),
        ("host = ?", query.host),
        ("tags IS NOT NULL AND ? IN (SELECT value FROM json_each(tags))", query.tag),
    ):
        if value is not None:
            wheres.append(condition)
            values.append(value)
    if query.text:
        alive, gone = "SELECT task_id FROM tasks WHERE instr(searched, ?) > 0", "SELECT value FROM json_each(?)"
        wheres.append(f"task_id IN ({alive} UNION ALL {gone})")
        values += query.text.casefold(), encode(list(removed)).decode()
    where = f"WHERE {' AND '.join(wheres)}" if wheres else ""
    return f"{_ATTEMPTS} {where}", tuple(values)


def rank(priority: Priority) -> int:
    """The position by which a priority sorts."""
    return PRIORITIES.index(priority)
