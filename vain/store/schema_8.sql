-- Version 8 of vain.db: when rules fired in a stretch of time is found without a look at the other notifications.

ALTER TABLE notifications ADD COLUMN timestamp TEXT
    GENERATED ALWAYS AS (CAST(body AS TEXT) ->> 'timestamp') VIRTUAL;

CREATE INDEX notifications_over ON notifications (timestamp) WHERE kind = 'rule.cleared';
