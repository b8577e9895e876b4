"""Copies everything that a store holds into another database, of the same engine or the other one."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from vain.errors import Conflict, Unavailable, VainError
from vain.store import key_queries, queries
from vain.store.connection import Connection, Engine
from vain.store.key_database import KeyDatabase

BATCH_ROWS: Final = 500


class Table(NamedTuple):
    """What is copied of a table: these columns, in the order of the first so many of them, which no two rows share."""

    name: str
    columns: tuple[str, ...]
    key: int = 1

    @property
    def read(self) -> str:
        """The statement that reads it all."""
        return f"SELECT {', '.join(self.columns)} FROM {self.name} ORDER BY {', '.join(self.columns[: self.key])}"  # noqa: S608

    @property
    def add(self) -> str:
        """The statement that adds a row."""
        places = ", ".join("?" * len(self.columns))
        return f"INSERT INTO {self.name} ({', '.join(self.columns)}) VALUES ({places})"  # noqa: S608

    @property
    def counted(self) -> str:
        """The statement that counts its rows."""
        return f"SELECT count(*) FROM {self.name}"  # noqa: S608


TABLES: Final = (
    Table(
        "tasks",
        ("task_id", "name", "status", "priority", "outcome", "key", "parent_id", "created_at", "updated_at",
         "started_at", "completed_at", "due_at", "progress", "overdue", "version", "searched", "body", "stale", "tags",
         "host"),
    ),
    Table("events", ("seq", "type", "body")),
    Table("notifications", ("notification_id", "body", "read")),
    Table("idempotency", ("key", "fingerprint", "task_id", "body", "at")),
    Table(
        "attempts",
        ("task_id", "attempt", "name", "key", "priority", "tags", "arrived_ms", "started_ms", "completed_ms", "outcome",
         "removed_ms", "first_seq", "host"),
        key=2,
    ),
    Table("guests", ("host", "task_id", "attempt"), key=3),
    Table("log_parts", ("task_id", "offset_bytes", "body"), key=2),
    Table("runs", ("run_id", "task_id", "parent_run")),
    Table("expectations", ("key", "body")),
    Table("kept", ("kind", "name", "body"), key=2),
)  # fmt: skip
"""Every table but ``meta``, of which the last number that a task had is copied alone."""


def copy(source: Engine, target: Engine, told: Callable[[str, int], None] = lambda name, rows: None) -> dict[str, int]:
    """Copy all rows; how many of each table. ``told`` is called after each table.

    Nobody else may use either of them. The copy gets an epoch of its own, so that who followed the one and follows the
    other starts from a snapshot. Blocks. Raises Conflict if ``target`` is not empty, Unavailable if something fails;
    then it is left as it was.
    """
    try:
        target.begin()
        filled = [table.name for table in TABLES if target.connection.execute(table.counted).get]
        if filled:
            raise Conflict(f"The database to copy into is not empty: it has rows in {', '.join(filled)}.")
        with source.reading() as connection:
            copied = {table.name: _copied(connection, target.connection, table, told) for table in TABLES}
            target.connection.execute(queries.SET_LAST_TASK_ID, (str(connection.execute(queries.LAST_TASK_ID).get),))
        target.connection.execute(queries.RENEW_EPOCH, (secrets.token_hex(8),))
        target.recount()
        target.commit()
    except (*target.failures, *source.failures) as error:
        target.roll_back()
        raise Unavailable(f"The copy was not made, and nothing was changed: {error}.") from error
    except VainError:
        target.roll_back()
        raise
    return copied


def copy_keys(source: KeyDatabase, target: KeyDatabase) -> int:
    """Copy all keys, and the sessions that they opened; how many keys there are. Blocks.

    Raises Conflict if ``target`` has any.
    """
    found = source.read()
    if not found.keys:
        return 0
    if target.read().keys:
        raise Conflict("There are keys already where they would be copied to.")
    with target.writing() as connection:
        connection.executemany(key_queries.COPY_KEY, [tuple(row) for row in found.keys])
        connection.executemany(key_queries.COPY_SESSION, [tuple(row) for row in found.sessions])
    return len(found.keys)


def _copied(source: Connection, target: Connection, table: Table, told: Callable[[str, int], None]) -> int:
    count = 0
    for batch in _batches(source.execute(table.read)):
        target.executemany(table.add, batch)
        count += len(batch)
    told(table.name, count)
    return count


def _batches(rows: Iterable[Any]) -> Iterator[list[Any]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, BATCH_ROWS)):
        yield batch
