"""API keys and the browser sessions that they open.

They are few, and read whole: every question of a request is answered from memory, and ``refresh``, once a second,
brings in what another process has written, so that a key revoked by ``vain keys revoke`` stops within a second. What
writes syncs to disk and belongs on a thread; the other methods are quick enough for the event loop.
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from pathlib import Path
from shlex import quote
from typing import Any, Literal, NamedTuple, TypeVar

from msgspec import Struct

from vain.clock import Clock, unix, utc
from vain.errors import Flaw, Invalid, NotFound, Unavailable
from vain.forms import place_of
from vain.hosts import check_host
from vain.store import key_queries as queries
from vain.store.connection import Connection
from vain.store.key_database import KeyDatabase
from vain.store.key_file import holds_keys
from vain.store.key_opening import opened_keys
from vain.store.key_text import digest, id_in, new_key
from vain.types import KEY_ROLES, KeyRole, Time

Name = TypeVar("Name")

logger = logging.getLogger(__name__)

BELIEF_SECONDS = 60.0
"""What is known of keys in a database that cannot be reached lets nobody in after this long."""
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
    """The keys of a data folder, or of a database. Several processes may hold one at the same time.

    ``clock`` gives Unix seconds.
    """

    def __init__(self, database: KeyDatabase, data_dir: Path, clock: Clock, place: str = "") -> None:
        self.data_dir = data_dir
        self.place = place or f"--data {quote(str(data_dir))}"
        """How a command names where they are; without a password."""
        self._database = database
        self._read_at = time.monotonic()
        self._clock = clock
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}
        self._seen: dict[bytes, float] = {}
        self._load()

    @classmethod
    def open(cls, data_dir: Path, clock: Clock = time.time, store_url: str | None = None) -> KeyRing:
        """The ring of a data folder, which is made if need be, or of the database of several servers.

        Raises Misconfigured or StoreDamaged.
        """
        place = "" if store_url is None else f"--store {place_of(store_url)}"
        return cls(opened_keys(data_dir, store_url), data_dir, clock, place)

    def close(self) -> None:
        """Write down what was used, and close what is open."""
        try:
            self.save_use()
        except Unavailable as error:
            logger.info("When keys were used last could not be written down: %s", error.detail)
        finally:
            self._database.close()

    @property
    def is_at_hand(self) -> bool:
        """Whether ``refresh`` takes microseconds, so that the event loop may."""
        return self._database.is_at_hand

    def left_aside(self) -> bool:
        """Whether the data folder holds keys that open nothing, since those of the database count. Blocks."""
        return not self._database.is_at_hand and holds_keys(self.data_dir)

    def any_keys(self) -> bool:
        """Whether a key was ever made; a revoked or expired one counts, so that the last one's end opens nothing."""
        return bool(self._keys)

    def identify(self, secret: str) -> KeyInfo | None:
        """The key that ``secret`` is, or None when it is unknown, expired or revoked; time does not tell which."""
        self._check_view()
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
        self._check_view()
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
        """Take in what others wrote. In a file that takes microseconds and never waits: while somebody writes, the old
        view holds. In a database it belongs on a thread.

        Raises StoreDamaged or Unavailable when it can no longer be read; the old view holds then too.
        """
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look()
        except Unavailable:
            if not self._database.is_at_hand:
                raise  # else somebody writes to the file, and it is asked again in a second
        finally:
            self._lock.release()

    def look(self) -> None:
        """The same, but waits for its turn: what was committed before is known afterwards. Belongs on a thread."""
        with self._lock:
            self._look()

    def secret(self, name: str) -> bytes:
        """A secret that the servers share, made once, as hexadecimal digits. Blocks."""
        with self._lock:
            return self._database.secret(name)

    def note(self, name: str) -> str:
        """What was noted under this name; empty if nothing was. Blocks."""
        with self._lock:
            return self._database.note(name)

    def set_note(self, name: str, text: str) -> None:
        """Note it. Blocks."""
        with self._lock:
            self._database.set_note(name, text)

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
            with self._writing(is_use=True):
                pass  # every transaction writes it down
        elif not self._database.is_at_hand:
            with self._lock:
                self._load()  # nobody is told of use, and sessions are kept awake at other servers too

    def list(self) -> tuple[KeyInfo, ...]:
        """Every key that was ever made, the oldest first."""
        return tuple(key.info for key in self._keys.values())

    @contextmanager
    def _writing(self, is_use: bool = False) -> Iterator[Callable[[str, tuple[Any, ...]], object]]:
        """One transaction, and the view after it. Waits for others that write, and for the disk."""
        with self._lock:
            used, seen = self._used.copy(), self._seen.copy()
            with self._database.writing(is_use) as connection:
                _write_use(connection, used, seen)
                yield connection.execute
            self._load()
        _drop(self._used, used)
        _drop(self._seen, seen)

    def _look(self) -> None:
        began = time.monotonic()
        if self._database.has_changed():
            self._load()
        self._read_at = began

    def _load(self) -> None:
        began = time.monotonic()
        rows = self._database.read()
        keys = [_key(KeyInfo(*row[:-1]), bytes(row[-1])) for row in rows.keys]
        self._keys = {key.info.key_id: key for key in keys}
        self._sessions = {
            bytes(name): _Session(key_id, unix(created), unix(seen)) for name, key_id, created, seen in rows.sessions
        }
        self._read_at = began

    def _check_view(self) -> None:
        """Nobody is let in by what may have been revoked long ago. Raises Unavailable."""
        if not self._database.is_at_hand and time.monotonic() - self._read_at > BELIEF_SECONDS:
            raise Unavailable("The database of the keys cannot be reached; try again in a moment.")


def _write_use(connection: Connection, used: dict[str, float], seen: dict[bytes, float]) -> None:
    minutes = ((utc(at - at % USE_GRAIN_SECONDS), key_id) for key_id, at in used.items())
    connection.executemany(queries.KEY_USED, [(at, key_id, at) for at, key_id in minutes])
    moments = ((utc(at), name) for name, at in seen.items())
    connection.executemany(queries.SESSION_SEEN, [(at, name, at) for at, name in moments])


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
