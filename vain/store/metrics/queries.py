"""Every statement that is run on a host's history, named, in one place, in the words of SQLite (``metrics.db``);
those of PostgreSQL are in ``vain/store/postgres/metric_words.py``. Values are bound, never formatted in."""

from __future__ import annotations

# --- the book of series ------------------------------------------------------------------------------------------

SERIES = "SELECT series_id, name, labels FROM series"
HOSTS_OF_SERIES = "SELECT series_id, host_id FROM series"
# A file has but one host.
ADD_SERIES = "INSERT INTO series (series_id, host_id, name, labels) VALUES (?, 1, ?, ?)"
LAST_SERIES = "SELECT coalesce(max(series_id), 0) FROM series"
EMPTY_SERIES = """
SELECT series_id FROM series
WHERE NOT EXISTS (SELECT 1 FROM hours WHERE id >= series_id << 32 AND id < (series_id + 1) << 32)
  AND NOT EXISTS (SELECT 1 FROM minutes WHERE id >= series_id << 32 AND id < (series_id + 1) << 32)
  AND NOT EXISTS (SELECT 1 FROM raw WHERE id >= series_id << 32 AND id < (series_id + 1) << 32)"""
FORGET_SERIES = "DELETE FROM series WHERE series_id = ?"
SET_HOST = """
INSERT INTO hosts (host_id, name) VALUES (?, ?)
ON CONFLICT (host_id) DO UPDATE SET name = excluded.name WHERE name <> excluded.name"""
LAYOUTS = "SELECT layout_id, series FROM layouts"
ADD_LAYOUT = "INSERT INTO layouts (series) VALUES (?) RETURNING layout_id"
FORGET_LAYOUTS = "DELETE FROM layouts WHERE layout_id NOT IN (SELECT layout_id FROM hot)"

# --- the newest hour ---------------------------------------------------------------------------------------------

ADD_HOT = """
INSERT INTO hot (t, layout_id, v) VALUES (?, ?, ?)
ON CONFLICT (t) DO UPDATE SET layout_id = excluded.layout_id, v = excluded.v"""
HOT = "SELECT t, layout_id, v FROM hot WHERE t >= ? AND t < ? ORDER BY t"
HOT_BOUNDS = "SELECT min(t), max(t) FROM hot"
HOT_OUTSIDE = "SELECT t, layout_id, v FROM hot WHERE t < ? OR t >= ? ORDER BY t"
FORGET_HOT_OUTSIDE = "DELETE FROM hot WHERE t < ? OR t >= ?"

# --- chunks ------------------------------------------------------------------------------------------------------

TIMES = "SELECT id, v FROM times WHERE id BETWEEN ? AND ? ORDER BY id"
RAW = "SELECT id, v FROM raw WHERE id BETWEEN ? AND ? ORDER BY id"
MINUTES = "SELECT id, v FROM minutes WHERE id BETWEEN ? AND ? ORDER BY id"
HOURS = "SELECT id, v FROM hours WHERE id BETWEEN ? AND ? ORDER BY id"
MINUTES_OF = "SELECT id, v FROM minutes WHERE id IN (SELECT value FROM json_each(?))"
HOURS_OF = "SELECT id, v FROM hours WHERE id IN (SELECT value FROM json_each(?))"
FIRST_TIMES = "SELECT id, v FROM times WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
LAST_TIMES = "SELECT id, v FROM times WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
FIRST_MINUTES = "SELECT id, v FROM minutes WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
FIRST_HOURS = "SELECT id, v FROM hours WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
# Where the first chunk of any series begins, in periods since 1970.
OLDEST_MINUTES = """
SELECT min(first & 4294967295) FROM (
    SELECT (SELECT min(id) FROM minutes WHERE id >= series_id << 32 AND id < (series_id + 1) << 32) AS first
    FROM series)"""
OLDEST_HOURS = """
SELECT min(first & 4294967295) FROM (
    SELECT (SELECT min(id) FROM hours WHERE id >= series_id << 32 AND id < (series_id + 1) << 32) AS first
    FROM series)"""
PUT_TIMES = "INSERT INTO times (id, v) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
PUT_RAW = "INSERT INTO raw (id, v) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
PUT_MINUTES = "INSERT INTO minutes (id, v) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
PUT_HOURS = "INSERT INTO hours (id, v) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET v = excluded.v"
FORGET_TIMES = "DELETE FROM times WHERE id BETWEEN ? AND ?"
FORGET_RAW = "DELETE FROM raw WHERE id BETWEEN ? AND ?"
FORGET_MINUTES = "DELETE FROM minutes WHERE id BETWEEN ? AND ?"
FORGET_HOURS = "DELETE FROM hours WHERE id BETWEEN ? AND ?"

# --- tasks -------------------------------------------------------------------------------------------------------

