-- Version 2 of metrics.db: what each task used, a sample at a time, for as long as the samples of the machine are kept, and
-- for as long as the task runs. Tasks come and go in thousands, so they have no place in the book of series.

-- The newest hour: doubles in the order of vain.catalog.TASK_METRICS, NaN unknown.
CREATE TABLE task_rows (
    task_id  INTEGER NOT NULL,
    t        INTEGER NOT NULL, -- Unix milliseconds, as in hot
    v        BLOB    NOT NULL,
    PRIMARY KEY (task_id, t)
) STRICT, WITHOUT ROWID;

-- An hour of a task: its times within the hour, and its columns; a column that is unknown throughout is empty.
CREATE TABLE task_chunks (
    task_id  INTEGER NOT NULL,
    hour     INTEGER NOT NULL, -- since 1970
    t        BLOB    NOT NULL,
    v        BLOB    NOT NULL, -- MessagePack: a list of columns
    PRIMARY KEY (task_id, hour)
) STRICT, WITHOUT ROWID;
