"""The statements of the metric history in the words of PostgreSQL. The first value is the number of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vain.store.metrics import queries

_CHUNKS: Final = {
    "metric_times": (queries.TIMES, queries.PUT_TIMES, queries.FORGET_TIMES),
    "metric_raw": (queries.RAW, queries.PUT_RAW, queries.FORGET_RAW),
    "metric_minutes": (queries.MINUTES, queries.PUT_MINUTES, queries.FORGET_MINUTES),
    "metric_hours": (queries.HOURS, queries.PUT_HOURS, queries.FORGET_HOURS),
}
_OF_CHUNKS: Final = (
    "SELECT id, v FROM {} WHERE host_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id",
    "INSERT INTO {} (host_id, id, v) VALUES ($1, $2, $3) ON CONFLICT (host_id, id) DO UPDATE SET v = excluded.v",
    "DELETE FROM {} WHERE host_id = $1 AND id BETWEEN $2 AND $3",
)
_NO_CHUNK: Final = """NOT EXISTS (
    SELECT 1 FROM {} WHERE host_id = $1 AND id >= series_id::bigint << 32 AND id < (series_id + 1)::bigint << 32)"""
_OLDEST: Final = """
SELECT min(first & 4294967295) FROM (
    SELECT (SELECT min(id) FROM {} WHERE host_id = $1
            AND id >= series_id::bigint << 32 AND id < (series_id + 1)::bigint << 32) AS first
    FROM metric_series WHERE host_id = $1) AS firsts"""
_OF_THESE: Final = """
SELECT id, v FROM {} WHERE host_id = $1
AND id = ANY (ARRAY(SELECT value::bigint FROM json_array_elements_text(($2::text)::json)))"""
_ROW_BYTES: Final = 60
"""What a row takes beside its value, in the table and in the index."""

WORDS: Final[Mapping[str, str]] = {
    **{
        statement: words.format(table)
        for table, statements in _CHUNKS.items()
        for statement, words in zip(statements, _OF_CHUNKS, strict=True)
    },
    queries.MINUTES_OF: _OF_THESE.format("metric_minutes"),
    queries.HOURS_OF: _OF_THESE.format("metric_hours"),
    queries.FIRST_TIMES: """
SELECT id, v FROM metric_times WHERE host_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT 1""",
    queries.LAST_TIMES: """
SELECT id, v FROM metric_times WHERE host_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id DESC LIMIT 1""",
    queries.FIRST_MINUTES: """
SELECT id, v FROM metric_minutes WHERE host_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT 1""",
    queries.FIRST_HOURS: """
SELECT id, v FROM metric_hours WHERE host_id = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT 1""",
    queries.OLDEST_MINUTES: _OLDEST.format("metric_minutes"),
    queries.OLDEST_HOURS: _OLDEST.format("metric_hours"),
    # --- the book of series
    queries.SERIES: "SELECT series_id, name, labels FROM metric_series WHERE host_id = $1 ORDER BY series_id",
    queries.HOSTS_OF_SERIES: "SELECT series_id, 1 FROM metric_series WHERE host_id = $1",
    queries.ADD_SERIES: "INSERT INTO metric_series (host_id, series_id, name, labels) VALUES ($1, $2, $3, $4)",
    queries.LAST_SERIES: "SELECT coalesce(max(series_id), 0) FROM metric_series WHERE host_id = $1",
    queries.EMPTY_SERIES: f"""
SELECT series_id FROM metric_series WHERE host_id = $1
AND {_NO_CHUNK.format("metric_hours")}
AND {_NO_CHUNK.format("metric_minutes")}
AND {_NO_CHUNK.format("metric_raw")}""",  # noqa: S608  (tables of ours)
    queries.FORGET_SERIES: "DELETE FROM metric_series WHERE host_id = $1 AND series_id = $2",
    queries.LAYOUTS: "SELECT layout_id, series FROM metric_layouts WHERE host_id = $1",
    queries.ADD_LAYOUT: """
INSERT INTO metric_layouts (host_id, layout_id, series)
SELECT $1, coalesce(max(layout_id), 0) + 1, $2 FROM metric_layouts WHERE host_id = $1 RETURNING layout_id""",
    queries.FORGET_LAYOUTS: """
