-- Version 4: the metric history of all hosts, so that any server reads that of any machine. Times are Unix milliseconds; ids
-- of chunks are series << 32 | period, as in vain/store/metrics/schema_1.sql, and belong to one host. Who writes to a host's
-- rows holds an advisory lock of that host until the transaction ends, so nothing here refers to anything.

CREATE TABLE metric_hosts (
    host_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name      text COLLATE "C" NOT NULL UNIQUE,
    revision  bigint NOT NULL DEFAULT 0 -- rises with each change of its series, its layouts and what is sealed
);

-- A series keeps its number for ever.
CREATE TABLE metric_series (
    host_id    integer NOT NULL,
    series_id  integer NOT NULL,
    name       text COLLATE "C" NOT NULL, -- metric, colon, instance
    labels     text NOT NULL, -- JSON object of strings
    PRIMARY KEY (host_id, series_id),
    UNIQUE (host_id, name)
);
CREATE INDEX metric_series_of_metric ON metric_series ((split_part(name, ':', 1)), host_id);

-- Which series the values of a row belong to: series numbers, 32 bits each.
CREATE TABLE metric_layouts (
    host_id    integer NOT NULL,
    layout_id  integer NOT NULL,
    series     bytea NOT NULL,
    PRIMARY KEY (host_id, layout_id)
);

-- The newest hour: one row for each sample, doubles in the order of the layout, NaN unknown. All of it is gone an hour later.
CREATE TABLE metric_hot (
    t          bigint NOT NULL,
    host_id    integer NOT NULL,
    layout_id  integer NOT NULL,
    v          bytea NOT NULL,
    PRIMARY KEY (host_id, t)
) WITH (autovacuum_vacuum_scale_factor = 0.02);

-- Chunks are compressed already.
CREATE TABLE metric_times (id bigint NOT NULL, host_id integer NOT NULL, v bytea NOT NULL, PRIMARY KEY (host_id, id));
CREATE TABLE metric_raw (id bigint NOT NULL, host_id integer NOT NULL, v bytea NOT NULL, PRIMARY KEY (host_id, id));
CREATE TABLE metric_minutes (id bigint NOT NULL, host_id integer NOT NULL, v bytea NOT NULL, PRIMARY KEY (host_id, id));
CREATE TABLE metric_hours (id bigint NOT NULL, host_id integer NOT NULL, v bytea NOT NULL, PRIMARY KEY (host_id, id));

-- Why values are missing or doubtful. series_id 0: all of them.
CREATE TABLE metric_spans (
    begin_t    bigint NOT NULL,
    end_t      bigint NOT NULL,
    host_id    integer NOT NULL,
    series_id  integer NOT NULL,
    cause      text COLLATE "C" NOT NULL,
    PRIMARY KEY (host_id, begin_t, cause, series_id)
);

-- What each task used: the newest hour, and an hour of a task as columns.
CREATE TABLE metric_task_rows (
    task_id  bigint NOT NULL,
    t        bigint NOT NULL,
    host_id  integer NOT NULL,
    v        bytea NOT NULL,
    PRIMARY KEY (host_id, task_id, t)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE metric_task_chunks (
    task_id  bigint NOT NULL,
    host_id  integer NOT NULL,
    hour     integer NOT NULL, -- since 1970
    t        bytea NOT NULL,
    v        bytea NOT NULL,
    PRIMARY KEY (host_id, task_id, hour)
);

-- The busiest processes: the newest hour, and an hour of them as columns.
CREATE TABLE metric_process_looks (
    t        bigint NOT NULL,
    host_id  integer NOT NULL,
    v        bytea NOT NULL,
    PRIMARY KEY (host_id, t)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE TABLE metric_process_hours (
    host_id  integer NOT NULL,
    hour     integer NOT NULL, -- since 1970
    v        bytea NOT NULL,
    PRIMARY KEY (host_id, hour)
);

ALTER TABLE metric_hot ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_times ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_raw ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_minutes ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_hours ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_task_chunks ALTER COLUMN t SET STORAGE EXTERNAL;
ALTER TABLE metric_task_chunks ALTER COLUMN v SET STORAGE EXTERNAL;
ALTER TABLE metric_process_hours ALTER COLUMN v SET STORAGE EXTERNAL;

-- What servers tell of hosts changes each second: to compress it is not worth it.
ALTER TABLE live ALTER COLUMN body SET STORAGE EXTERNAL;
