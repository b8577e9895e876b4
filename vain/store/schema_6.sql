-- Version 6 of vain.db: notifications are found by what they are about.

ALTER TABLE notifications ADD COLUMN level TEXT
    GENERATED ALWAYS AS (CAST(body AS TEXT) ->> 'level') VIRTUAL;
ALTER TABLE notifications ADD COLUMN kind TEXT
    GENERATED ALWAYS AS (CAST(body AS TEXT) ->> 'kind') VIRTUAL;
-- Nobody needs to look at it. What was stored before this version says nothing of it.
ALTER TABLE notifications ADD COLUMN quiet INTEGER
    GENERATED ALWAYS AS (coalesce(CAST(body AS TEXT) ->> 'quiet', 0)) VIRTUAL;

-- Of 10,000 nearly all may be quiet: the others, and those of them that nobody read, are found without a look at these.
CREATE INDEX notifications_loud ON notifications (notification_id, read) WHERE quiet = 0;
