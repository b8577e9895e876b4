-- Version 1 of vain.db. Times are text in one canonical form (RFC 3339, UTC, milliseconds), so they compare as text.

-- epoch: the name of this log, changed when history may have diverged (a restore).
-- last_task_id: the newest task's number once that task was deleted, so that it is never given to another.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- body is the whole task as JSON, exactly as it is sent; the columns are what is searched and sorted by.
CREATE TABLE tasks (
    task_id       INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    status        INTEGER NOT NULL, -- position in vain.types.STATUSES
    priority      INTEGER NOT NULL, -- position in vain.types.PRIORITIES
    outcome       TEXT,
    key           TEXT,
    parent_id     INTEGER,
    created_at    TEXT    NOT NULL,
    updated_at    TEXT    NOT NULL,
    started_at    TEXT,
    completed_at  TEXT,
    due_at        TEXT,
    progress      REAL,
    overdue       INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    searched      TEXT    NOT NULL, -- casefolded name, description, message, key and tags
    body          BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX tasks_unfinished_key ON tasks (key) WHERE key IS NOT NULL AND status < 2;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL AND status < 2 AND overdue = 0;

-- The log: seq has no hole and rises in commit order; body is the very JSON that is sent on /ws/tasks.
CREATE TABLE events (
    seq   INTEGER PRIMARY KEY,
    type  TEXT    NOT NULL,
    body  BLOB    NOT NULL
) STRICT;

CREATE TABLE notifications (
    notification_id INTEGER PRIMARY KEY,
    body            BLOB    NOT NULL,
    read            INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What a POST with this Idempotency-Key was answered; kept for a day.
CREATE TABLE idempotency (
    key          TEXT PRIMARY KEY,
    fingerprint  BLOB    NOT NULL,
    task_id      INTEGER NOT NULL,
    body         BLOB    NOT NULL,
    at           TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_at ON idempotency (at);
