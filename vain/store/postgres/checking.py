"""Is what a database of PostgreSQL holds whole? Reads alone, also beside a server that writes to it."""

from __future__ import annotations

from contextlib import closing
from itertools import islice

import asyncpg

from vain.errors import VainError
from vain.forms import place_of
from vain.store import queries
from vain.store.checking import MOST_PROBLEMS, Report, task_problems
from vain.store.metrics.check import problems_of
from vain.store.postgres.archives import PostgresArchives
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


def check_histories(url: str) -> Report:
    """Look at the metric histories of all hosts, one after the other, each in one snapshot. Blocks: 0.1 ms for each
    chunk."""
    name, found = f"{place_of(url)}, history", list[str]()
    histories, hosts = PostgresArchives(url), 0
    try:
        for host in histories.names():
            hosts += 1
            with histories.other(host).reading() as connection:
                problems = problems_of(connection, MOST_PROBLEMS - len(found))
            found += [f"{host}: {problem}" for problem in problems]
            if len(found) >= MOST_PROBLEMS:
                break
    except VainError as error:
        return Report(name, "", (f"It cannot be read: {error.detail}",))
    finally:
        histories.close()
    return Report(name, "" if found else f"{hosts} hosts", tuple(found))


def _checked(place: str, connection: PostgresConnection) -> Report:
    version = int(connection.value("SELECT version FROM vain_version"))
    if not 0 < version <= len(MIGRATIONS):
        return Report(place, "", (f"It is of version {version}, and this vAIn knows 1 to {len(MIGRATIONS)}.",))
    problems = tuple(islice(task_problems(connection), MOST_PROBLEMS))
    tasks, _ = connection.execute(queries.TASK_COUNT).get
    events = connection.execute(queries.HEAD).get
    return Report(place, "" if problems else f"{tasks} tasks, {events} events", problems)
