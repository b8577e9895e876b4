-- Version 5 of vain.db: lists of tasks, found without looking at their JSON.

-- Of a task in progress: what was promised did not come.
ALTER TABLE tasks ADD COLUMN stale INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET stale = 1 WHERE status = 1 AND CAST(body AS TEXT) ->> 'stale';

-- The tags in UTF-8, a NUL before, between and behind them, which no tag has; NULL for none. So one comparison of bytes
-- finds a whole tag.
ALTER TABLE tasks ADD COLUMN tags BLOB;
UPDATE tasks SET tags = (
    SELECT unhex('00' || group_concat(hex(value), '00') || '00') FROM json_each(CAST(body AS TEXT), '$.tags'))
WHERE json_array_length(CAST(body AS TEXT), '$.tags') > 0;

-- To look through an index with all columns of a question takes 3 to 15 ms for 100,000 tasks; their rows are spread over
-- 150 MB. The first has what most lists ask for, and changes only when a task moves on; the second has the rest, what
-- changes with each report behind all else, so that a report does not move the entry.
CREATE INDEX tasks_filtered ON tasks (status, outcome, priority, created_at, overdue, stale, tags);
CREATE INDEX tasks_listing ON tasks (
    status, outcome, priority, created_at, overdue, stale, tags, completed_at, key, due_at, name, progress, updated_at
);
