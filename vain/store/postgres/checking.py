"""Is what a database of PostgreSQL holds whole? Reads alone, also beside a server that writes to it."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import asyncpg

from vain.forms import place_of
from vain.store import queries
from vain.store.checking import MOST_PROBLEMS, Report, task_problems
from vain.store.postgres.connection import LoopThread, PostgresConnection, connected
from vain.store.postgres.engine import BROKEN
from vain.store.postgres.tables import MIGRATIONS


def check_database(url: str) -> Report:
    """Look at all tasks and events, in one snapshot. Blocks, for seconds if there are many."""
    loop, place = LoopThread(), place_of(url)
    try:
        with closing(connected(loop, url, "vain check")) as connection:
            connection.begin_reading()
            try:
                return _checked(place, connection)
            finally:
                connection.end_reading()
    except (asyncpg.PostgresError, *BROKEN, ValueError) as error:
        return Report(place, "", (f"It cannot be read: {error}.",))
    finally:
        loop.close()


def _checked(place: str, connection: PostgresConnection) -> Report:
    version = int(connection.value("SELECT version FROM vain_version"))
    if not 0 < version <= len(MIGRATIONS):
        return Report(place, "", (f"It is of version {version}, and this vAIn knows 1 to {len(MIGRATIONS)}.",))
    problems = tuple(islice(task_problems(connection), MOST_PROBLEMS))
    tasks, _ = connection.execute(queries.TASK_COUNT).get
    events = connection.execute(queries.HEAD).get
    return Report(place, "" if problems else f"{tasks} tasks, {events} events", problems)
