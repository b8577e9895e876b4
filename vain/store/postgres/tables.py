"""The tables in PostgreSQL: made and brought up to date beside servers that run, one migration at a time."""

from __future__ import annotations

import secrets
from importlib.resources import files
from typing import Final

from vain.errors import Misconfigured, StoreDamaged, StoreLocked
from vain.forms import place_of
from vain.store import queries
from vain.store.postgres.connection import PostgresConnection
from vain.store.postgres.head import RECOUNT

OLDEST_VERSION: Final = 140_000
"""Of the server, as PostgreSQL counts."""
MIGRATIONS: Final = ("schema_1.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql", "schema_5.sql")
"""The file at position n brings the tables from version n to n + 1."""
OF_HEAD: Final = 2
"""The migration that makes the row which servers agree by."""
IN_USE: Final = "SELECT pg_try_advisory_lock_shared(hashtext('vain'), hashtext(current_schema()))"
"""What every server holds while it is connected: who needs the database alone, as a copy does, takes it alone."""
ALONE: Final = "SELECT pg_try_advisory_lock(hashtext('vain'), hashtext(current_schema()))"
_MIGRATING: Final = "SELECT pg_advisory_xact_lock(hashtext('vain tables'), hashtext(current_schema()))"
_HAS_TABLES: Final = "SELECT to_regclass('vain_version') IS NOT NULL"


def migrate(connection: PostgresConnection, url: str, lock: str = IN_USE) -> None:
    """See to it that the tables are those of this version, and hold ``lock`` from now on.

    Raises Misconfigured, StoreLocked if somebody needs the database alone, or StoreDamaged if a newer vAIn wrote it.
    """
    place = place_of(url)
    if int(connection.value("SELECT current_setting('server_version_num')::int")) < OLDEST_VERSION:
        raise Misconfigured(f"PostgreSQL {OLDEST_VERSION // 10_000} or later is needed, for {place}.")
    if connection.value("SHOW server_encoding") != "UTF8":
        raise Misconfigured(f"The database at {place} has to be of the encoding UTF8.")
    if connection.value("SELECT current_schema()") is None:
        raise Misconfigured(f"The schema that {place} names is not there.")
    if not connection.value(lock):
        raise StoreLocked(
            f"Another vAIn uses {place} and needs it alone: a copy is being made, or its version is one that shares "
            "no database."
            if lock == IN_USE
            else f"A vAIn server uses {place}: it has to be stopped before."
        )
    # Asked without the lock first: nobody waits for it where nothing is to be done.
    while (version := _version(connection)) != len(MIGRATIONS):
        if version > len(MIGRATIONS):
            raise StoreDamaged(
                f"{place} was written by a newer vAIn (version {version}, this one knows {len(MIGRATIONS)}); "
                "it was not touched."
            )
        connection.command("BEGIN")
        connection.value(_MIGRATING)
        if _version(connection) == version:  # nobody else was quicker
            _migrate(connection, version + 1)
        connection.command("COMMIT")


def _version(connection: PostgresConnection) -> int:
    return int(connection.value("SELECT version FROM vain_version") or 0) if connection.value(_HAS_TABLES) else 0


def _migrate(connection: PostgresConnection, number: int) -> None:
    connection.command("CREATE TABLE IF NOT EXISTS vain_version (version integer NOT NULL)")
    connection.command(files("vain.store.postgres").joinpath(MIGRATIONS[number - 1]).read_text("utf-8"))
    connection.command("DELETE FROM vain_version")
    connection.value("INSERT INTO vain_version VALUES ($1)", number)
    if number == 1:
        connection.execute(queries.SET_EPOCH, (secrets.token_hex(8),))
    if number == OF_HEAD:
        connection.command(RECOUNT)
