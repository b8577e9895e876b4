-- Version 1 of metrics.db. Times are Unix milliseconds; a period is a whole number of hours, days or blocks since 1970.
-- The id of a chunk is its series in the upper 32 bits and its period in the lower ones, so that what is read together
-- lies together. What a chunk holds is in vain/chunks.py.

CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- The machines whose metrics these are; 1 is the one that vAIn runs on, whatever it is called today.
CREATE TABLE hosts (
    host_id  INTEGER PRIMARY KEY,
    name     TEXT NOT NULL
) STRICT;

-- A series keeps its number for ever: a disk that is mounted again goes on where it was.
CREATE TABLE series (
    series_id  INTEGER PRIMARY KEY,
    host_id    INTEGER NOT NULL REFERENCES hosts,
    name       TEXT    NOT NULL, -- metric, colon, instance
    labels     TEXT    NOT NULL, -- JSON object of strings
    UNIQUE (host_id, name)
) STRICT;

-- Which series the values of a row belong to: series numbers, 32 bits each.
CREATE TABLE layouts (
    layout_id  INTEGER PRIMARY KEY,
    series     BLOB NOT NULL UNIQUE
) STRICT;

-- The newest hour: one row for each sample, doubles in the order of the layout, NaN unknown.
CREATE TABLE hot (
    t          INTEGER PRIMARY KEY,
    layout_id  INTEGER NOT NULL,
    v          BLOB    NOT NULL
) STRICT;

-- An hour's times of all samples of a host (id: host, hour), and an hour's values of one series at those times.
CREATE TABLE times (id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT;
CREATE TABLE raw (id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT;

-- Roll-ups: a day's minutes, and the hours of 30 days.
CREATE TABLE minutes (id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT;
CREATE TABLE hours (id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT;

-- Why values are missing or doubtful. series_id 0: all of them.
CREATE TABLE spans (
    begin_t    INTEGER NOT NULL,
    cause      TEXT    NOT NULL,
    series_id  INTEGER NOT NULL,
    end_t      INTEGER NOT NULL,
    PRIMARY KEY (begin_t, cause, series_id)
) STRICT, WITHOUT ROWID;
