-- The keys that open vAIn, and the browser sessions that keys have opened. Secrets are here as SHA-256 only.
CREATE TABLE keys (
    key_id       TEXT PRIMARY KEY CHECK (length(key_id) = 8),
    digest       BLOB NOT NULL CHECK (length(digest) = 32),
    name         TEXT NOT NULL,
    role         TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')),
    created_at   TEXT NOT NULL,
    expires_at   TEXT,
    revoked_at   TEXT,
    last_used_at TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    digest     BLOB PRIMARY KEY CHECK (length(digest) = 32),
    key_id     TEXT NOT NULL REFERENCES keys (key_id),
    created_at TEXT NOT NULL,
    seen_at    TEXT NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 1;
