-- Keys of agents: each may only write what it sees of its own host. A check cannot be changed, so the table is made anew.
CREATE TABLE keys_of_2 (
    key_id       TEXT PRIMARY KEY CHECK (length(key_id) = 8),
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('agent', 'read', 'write', 'admin')),
    host         TEXT CHECK ((host IS NOT NULL) = (role = 'agent')),
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT
) STRICT, WITHOUT ROWID;

INSERT INTO keys_of_2 (key_id, digest, name, role, created_at, expires_at, revoked_at, last_used_at)
SELECT key_id, digest, name, role, created_at, expires_at, revoked_at, last_used_at FROM keys;

DROP TABLE keys;
ALTER TABLE keys_of_2 RENAME TO keys;

PRAGMA user_version = 2;