DELETE FROM metric_layouts
WHERE host_id = $1 AND layout_id NOT IN (SELECT layout_id FROM metric_hot WHERE host_id = $1)""",
    # --- the newest hour
    queries.ADD_HOT: """
INSERT INTO metric_hot (host_id, t, layout_id, v) VALUES ($1, $2, $3, $4)
ON CONFLICT (host_id, t) DO UPDATE SET layout_id = excluded.layout_id, v = excluded.v""",
    queries.HOT: "SELECT t, layout_id, v FROM metric_hot WHERE host_id = $1 AND t >= $2 AND t < $3 ORDER BY t",
    queries.HOT_BOUNDS: "SELECT min(t), max(t) FROM metric_hot WHERE host_id = $1",
    queries.HOT_OUTSIDE: """
SELECT t, layout_id, v FROM metric_hot WHERE host_id = $1 AND (t < $2 OR t >= $3) ORDER BY t""",
    queries.FORGET_HOT_OUTSIDE: "DELETE FROM metric_hot WHERE host_id = $1 AND (t < $2 OR t >= $3)",
    # --- tasks
    queries.ADD_TASK_ROW: """
INSERT INTO metric_task_rows (host_id, task_id, t, v) VALUES ($1, $2, $3, $4)
ON CONFLICT (host_id, task_id, t) DO UPDATE SET v = excluded.v""",
    queries.TASK_ROWS: """
SELECT t, v FROM metric_task_rows WHERE host_id = $1 AND task_id = $2 AND t >= $3 AND t < $4 ORDER BY t""",
    queries.TASK_ROWS_OF_EVERY: """
SELECT t, v FROM metric_task_rows
WHERE host_id = $1 AND task_id = $2 AND t >= $3 AND t < $4 AND t / $5::bigint % $6::bigint = 0 ORDER BY t""",
    queries.TASK_ROWS_OUTSIDE: """
SELECT task_id, t, v FROM metric_task_rows WHERE host_id = $1 AND (t < $2 OR t >= $3) ORDER BY task_id, t""",
    queries.FORGET_TASK_ROWS_OUTSIDE: "DELETE FROM metric_task_rows WHERE host_id = $1 AND (t < $2 OR t >= $3)",
    queries.TASKS_WITH_ROWS: """
SELECT DISTINCT task_id FROM metric_task_rows WHERE host_id = $1 AND t >= $2 AND t < $3""",
    queries.PUT_TASK_CHUNK: """
INSERT INTO metric_task_chunks (host_id, task_id, hour, t, v) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (host_id, task_id, hour) DO UPDATE SET t = excluded.t, v = excluded.v""",
    queries.TASK_CHUNKS: """
SELECT hour, t, v FROM metric_task_chunks
WHERE host_id = $1 AND task_id = $2 AND hour BETWEEN $3 AND $4 ORDER BY hour""",
    queries.ALL_TASK_CHUNKS: """
SELECT task_id, hour, t, v FROM metric_task_chunks WHERE host_id = $1 ORDER BY task_id, hour""",
    queries.TASKS_WITH_CHUNKS: """
SELECT DISTINCT task_id FROM metric_task_chunks WHERE host_id = $1 AND hour BETWEEN $2 AND $3""",
    queries.FORGET_TASK_CHUNKS: """
DELETE FROM metric_task_chunks
WHERE host_id = $1 AND hour <= $2 AND task_id NOT IN (SELECT task_id FROM metric_task_rows WHERE host_id = $1)""",
    queries.FORGET_ALL_TASK_CHUNKS: "DELETE FROM metric_task_chunks WHERE host_id = $1 AND hour <= $2",
    queries.FIRST_TASK_HOUR: "SELECT min(hour) FROM metric_task_chunks WHERE host_id = $1",
    # --- processes
    queries.ADD_PROCESS_LOOK: """
INSERT INTO metric_process_looks (host_id, t, v) VALUES ($1, $2, $3)
ON CONFLICT (host_id, t) DO UPDATE SET v = excluded.v""",
    queries.PROCESS_LOOKS: """
SELECT t, v FROM metric_process_looks WHERE host_id = $1 AND t >= $2 AND t < $3 ORDER BY t""",
    queries.PROCESS_LOOKS_OUTSIDE: """
