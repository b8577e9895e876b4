-- Version 9 of vain.db: what was done on one machine, found without a look at the others.

-- The host of the task's source.
ALTER TABLE tasks ADD COLUMN host TEXT;
UPDATE tasks SET host = json_extract(CAST(body AS TEXT), '$.source.host')
WHERE json_extract(CAST(body AS TEXT), '$.source.host') IS NOT NULL;

-- Each attempt's own: the next one may be made elsewhere. Of those that are stored already, the task's; of deleted tasks,
-- what the event says with which they arrived.
ALTER TABLE attempts ADD COLUMN host TEXT;
UPDATE attempts SET host = tasks.host FROM tasks
WHERE tasks.task_id = attempts.task_id AND tasks.host IS NOT NULL;
UPDATE attempts SET host = json_extract(CAST(events.body AS TEXT), '$.source.host') FROM events
WHERE removed_ms IS NOT NULL AND events.seq = first_seq AND type = 'taskUpdate';

-- The columns of tasks_filtered, for each machine by itself.
CREATE INDEX tasks_host ON tasks (host, status, outcome, priority, created_at, overdue, stale, tags)
WHERE host IS NOT NULL;

-- The same two as before, and the host.
DROP INDEX tasks_listing;
CREATE INDEX tasks_listing ON tasks (
    status, outcome, priority, created_at, overdue, stale, tags, completed_at, key, due_at, name, host, progress,
    updated_at
);
DROP INDEX attempts_life;
CREATE INDEX attempts_life ON attempts (
    (completed_ms - arrived_ms > 60000) + (completed_ms - arrived_ms > 480000) + (completed_ms - arrived_ms > 3600000)
        + (completed_ms - arrived_ms > 28800000) + (completed_ms - arrived_ms > 259200000)
        + (completed_ms - arrived_ms > 2678400000),
    arrived_ms, completed_ms, started_ms, outcome, removed_ms, host
);
