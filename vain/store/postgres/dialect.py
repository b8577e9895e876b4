"""The store's statements in the words of PostgreSQL: pure.

They are written once, for SQLite. What differs is small, and regular but for a few, which stand here whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from vain.store import queries, ran_queries
from vain.store.connection import Bindings
from vain.store.copying import TABLES

_PLACE: Final = re.compile(r"(?<![:\w]):([a-z_]+)\b|\?(\d*)")
_WORDS: Final = tuple(
    (re.compile(pattern, re.DOTALL), replacement)
    for pattern, replacement in (
        (r" (?:INDEXED BY \w+|NOT INDEXED)\b", ""),
        (r"CAST\(((?:\w+\.)?body) AS TEXT\)", r"\1"),
        (r"(body) ->> '\$\.(\w+)\.(\w+)'", r"\1 #>> '{\2,\3}'"),
        (r"\binstr\(([\w.]+), ([^()]+)\)", r"position(\2 in \1)"),
        (r" IS (\?\d*|:\w+)", r" IS NOT DISTINCT FROM \1"),
        (r"GLOB (\?) \|\| '\.\*'", r"LIKE \1 || '.%'"),
        (r"json_object\(", "json_build_object("),
        (r"json_group_array\(NOT EXISTS \((.*?)\)\)", r"coalesce(json_agg((NOT EXISTS (\1))::int), '[]')"),
        (r"json_group_array\((\w+|coalesce\(\w+, -1\))\)", r"coalesce(json_agg(\1), '[]')"),
        (
            r"SELECT value FROM json_each\((\?|:\w+)\)",
            r"SELECT value::bigint FROM json_array_elements_text((\1::text)::json)",
        ),
        (r"SELECT value FROM json_each\((\w+)\)", r"SELECT value FROM json_array_elements_text(\1::json)"),
        (r"json_each\(told\.tags\)", "json_array_elements_text(told.tags::json) AS json_each (value)"),
        (r"(\(completed_ms - arrived_ms > \d+\))", r"\1::int"),
        (r"\bmax\(([\w.]+), ([\w.:]+)\)", r"greatest(\1, \2)"),
        (r"\bmin\(([\w.]+), ([\w.:]+)\)", r"least(\1, \2)"),
        (r"\biif\(([^,()]+), ([^,()]+), ([^,()]+)\)", r"CASE WHEN \1 THEN \2 ELSE \3 END"),
        (
            r"SELECT task_id, name, (min\(started_ms\).*?), outcome\n",
            r"SELECT task_id, max(name) AS name, \1, (array_agg(outcome ORDER BY ended_ms DESC))[1] AS outcome\n",
        ),
        (r"1000\.0\b", "1000.0::float8"),
        (r"LIMIT \?$", "LIMIT nullif(?::bigint, -1)"),
    )
)
_OWN: Final[Mapping[str, str]] = {
    queries.LAST_TASK_ID: """
SELECT greatest(coalesce((SELECT max(task_id) FROM tasks), 0),
                coalesce((SELECT value::bigint FROM meta WHERE key = 'last_task_id'), 0))""",
    queries.TASK_COUNT: "SELECT count(*), coalesce(max(task_id), 0) FROM tasks",
    queries.RUN_BEFORE: """
SELECT body FROM tasks
WHERE CASE WHEN ?1::text IS NULL THEN name = ?2 ELSE key = ?1 END AND started_at < ?3 AND task_id <> ?4
ORDER BY started_at DESC LIMIT 1""",
    queries.TASK_UPDATES_WITH: """
SELECT body FROM events WHERE seq BETWEEN ? AND ? AND type = 'taskUpdate'
AND position(?::bytea in convert_to(body::text, 'UTF8')) > 0 ORDER BY seq""",
    queries.TASKS_CHANGED: """
SELECT seq, (body ->> 'task_id')::bigint FROM events
WHERE seq > ? AND seq <= ? AND type = 'taskUpdate' ORDER BY seq""",
    queries.COUNTS: """
SELECT count(*) FILTER (WHERE status = 0), count(*) FILTER (WHERE status = 1), count(*) FILTER (WHERE status = 2),
       count(*) FILTER (WHERE outcome IN ('failed', 'timed-out', 'crashed')), count(*) FILTER (WHERE overdue = 1)
FROM tasks""",
    queries.OVER: """
SELECT ended.body, fired.body FROM notifications AS ended
LEFT JOIN notifications AS fired ON fired.notification_id = (ended.body ->> 'fired_by')::bigint
WHERE ended.kind = 'rule.cleared' AND ended.timestamp >= ? AND ended.body ->> 'since' <= ?
ORDER BY ended.timestamp DESC LIMIT ?""",
    ran_queries.SAID_BETWEEN: ran_queries.SAID_BETWEEN.replace(
        "CAST(body AS TEXT) ->> 'task_id'", "(body ->> 'task_id')::bigint"
    ),
}
_TYPES: Final = dict.fromkeys(("after", "before", "now", "most", "root"), "bigint") | {"job": "text"}
"""Of names whose type cannot be told from where they stand."""
_STREAMED: Final = frozenset({queries.TASKS_BETWEEN, queries.EVENTS_AFTER, *(table.read for table in TABLES)})
"""Of these rarely all is read that they would find, or it is more than is held at once."""
_KNOWN: Final = 1_000


class Statement(NamedTuple):
    """A statement with ``$1``, and which of the values it binds, in that order."""

    text: str
    order: tuple[int | str, ...]
    is_streamed: bool

    def values(self, given: Bindings | None) -> list[Any]:
        """Of what is bound by position or by name, what PostgreSQL is told."""
        if given is None:
            return []
        return [_told(given[name]) for name in self.order]  # type: ignore[index]


def _told(value: Any) -> Any:
    # No text of PostgreSQL has a NUL, so whoever looks for one finds nothing.
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


@lru_cache(_KNOWN)
def statement(text: str) -> Statement:
    """A statement of the store in PostgreSQL's words."""
    words = _OWN.get(text, text)
    for pattern, replacement in _WORDS:
        words = pattern.sub(replacement, words)
    order: list[int | str] = []
    counted = 0

    def place(found: re.Match[str]) -> str:
        nonlocal counted
        name: int | str
        if found[1]:
            name = found[1]
        elif found[2]:
            name = int(found[2]) - 1
        else:
            name, counted = counted, counted + 1
        if name not in order:
            order.append(name)
        kind = _TYPES.get(name) if isinstance(name, str) else None
        return f"${order.index(name) + 1}{f'::{kind}' if kind else ''}"

    return Statement(_PLACE.sub(place, words), tuple(order), text in _STREAMED)
