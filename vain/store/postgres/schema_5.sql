-- Version 5: on which hosts an attempt had processes beside its own, so that it is found there, too.

CREATE TABLE guests (
    host     text COLLATE "C" NOT NULL,
    task_id  bigint NOT NULL,
    attempt  bigint NOT NULL,
    PRIMARY KEY (host, task_id, attempt)
);
CREATE INDEX guests_of_task ON guests (task_id);
