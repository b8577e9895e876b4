"""API keys and the browser sessions that they open.

The file is small and read whole: every question of a request is answered from memory, and ``refresh``, once a second,
brings in what another process has written, so that a key revoked by ``vain keys revoke`` stops within a second. What
writes syncs to disk and belongs on a thread; the other methods are quick enough for the event loop.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import apsw
from msgspec import Struct

from vain.clock import Clock, unix, utc
from vain.errors import Flaw, Invalid, NotFound, StoreDamaged, StoreFull, Unavailable
from vain.hosts import check_host
from vain.store import key_queries as queries
from vain.store.key_file import LONGEST_WAIT_MILLISECONDS, open_key_file, transaction
from vain.store.key_text import digest, id_in, new_key
from vain.types import KEY_ROLES, KeyRole, Time

Name = TypeVar("Name")

SESSION_IDLE_SECONDS = 12 * 3600
SESSION_SECONDS = 7 * 86_400
MOST_SESSIONS_PER_KEY = 50
"""Signing in once more ends the oldest."""
LONGEST_NAME = 100
LONGEST_EXPIRY_SECONDS = 10 * 365 * 86_400
USE_GRAIN_SECONDS = 60
"""``last_used_at`` is written down no finer than this."""


class KeyInfo(Struct, frozen=True):
    """All that may be known of a key; the key itself is shown once, when it is made."""

    key_id: str
    name: str
    role: KeyRole
    created_at: Time
    expires_at: Time | None = None
    revoked_at: Time | None = None
    last_used_at: Time | None = None
    host: str | None = None
    """Of an agent, the only host that it may write."""

    def state(self, now: Time) -> Literal["valid", "expired", "revoked"]:
        """Whether the key opens anything at the time ``now``."""
        if self.revoked_at is not None:
            return "revoked"
        return "valid" if self.expires_at is None or now < self.expires_at else "expired"


class _Key(NamedTuple):
    info: KeyInfo
    digest: bytes
    valid_until: float


class _Session(NamedTuple):
    key_id: str
    created: float
    seen: float


# Compared against when no key has the id, so that an unknown id takes as long as a wrong secret.
_NO_KEY = _Key(KeyInfo("", "", "read", ""), secrets.token_bytes(32), -math.inf)


class KeyRing:
    """The keys of one data folder. Several processes may hold one at the same time; ``clock`` gives Unix seconds."""

    def __init__(self, connection: apsw.Connection, data_dir: Path, clock: Clock) -> None:
        self.data_dir = data_dir
        self._connection = connection
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}
        self._seen: dict[bytes, float] = {}
        self._load()

    @classmethod
    def open(cls, data_dir: Path, clock: Clock = time.time) -> KeyRing:
        """The ring of a data folder, which is made if need be. Raises Misconfigured or StoreDamaged."""
        return cls(open_key_file(data_dir), data_dir, clock)

    def close(self) -> None:
        """Write down what was used, and close the file."""
        try:
            self.save_use()
        finally:
            self._connection.close(True)

    def any_keys(self) -> bool:
        """Whether a key was ever made; a revoked or expired one counts, so that the last one's end opens nothing."""
        return bool(self._keys)

    def identify(self, secret: str) -> KeyInfo | None:
        """The key that ``secret`` is, or None when it is unknown, expired or revoked; time does not tell which."""
        key = self._keys.get(id_in(secret), _NO_KEY)
        now = self._clock()
        if not compare_digest(digest(secret), key.digest) or now >= key.valid_until:
            return None
        self._used[key.info.key_id] = now
        return key.info

    def is_valid(self, key_id: str) -> bool:
        """Whether the key with this id still opens anything."""
        return self._clock() < self._keys.get(key_id, _NO_KEY).valid_until

    def session(self, cookie: str) -> KeyInfo | None:
        """The key whose holder signed in and got this cookie, or None when that has ended. Keeps the session awake."""
        name = digest(cookie)
        session = self._sessions.get(name)
        if session is None or not self.is_valid(session.key_id):
            return None
        now = self._clock()
        idle_seconds = now - max(session.seen, self._seen.get(name, session.seen))
        if idle_seconds >= SESSION_IDLE_SECONDS or now - session.created >= SESSION_SECONDS:
            return None
        self._seen[name] = self._used[session.key_id] = now
        return self._keys[session.key_id].info

    def is_session_valid(self, name: bytes) -> bool:
        """Whether the session with this digest, whose page is open, may go on; an open page keeps it awake."""
        session, now = self._sessions.get(name), self._clock()
        if session is None or not self.is_valid(session.key_id) or now - session.created >= SESSION_SECONDS:
            return False
        self._seen[name] = now
        return True

    def refresh(self) -> None:
        """Take in what another process wrote. Takes microseconds, never waits: while one writes, the old view holds.

        Raises StoreDamaged when the file can no longer be read; the old view holds then too.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._connection.set_busy_timeout(0)
            if self._connection.pragma("data_version") != self._data_version:
                self._load()
        except apsw.BusyError:
            pass  # asked again in a second
        except apsw.Error as error:
            raise StoreDamaged(f"The file of the keys cannot be read ({error}).") from error
        finally:
            self._lock.release()

    def create(
        self, name: str, role: KeyRole, expires_in_seconds: float | None = None, host: str | None = None
    ) -> tuple[KeyInfo, str]:
        """Make a key: what is known of it, and the key itself, which nothing can bring back. Synced to disk.

        That of an agent needs the ``host`` that it writes; others have none.

        Raises Invalid, naming the field.
        """
        _check(name, role, expires_in_seconds, host)
        key_id, secret = new_key()
        now = self._clock()
        expires_at = None if expires_in_seconds is None else utc(now + expires_in_seconds)
        info = KeyInfo(key_id, name, role, utc(now), expires_at, host=host)
        with self._writing() as execute:
            execute(queries.ADD_KEY, (key_id, digest(secret), name, role, host, info.created_at, expires_at))
        return info, secret

    def forget_surplus(self, name: str, most: int) -> None:
        """Take out the keys of this name, all but so many of the newest that are still good. Synced to disk."""
        now = utc(self._clock())
        with self._writing() as execute:
            execute(queries.END_SESSIONS_OF_SURPLUS_KEYS, (name, name, now, most))
            execute(queries.FORGET_SURPLUS_KEYS, (name, name, now, most))

    def revoke(self, key_id: str) -> KeyInfo:
        """End a key and its sessions, for good; a second time changes nothing. The whole key will do as its id.

        Raises NotFound.
        """
        key_id = id_in(key_id)
        with self._writing() as execute:
            execute(queries.REVOKE_KEY, (utc(self._clock()), key_id))
            execute(queries.END_SESSIONS_OF_KEY, (key_id,))
        if key_id not in self._keys:
            raise NotFound("There is no key with that id; `vain keys list` shows the ids.")
        return self._keys[key_id].info

    def new_session(self, key_id: str) -> str:
        """Sign in with a key: the value of the cookie, 256 random bits. Raises NotFound unless the key is valid."""
        if not self.is_valid(key_id):
            raise NotFound("There is no valid key with that id.")
        cookie = secrets.token_urlsafe(32)
        now = self._clock()
        with self._writing() as execute:
            execute(queries.FORGET_DEAD_SESSIONS, (utc(now - SESSION_IDLE_SECONDS), utc(now - SESSION_SECONDS)))
            execute(queries.ADD_SESSION, (digest(cookie), key_id, utc(now), utc(now)))
            execute(queries.FORGET_SURPLUS_SESSIONS, (key_id, key_id, MOST_SESSIONS_PER_KEY))
        return cookie

    def end_session(self, cookie: str) -> None:
        """Sign out. A cookie that stands for nothing costs no write."""
        name = digest(cookie)
        if name in self._sessions:
            with self._writing() as execute:
                execute(queries.END_SESSION, (name,))

    def save_use(self) -> None:
        """Write down which keys and sessions were used since the last time. To be called once a minute, on a thread."""
        if self._used:
            with self._writing():
                pass  # every transaction writes it down

    def list(self) -> tuple[KeyInfo, ...]:
        """Every key that was ever made, the oldest first."""
        return tuple(key.info for key in self._keys.values())

    @contextmanager
    def _writing(self) -> Iterator[Callable[[str, tuple[object, ...]], object]]:
        """One transaction, and the view after it. Waits for other processes that write, and for the disk."""
        with self._lock:
            used, seen = self._used.copy(), self._seen.copy()
            try:
                self._connection.set_busy_timeout(LONGEST_WAIT_MILLISECONDS)
                with transaction(self._connection):
                    self._write_use(used, seen)
                    yield self._connection.execute
                self._load()
            except apsw.BusyError as error:
                raise Unavailable("Another process is writing to the file of the keys; try again.") from error
            except apsw.FullError as error:
                raise StoreFull("The disk is full: the file of the keys was not changed.") from error
            except apsw.Error as error:
                raise StoreDamaged(f"The file of the keys cannot be written ({error}).") from error
        _drop(self._used, used)
        _drop(self._seen, seen)

    def _write_use(self, used: dict[str, float], seen: dict[bytes, float]) -> None:
        minutes = ((utc(at - at % USE_GRAIN_SECONDS), key_id) for key_id, at in used.items())
        self._connection.executemany(queries.KEY_USED, [(at, key_id, at) for at, key_id in minutes])
        moments = ((utc(at), name) for name, at in seen.items())
        self._connection.executemany(queries.SESSION_SEEN, [(at, name, at) for at, name in moments])

    def _load(self) -> None:
        # The version first: what is written between it and the rows is then read twice rather than never.
        version: int = self._connection.pragma("data_version")
        keys = [_key(KeyInfo(*row[:-1]), row[-1]) for row in self._connection.execute(queries.KEYS)]
        rows = self._connection.execute(queries.SESSIONS)
        sessions = {name: _Session(key_id, unix(created), unix(seen)) for name, key_id, created, seen in rows}
        self._keys = {key.info.key_id: key for key in keys}
        self._sessions = sessions
        self._data_version = version


def _key(info: KeyInfo, key_digest: bytes) -> _Key:
    if info.revoked_at is not None:
        return _Key(info, key_digest, -math.inf)
    return _Key(info, key_digest, math.inf if info.expires_at is None else unix(info.expires_at))


def _drop(marks: dict[Name, float], written: dict[Name, float]) -> None:
    """Take out the marks that were written, but none that was made meanwhile."""
    for name, at in written.items():
        if marks.get(name) == at:
            del marks[name]


def _check(name: str, role: str, expires_in_seconds: float | None, host: str | None) -> None:
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise _invalid("name", f"1 to {LONGEST_NAME} printable characters")
    if role not in KEY_ROLES:
        raise _invalid("role", f"one of {', '.join(KEY_ROLES)}")
    if host is not None:
        check_host(host)
    if (host is not None) != (role == "agent"):
        raise _invalid("host", "the name of a machine, for the role agent and for no other")
    if expires_in_seconds is not None and not 0 < expires_in_seconds <= LONGEST_EXPIRY_SECONDS:
        raise _invalid("expires_in_seconds", "more than 0 seconds and at most 10 years")


def _invalid(field: str, right: str) -> Invalid:
    detail = f"The {field} of a key is expected to be {right}."
    return Invalid(detail, [Flaw(detail, pointer=f"/{field}")])
