"""A transaction that writes to histories, and what its failures are to those who have it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from vain.errors import StoreFull, Unavailable
from vain.store.postgres.connection import PostgresConnection
from vain.store.postgres.engine import BROKEN
from vain.store.postgres.pool import Pool

FAILURES: Final = (asyncpg.PostgresError, *BROKEN)


@contextmanager
def transaction(writers: Pool) -> Iterator[PostgresConnection]:
    """A connection on which the block begins a transaction, which is committed at its end, or undone. Blocks.

    Raises StoreFull, Unavailable, and ValueError for what no row can hold.
    """
    try:
        with writers.taken() as connection:
            try:
                yield connection
                if connection.command("COMMIT") != "COMMIT":
                    raise Unavailable("The samples were not stored: the database undid it.")
            except BaseException:
                _undo(connection)
                raise
    except FAILURES as error:
        raise _refusal(error) from error


def _undo(connection: PostgresConnection) -> None:
    if connection.raw.is_closed() or not connection.raw.is_in_transaction():
        return
    try:
        connection.command("ROLLBACK")
    except FAILURES:
        connection.abandon()


def _refusal(error: Exception) -> Exception:
    if isinstance(error, asyncpg.DataError):
        return ValueError(str(error))  # the fault of a row, which must not keep others from being written
    if isinstance(error, asyncpg.DiskFullError):
        return StoreFull("The database's disk is full: no samples can be stored until there is space.")
    return Unavailable(f"The history could not be written to the database: {error}.")