SELECT t, v FROM metric_process_looks WHERE host_id = $1 AND (t < $2 OR t >= $3) ORDER BY t""",
    queries.FORGET_PROCESS_LOOKS_OUTSIDE: """
DELETE FROM metric_process_looks WHERE host_id = $1 AND (t < $2 OR t >= $3)""",
    queries.PUT_PROCESS_HOUR: """
INSERT INTO metric_process_hours (host_id, hour, v) VALUES ($1, $2, $3)
ON CONFLICT (host_id, hour) DO UPDATE SET v = excluded.v""",
    queries.PROCESS_HOURS: """
SELECT hour FROM metric_process_hours WHERE host_id = $1 AND hour BETWEEN $2 AND $3 ORDER BY hour""",
    queries.PROCESS_HOUR: "SELECT v FROM metric_process_hours WHERE host_id = $1 AND hour = $2",
    queries.ALL_PROCESS_HOURS: "SELECT hour, v FROM metric_process_hours WHERE host_id = $1 ORDER BY hour",
    queries.PROCESS_HOUR_BOUNDS: "SELECT min(hour), max(hour) FROM metric_process_hours WHERE host_id = $1",
    queries.FORGET_PROCESS_HOURS: "DELETE FROM metric_process_hours WHERE host_id = $1 AND hour <= $2",
    # --- spans
    queries.PUT_SPAN: """
INSERT INTO metric_spans (host_id, begin_t, cause, series_id, end_t) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (host_id, begin_t, cause, series_id) DO UPDATE SET end_t = greatest(metric_spans.end_t, excluded.end_t)""",
    queries.SPANS: """
SELECT begin_t, end_t, cause, series_id FROM metric_spans
WHERE host_id = $1 AND end_t >= $2 AND begin_t <= $3 AND series_id = 0 ORDER BY begin_t, end_t LIMIT $4""",
    queries.SPANS_OF_SERIES: """
SELECT begin_t, end_t, cause, series_id FROM metric_spans
WHERE host_id = $1 AND end_t >= $2 AND begin_t <= $3
AND series_id IN (SELECT value::int FROM json_array_elements_text(($4::text)::json))
ORDER BY begin_t, end_t LIMIT $5""",
    queries.ALL_SPANS: """
SELECT begin_t, cause, series_id, end_t FROM metric_spans WHERE host_id = $1 ORDER BY begin_t, cause, series_id""",
    queries.FORGET_SPANS: "DELETE FROM metric_spans WHERE host_id = $1 AND end_t < $2",
    # --- space: what the host's rows take, without what the tables have beside them
    queries.SIZE: f"""
SELECT coalesce(sum(bytes), 0)::bigint, 1 FROM (
    SELECT octet_length(v) + {_ROW_BYTES} AS bytes FROM metric_raw WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_minutes WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_hours WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_times WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + octet_length(t) + {_ROW_BYTES} FROM metric_task_chunks WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_process_hours WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_hot WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_task_rows WHERE host_id = $1
    UNION ALL SELECT octet_length(v) + {_ROW_BYTES} FROM metric_process_looks WHERE host_id = $1
) AS sizes""",  # noqa: S608  (a number of ours)
}
"""By what SQLite is asked."""
CHANGE_BOOK: Final = frozenset(
    (queries.ADD_SERIES, queries.FORGET_SERIES, queries.ADD_LAYOUT, queries.FORGET_LAYOUTS, queries.PUT_HOURS,
     queries.FORGET_HOURS)
)  # fmt: skip
"""After which other servers look at the host anew."""
STREAMED: Final = frozenset((queries.ALL_TASK_CHUNKS, queries.ALL_PROCESS_HOURS))
STREAMED_WHOLE: Final = frozenset((queries.TIMES, queries.RAW, queries.MINUTES, queries.HOURS, queries.HOT_OUTSIDE))
"""Of these more may be asked for than is held at once, when all of them are."""
TABLES: Final = (
    *_CHUNKS, "metric_hot", "metric_layouts", "metric_series", "metric_spans", "metric_task_rows", "metric_task_chunks",
    "metric_process_looks", "metric_process_hours",
)  # fmt: skip
"""Every table with rows of hosts."""
