"""The statements of the key ring, by name."""

from __future__ import annotations

# Every key, the revoked ones too: that there was a key once keeps the server closed.
KEYS = """
SELECT key_id, name, role, created_at, expires_at, revoked_at, last_used_at, host, digest
FROM keys ORDER BY created_at, key_id
"""

# Every browser session, the dead ones too.
SESSIONS = "SELECT digest, key_id, created_at, seen_at FROM sessions"

# A new key: key_id, digest, name, role, host, created_at, expires_at.
ADD_KEY = """
INSERT INTO keys (key_id, digest, name, role, host, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)
"""

# The first revocation counts: revoked_at, key_id.
REVOKE_KEY = "UPDATE keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL"

# The sessions that a key has opened: key_id.
END_SESSIONS_OF_KEY = "DELETE FROM sessions WHERE key_id = ?"

# The keys of a name that end by themselves, all but its newest that are good: name, name, now, how many to keep.
FORGET_SURPLUS_KEYS = """
DELETE FROM keys WHERE name = ? AND expires_at IS NOT NULL AND key_id NOT IN (
    SELECT key_id FROM keys WHERE name = ? AND revoked_at IS NULL AND expires_at > ? ORDER BY created_at DESC LIMIT ?
)
"""

# The sessions that those keys have opened; to be ended before: the same.
END_SESSIONS_OF_SURPLUS_KEYS = """
DELETE FROM sessions WHERE key_id IN (
    SELECT key_id FROM keys WHERE name = ? AND expires_at IS NOT NULL AND key_id NOT IN (
        SELECT key_id FROM keys WHERE name = ? AND revoked_at IS NULL AND expires_at > ?
        ORDER BY created_at DESC LIMIT ?
    )
)
"""

# A new session: digest, key_id, created_at, seen_at.
ADD_SESSION = "INSERT INTO sessions (digest, key_id, created_at, seen_at) VALUES (?, ?, ?, ?)"

# One session: digest.
END_SESSION = "DELETE FROM sessions WHERE digest = ?"

# Sessions that were idle, or lived, for too long: the oldest seen_at and created_at that are still good.
FORGET_DEAD_SESSIONS = "DELETE FROM sessions WHERE seen_at < ? OR created_at < ?"

# All but the newest sessions of a key: key_id, key_id, how many to keep.
FORGET_SURPLUS_SESSIONS = """
DELETE FROM sessions WHERE key_id = ? AND digest NOT IN (
    SELECT digest FROM sessions WHERE key_id = ? ORDER BY created_at DESC LIMIT ?
)
"""

# When a key last opened something, never moved back: last_used_at, key_id, last_used_at.
KEY_USED = "UPDATE keys SET last_used_at = ? WHERE key_id = ? AND coalesce(last_used_at, '') < ?"

# When a session was last seen, never moved back: seen_at, digest, seen_at.
SESSION_SEEN = "UPDATE sessions SET seen_at = ? WHERE digest = ? AND seen_at < ?"

# A key and a session out of another place, as KEYS and SESSIONS have them.
COPY_KEY = """
INSERT INTO keys (key_id, name, role, created_at, expires_at, revoked_at, last_used_at, host, digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
COPY_SESSION = "INSERT INTO sessions (digest, key_id, created_at, seen_at) VALUES (?, ?, ?, ?)"
