-- Version 2 of vain.db: the attempts at tasks, for the figures of how the work flows. A row stays when its task is deleted.
-- Times are whole milliseconds since 1970 (UTC): all rows are read for one answer, and to parse text would take most of it.

CREATE TABLE attempts (
    task_id       INTEGER NOT NULL,
    attempt       INTEGER NOT NULL, -- 1; reopening a completed task begins the next
    name          TEXT    NOT NULL,
    key           TEXT,
    priority      INTEGER NOT NULL, -- position in vain.types.PRIORITIES
    tags          TEXT,             -- a JSON array; NULL for none
    arrived_ms    INTEGER NOT NULL, -- the task was created, or reopened
    started_ms    INTEGER,
    completed_ms  INTEGER,
    outcome       TEXT,
    removed_ms    INTEGER,          -- the task was deleted
    first_seq     INTEGER NOT NULL, -- the event with which it arrived, from which on the log has its changes
    PRIMARY KEY (task_id, attempt)
) STRICT, WITHOUT ROWID;

-- What the log still knows: its last word on each attempt.
INSERT INTO attempts
SELECT body ->> 'task_id', body ->> 'attempt', body ->> 'name', body ->> 'key',
       CASE body ->> 'priority' WHEN 'low' THEN 0 WHEN 'medium' THEN 1 ELSE 2 END,
       nullif(body -> 'tags', '[]'),
       round(1000 * unixepoch(iif(body ->> 'attempt' = 1, body ->> 'created_at', first_told_at), 'subsec')),
       round(1000 * unixepoch(body ->> 'started_at', 'subsec')),
       round(1000 * unixepoch(body ->> 'completed_at', 'subsec')),
       body ->> 'outcome',
       NULL,
       first_seq
FROM (
    SELECT CAST(events.body AS TEXT) AS body, first_told_at, first_seq
    FROM (
        SELECT max(seq) AS seq, min(seq) AS first_seq, min(body ->> 'updated_at') AS first_told_at
        FROM (SELECT seq, CAST(body AS TEXT) AS body FROM events WHERE type = 'taskUpdate')
        GROUP BY body ->> 'task_id', body ->> 'attempt'
    ) AS last_word JOIN events ON events.seq = last_word.seq
);

UPDATE attempts SET removed_ms = deleted.at
FROM (
    SELECT body ->> 'task_id' AS task_id,
           round(1000 * unixepoch(max(body ->> 'timestamp', body ->> 'updated_at'), 'subsec')) AS at
    FROM (SELECT CAST(body AS TEXT) AS body FROM events WHERE type = 'taskUpdate')
    WHERE body ->> 'action' = 'deleted'
) AS deleted
WHERE attempts.task_id = deleted.task_id;

-- The tasks themselves are right in any case, whatever the log says.
INSERT INTO attempts
SELECT task_id, CAST(body AS TEXT) ->> 'attempt', name, CAST(body AS TEXT) ->> 'key', priority,
       nullif(CAST(body AS TEXT) -> 'tags', '[]'),
       round(1000 * unixepoch(iif(CAST(body AS TEXT) ->> 'attempt' = 1, created_at, updated_at), 'subsec')),
       round(1000 * unixepoch(started_at, 'subsec')),
       round(1000 * unixepoch(completed_at, 'subsec')),
       outcome, NULL, 0
FROM tasks
WHERE true -- or else ON would be taken for a join
ON CONFLICT (task_id, attempt) DO UPDATE SET
    name = excluded.name, key = excluded.key, priority = excluded.priority, tags = excluded.tags,
    started_ms = excluded.started_ms, completed_ms = excluded.completed_ms, outcome = excluded.outcome,
    removed_ms = NULL;
