"""The servers over one database: which of them does what only one may do, and what each tells the others every second.

A duty is an advisory lock of a session. The database ends the session when its server has said nothing for
``SILENT_MILLISECONDS``, whether it was killed, cut off or stands still; so another takes over within ten seconds. What
is told is a row for each server and topic, newest wins, in a table that no log protects: nothing depends on it for
longer than a moment.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import asyncpg

from vain.store.connection import Look
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected

SILENT_MILLISECONDS: Final = 6_000
FORGET_SECONDS: Final = 10
"""What was told longer ago is not read."""
_CLAIM: Final = "SELECT pg_try_advisory_lock(hashtext($1), hashtext(current_schema()))"
_TELL: Final = """
INSERT INTO live (server, topic, at, body)
SELECT $1, topic, clock_timestamp(), body FROM unnest($2::text[], $3::bytea[]) AS told (topic, body)
ON CONFLICT (server, topic) DO UPDATE SET at = excluded.at, body = excluded.body"""
_HEAR: Final = f"""
SELECT server, topic, body FROM live WHERE server <> $1 AND at > clock_timestamp() - interval '{FORGET_SECONDS} s'"""  # noqa: S608
_FORGET: Final = "DELETE FROM live WHERE server = $1 OR at < clock_timestamp() - interval '1 hour'"


class PostgresGroup:
    """``vain.store.connection.Group``. One thread at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._loop = LoopThread()
        self._name = secrets.token_hex(8)
        self._connection: PostgresConnection | None = None
        self._held: set[str] = set()

    def look(self, duties: Sequence[str], told: Mapping[str, bytes]) -> Look:
        """See ``Group``."""
        connection = self._connected()
        try:
            for duty in duties:
                if duty not in self._held and connection.value(_CLAIM, f"vain {duty}"):
                    self._held.add(duty)
            if told:
                connection.value(_TELL, self._name, list(told), list(told.values()))
            heard = connection.all(_HEAR, self._name)
        except BaseException:
            self._held.clear()
            connection.abandon()
            raise
        return Look(frozenset(self._held), [(str(server), str(topic), bytes(body)) for server, topic, body in heard])

    def close(self) -> None:
        """See ``Group``."""
        if self._connection is not None and not self._connection.raw.is_closed():
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                self._connection.value(_FORGET, self._name)
            self._connection.close()
        self._loop.close()

    def _connected(self) -> PostgresConnection:
        if self._connection is None or self._connection.raw.is_closed():
            self._held.clear()
            self._connection = connected(self._loop, self._url, "vain group", writes=True)
            self._connection.command(f"SET idle_session_timeout = {SILENT_MILLISECONDS}")
            # Nothing in it is worth to wait for the disk.
            self._connection.command("SET synchronous_commit = off")
        return self._connection
