-- Version 3 of metrics.db: the busiest processes, looked at every five seconds, with their short names and nothing else.

-- The newest hour: MessagePack, a list of [pid, name, task, CPU percent, resident bytes, bytes a second].
CREATE TABLE process_looks (
    t  INTEGER PRIMARY KEY, -- Unix milliseconds, as in hot
    v  BLOB NOT NULL
) STRICT;

-- An hour of them as columns, with a dictionary of names of its own, so that none is left when the hour is deleted.
CREATE TABLE process_hours (
    hour  INTEGER PRIMARY KEY, -- since 1970
    v     BLOB NOT NULL
) STRICT;
