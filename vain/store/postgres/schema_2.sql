-- Version 2: several servers write. This row is what they agree by: whoever changes anything locks it, reads it, and
-- writes it last. So numbers are dense, and their order is that of the commits.

CREATE TABLE head (
    stream           smallint PRIMARY KEY CHECK (stream = 0),
    seq              bigint NOT NULL,
    task_id          bigint NOT NULL,
    notification_id  bigint NOT NULL,
    pending          bigint NOT NULL,
    in_progress      bigint NOT NULL,
    completed        bigint NOT NULL,
    failed           bigint NOT NULL,
    overdue          bigint NOT NULL,
    kept             bigint NOT NULL
) WITH (fillfactor = 10);

-- What each server tells the others every second, newest wins. No log protects it: after a crash it is empty, and soon full.
CREATE UNLOGGED TABLE live (
    server  text COLLATE "C" NOT NULL,
    topic   text COLLATE "C" NOT NULL,
    at      timestamptz NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (server, topic)
) WITH (fillfactor = 50);