ADD_TASK_ROW = """
INSERT INTO task_rows (task_id, t, v) VALUES (?, ?, ?) ON CONFLICT (task_id, t) DO UPDATE SET v = excluded.v"""
TASK_ROWS = "SELECT t, v FROM task_rows WHERE task_id = ? AND t >= ? AND t < ? ORDER BY t"
# Rows come a period apart, give or take some milliseconds: of every so many seconds, one.
TASK_ROWS_OF_EVERY = """
SELECT t, v FROM task_rows WHERE task_id = ? AND t >= ? AND t < ? AND t / ? % ? = 0 ORDER BY t"""
TASK_ROWS_OUTSIDE = "SELECT task_id, t, v FROM task_rows WHERE t < ? OR t >= ? ORDER BY task_id, t"
FORGET_TASK_ROWS_OUTSIDE = "DELETE FROM task_rows WHERE t < ? OR t >= ?"
TASKS_WITH_ROWS = "SELECT DISTINCT task_id FROM task_rows WHERE t >= ? AND t < ?"
PUT_TASK_CHUNK = """
INSERT INTO task_chunks (task_id, hour, t, v) VALUES (?, ?, ?, ?)
ON CONFLICT (task_id, hour) DO UPDATE SET t = excluded.t, v = excluded.v"""
TASK_CHUNKS = "SELECT hour, t, v FROM task_chunks WHERE task_id = ? AND hour BETWEEN ? AND ? ORDER BY hour"
ALL_TASK_CHUNKS = "SELECT task_id, hour, t, v FROM task_chunks ORDER BY task_id, hour"
TASKS_WITH_CHUNKS = "SELECT DISTINCT task_id FROM task_chunks WHERE hour BETWEEN ? AND ?"
# A task that runs is in the newest rows: its samples stay.
FORGET_TASK_CHUNKS = """
DELETE FROM task_chunks WHERE hour <= ? AND task_id NOT IN (SELECT task_id FROM task_rows)"""
FORGET_ALL_TASK_CHUNKS = "DELETE FROM task_chunks WHERE hour <= ?"
FIRST_TASK_HOUR = "SELECT min(hour) FROM task_chunks"

# --- processes ---------------------------------------------------------------------------------------------------

ADD_PROCESS_LOOK = "INSERT INTO process_looks (t, v) VALUES (?, ?) ON CONFLICT (t) DO UPDATE SET v = excluded.v"
PROCESS_LOOKS = "SELECT t, v FROM process_looks WHERE t >= ? AND t < ? ORDER BY t"
PROCESS_LOOKS_OUTSIDE = "SELECT t, v FROM process_looks WHERE t < ? OR t >= ? ORDER BY t"
FORGET_PROCESS_LOOKS_OUTSIDE = "DELETE FROM process_looks WHERE t < ? OR t >= ?"
PUT_PROCESS_HOUR = "INSERT INTO process_hours (hour, v) VALUES (?, ?) ON CONFLICT (hour) DO UPDATE SET v = excluded.v"
PROCESS_HOURS = "SELECT hour FROM process_hours WHERE hour BETWEEN ? AND ? ORDER BY hour"
PROCESS_HOUR = "SELECT v FROM process_hours WHERE hour = ?"
ALL_PROCESS_HOURS = "SELECT hour, v FROM process_hours ORDER BY hour"
PROCESS_HOUR_BOUNDS = "SELECT min(hour), max(hour) FROM process_hours"
FORGET_PROCESS_HOURS = "DELETE FROM process_hours WHERE hour <= ?"

# --- spans -------------------------------------------------------------------------------------------------------

PUT_SPAN = """
INSERT INTO spans (begin_t, cause, series_id, end_t) VALUES (?, ?, ?, ?)
ON CONFLICT (begin_t, cause, series_id) DO UPDATE SET end_t = max(end_t, excluded.end_t)"""
SPANS = """
SELECT begin_t, end_t, cause, series_id FROM spans
WHERE end_t >= ? AND begin_t <= ? AND series_id = 0 ORDER BY begin_t, end_t LIMIT ?"""
SPANS_OF_SERIES = """
SELECT begin_t, end_t, cause, series_id FROM spans
WHERE end_t >= ? AND begin_t <= ? AND series_id IN (SELECT value FROM json_each(?)) ORDER BY begin_t, end_t LIMIT ?"""
ALL_SPANS = "SELECT begin_t, cause, series_id, end_t FROM spans ORDER BY begin_t, cause, series_id"
FORGET_SPANS = "DELETE FROM spans WHERE end_t < ?"

# --- space -------------------------------------------------------------------------------------------------------

SIZE = """
SELECT (SELECT page_count FROM pragma_page_count) - (SELECT freelist_count FROM pragma_freelist_count),
       (SELECT page_size FROM pragma_page_size)"""
