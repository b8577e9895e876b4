-- Version 1 of the store on PostgreSQL; the tables are those of vain.db (schema_1.sql to schema_9.sql there).
-- Times are text in one canonical form (RFC 3339, UTC, milliseconds), and text compares by its bytes.
-- body is JSON exactly as it is sent: of type json, which keeps every byte.

CREATE TABLE meta (key text PRIMARY KEY, value text NOT NULL);

CREATE TABLE tasks (
    task_id       bigint PRIMARY KEY,
    name          text COLLATE "C" NOT NULL,
    status        smallint NOT NULL,
    priority      smallint NOT NULL,
    outcome       text COLLATE "C",
    key           text COLLATE "C",
    parent_id     bigint,
    created_at    text COLLATE "C" NOT NULL,
    updated_at    text COLLATE "C" NOT NULL,
    started_at    text COLLATE "C",
    completed_at  text COLLATE "C",
    due_at        text COLLATE "C",
    progress      double precision,
    overdue       smallint NOT NULL,
    version       bigint NOT NULL,
    searched      text COLLATE "C" NOT NULL,
    body          json NOT NULL,
    stale         smallint NOT NULL DEFAULT 0,
    tags          bytea,
    host          text COLLATE "C"
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX tasks_unfinished_key ON tasks (key) WHERE key IS NOT NULL AND status < 2;
CREATE INDEX tasks_parent ON tasks (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX tasks_due ON tasks (due_at) WHERE due_at IS NOT NULL AND status < 2 AND overdue = 0;
CREATE INDEX tasks_in_progress ON tasks (task_id) WHERE status = 1;
CREATE INDEX tasks_unfinished ON tasks (status, created_at) WHERE status < 2;
CREATE INDEX tasks_created ON tasks (created_at);
CREATE INDEX tasks_completed ON tasks (completed_at) WHERE completed_at IS NOT NULL;
CREATE INDEX tasks_outcome ON tasks (outcome, created_at) WHERE outcome IS NOT NULL AND outcome <> 'succeeded';
CREATE INDEX tasks_overdue ON tasks (task_id) WHERE overdue = 1;
CREATE INDEX tasks_stale ON tasks (task_id) WHERE stale = 1;
CREATE INDEX tasks_job ON tasks (name, started_at);
CREATE INDEX tasks_key ON tasks (key, started_at) WHERE key IS NOT NULL;
CREATE INDEX tasks_host ON tasks (host, created_at) WHERE host IS NOT NULL;

CREATE TABLE events (seq bigint PRIMARY KEY, type text COLLATE "C" NOT NULL, body json NOT NULL);

CREATE TABLE notifications (
    notification_id bigint PRIMARY KEY,
    body            json NOT NULL,
    read            smallint NOT NULL DEFAULT 0,
    level           text COLLATE "C" GENERATED ALWAYS AS (body ->> 'level') STORED,
    kind            text COLLATE "C" GENERATED ALWAYS AS (body ->> 'kind') STORED,
    quiet           smallint GENERATED ALWAYS AS (CASE WHEN body ->> 'quiet' = 'true' THEN 1 ELSE 0 END) STORED,
    timestamp       text COLLATE "C" GENERATED ALWAYS AS (body ->> 'timestamp') STORED
);
CREATE INDEX notifications_loud ON notifications (notification_id, read) WHERE quiet = 0;
CREATE INDEX notifications_over ON notifications (timestamp) WHERE kind = 'rule.cleared';

CREATE TABLE idempotency (
    key          text PRIMARY KEY,
    fingerprint  bytea  NOT NULL,
    task_id      bigint NOT NULL,
    body         json   NOT NULL,
    at           text COLLATE "C" NOT NULL
);
CREATE INDEX idempotency_at ON idempotency (at);

CREATE TABLE attempts (
    task_id       bigint NOT NULL,
    attempt       integer NOT NULL,
    name          text COLLATE "C" NOT NULL,
    key           text COLLATE "C",
    priority      smallint NOT NULL,
    tags          text,
    arrived_ms    bigint NOT NULL,
    started_ms    bigint,
    completed_ms  bigint,
    outcome       text COLLATE "C",
    removed_ms    bigint,
    first_seq     bigint NOT NULL,
    host          text COLLATE "C",
    PRIMARY KEY (task_id, attempt)
);
CREATE INDEX attempts_name ON attempts (name, completed_ms) WHERE outcome = 'succeeded';
CREATE INDEX attempts_key ON attempts (key, completed_ms) WHERE key IS NOT NULL;
CREATE INDEX attempts_life ON attempts (
    ((completed_ms - arrived_ms > 60000)::int + (completed_ms - arrived_ms > 480000)::int
        + (completed_ms - arrived_ms > 3600000)::int + (completed_ms - arrived_ms > 28800000)::int
        + (completed_ms - arrived_ms > 259200000)::int + (completed_ms - arrived_ms > 2678400000)::int),
    arrived_ms
);
CREATE INDEX attempts_open ON attempts (arrived_ms) WHERE completed_ms IS NULL;
CREATE INDEX attempts_completed ON attempts (completed_ms) WHERE completed_ms IS NOT NULL;

CREATE TABLE log_parts (
    task_id       bigint NOT NULL,
    offset_bytes  bigint NOT NULL,
    body          bytea  NOT NULL,
    PRIMARY KEY (task_id, offset_bytes)
);

CREATE TABLE runs (run_id text PRIMARY KEY, task_id bigint NOT NULL, parent_run text);
CREATE INDEX runs_task ON runs (task_id);
CREATE INDEX runs_parent ON runs (parent_run) WHERE parent_run IS NOT NULL;

CREATE TABLE expectations (key text COLLATE "C" PRIMARY KEY, body json NOT NULL);

CREATE TABLE kept (
    kind text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    body json NOT NULL,
    PRIMARY KEY (kind, name)
);
