-- Version 10 of vain.db: on which hosts an attempt had processes beside its own, so that it is found there, too.

CREATE TABLE guests (
    host     TEXT NOT NULL,
    task_id  INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    PRIMARY KEY (host, task_id, attempt)
) WITHOUT ROWID;
CREATE INDEX guests_of_task ON guests (task_id);
