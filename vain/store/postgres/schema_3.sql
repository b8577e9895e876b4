-- Version 3: the keys that open vAIn, and the browser sessions that keys have opened, for all servers over this database.
-- Secrets of people are here as SHA-256 only; "secrets" has what the servers themselves share.

CREATE TABLE keys (
    key_id       text COLLATE "C" PRIMARY KEY CHECK (length(key_id) = 8),
    digest       bytea NOT NULL CHECK (octet_length(digest) = 32),
    name         text NOT NULL,
    role         text NOT NULL CHECK (role IN ('agent', 'read', 'write', 'admin')),
    host         text CHECK ((host IS NOT NULL) = (role = 'agent')),
    created_at   text COLLATE "C" NOT NULL,
    expires_at   text COLLATE "C",
    revoked_at   text COLLATE "C",
    last_used_at text COLLATE "C"
);

CREATE TABLE sessions (
    digest     bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    key_id     text COLLATE "C" NOT NULL REFERENCES keys (key_id),
    created_at text COLLATE "C" NOT NULL,
    seen_at    text COLLATE "C" NOT NULL
);

-- Rises with each change of the two; whoever changes them locks it.
CREATE TABLE key_revision (only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one), revision bigint NOT NULL);
INSERT INTO key_revision (revision) VALUES (0);

CREATE TABLE secrets (name text COLLATE "C" PRIMARY KEY, value bytea NOT NULL);
