-- Version 4 of vain.db: which attempts lived in a window, and which tasks run, found without looking at all of them.

-- An attempt that overlaps a window began before its end, and no longer before its beginning than it lasted. So attempts
-- stand here by their length, in classes (see life_queries.LIFE_CLASS_MS), and of each class only those are looked at that
-- began late enough. The class is NULL while an attempt goes on. The other columns answer without a look at the row.
CREATE INDEX attempts_life ON attempts (
    (completed_ms - arrived_ms > 60000) + (completed_ms - arrived_ms > 480000) + (completed_ms - arrived_ms > 3600000)
        + (completed_ms - arrived_ms > 28800000) + (completed_ms - arrived_ms > 259200000)
        + (completed_ms - arrived_ms > 2678400000),
    arrived_ms, completed_ms, started_ms, outcome, removed_ms
);

-- With each notification stands what ran then.
CREATE INDEX tasks_in_progress ON tasks (task_id) WHERE status = 1;
