-- Version 3 of vain.db: what reports bring with them.

-- The end of a task's output, in the parts in which it came; offset_bytes counts from the beginning of the output.
CREATE TABLE log_parts (
    task_id       INTEGER NOT NULL,
    offset_bytes  INTEGER NOT NULL,
    body          BLOB    NOT NULL,
    PRIMARY KEY (task_id, offset_bytes)
) STRICT, WITHOUT ROWID;

-- What a reporter calls its run: its children name it as their parent, and its processes carry it in their environment.
-- parent_run is set while the parent is not known yet: a child's report may come before its own.
CREATE TABLE runs (run_id TEXT PRIMARY KEY, task_id INTEGER NOT NULL, parent_run TEXT) STRICT, WITHOUT ROWID;
CREATE INDEX runs_task ON runs (task_id);
CREATE INDEX runs_parent ON runs (parent_run) WHERE parent_run IS NOT NULL;

-- When the next ping of a recurring job is expected, as JSON.
CREATE TABLE expectations (key TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT, WITHOUT ROWID;

-- How long earlier runs took, the last first; a run is written to it only once it has succeeded.
CREATE INDEX attempts_name ON attempts (name, completed_ms) WHERE outcome = 'succeeded';
CREATE INDEX attempts_key ON attempts (key, completed_ms) WHERE key IS NOT NULL;
