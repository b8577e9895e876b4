"""Is what the data folder holds whole? Reads alone, also beside a server that runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec

from vain.errors import Misconfigured
from vain.lifecycle import violations
from vain.store import queries
from vain.store.connection import Connection
from vain.store.key_file import FILE_NAME as KEYS_NAME
from vain.store.metrics.check import damaged_chunks
from vain.store.metrics.sqlite_archive import DATABASE_NAME as METRICS_NAME
from vain.store.metrics.sqlite_archive import HOSTS_FOLDER
from vain.store.metrics.sqlite_archive import MIGRATIONS as METRICS_MIGRATIONS
from vain.store.sqlite_engine import DATABASE_NAME as TASKS_NAME
from vain.store.sqlite_engine import MIGRATIONS as TASKS_MIGRATIONS
from vain.types import LARGEST_INTEGER, Task

NEWEST_VERSIONS = {
    TASKS_NAME: len(TASKS_MIGRATIONS),
    METRICS_NAME: len(METRICS_MIGRATIONS),
    KEYS_NAME: 2,
}
"""The databases of a data folder, and the newest version of each that is known."""
MOST_PROBLEMS = 20
"""So many are told of one database."""
BUSY_MILLISECONDS = 5_000

_MISSING = "SELECT coalesce(max(seq) - min(seq) + 1, 0) - count(*) FROM events"
_HOLES = """
SELECT seq + 1 FROM events AS one
WHERE NOT EXISTS (SELECT 1 FROM events WHERE seq = one.seq + 1) AND seq < (SELECT max(seq) FROM events)
ORDER BY seq LIMIT ?"""
_CONTENTS = {
    TASKS_NAME: "SELECT format('%d tasks, %d events', (SELECT count(*) FROM tasks), (SELECT count(*) FROM events))",
    METRICS_NAME: "SELECT format('%d series, %d chunks', (SELECT count(*) FROM series), (SELECT count(*) FROM raw))",
    KEYS_NAME: "SELECT format('%d keys', count(*)) FROM keys",
}


class Report(NamedTuple):
    """One database: its file, what it holds, and what is wrong with it, at most ``MOST_PROBLEMS`` sentences."""

    name: str
    contents: str
    problems: tuple[str, ...]


def check(folder: Path) -> list[Report]:
    """Look at everything in the databases of a folder. Blocks, for seconds if they are large.

    Raises Misconfigured if there are none.
    """
    files = databases_in(folder)
    if not files:
        raise Misconfigured(f"There are no databases of vAIn in {folder}; --data names another folder.")
    return [check_file(file, _within(file, folder)) for file in files]


def databases_in(folder: Path) -> list[Path]:
    """The databases of vAIn that are in a folder, those of other machines (``hosts/NAME``) among them."""
    own = [path for name in NEWEST_VERSIONS if (path := folder / name).is_file()]
    return own + sorted((folder / HOSTS_FOLDER).glob(f"*/{METRICS_NAME}"))


def check_file(path: Path, shown: str = "") -> Report:
    """One database; its name says which it is, ``shown`` what it is called in the report."""
    shown = shown or path.name
    try:
        with closing(opened(path)) as connection:
            problems = tuple(islice(_problems(connection, path.name), MOST_PROBLEMS))
            return Report(shown, "" if problems else str(connection.execute(_CONTENTS[path.name]).get), problems)
    except apsw.Error as exc:
        return Report(shown, "", (f"It cannot be read: {exc}.",))


def _within(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def opened(path: Path) -> apsw.Connection:
    """A connection that cannot write, also to a file in a folder that cannot be written to."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except apsw.CantOpenError:
        connection.close(True)
        # Without a file beside it that says more, what lies there is all there is.
        if path.with_name(f"{path.name}-wal").exists():
            raise
        address = f"{path.absolute().as_uri()}?immutable=1"
        return apsw.Connection(address, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    except BaseException:
        connection.close(True)
        raise
    return connection


def _problems(connection: apsw.Connection, name: str) -> Iterator[str]:
    version = int(connection.execute("PRAGMA user_version").get)
    if not 0 < version <= NEWEST_VERSIONS[name]:
        yield f"It is of version {version}, and this vAIn knows 1 to {NEWEST_VERSIONS[name]}."
        return
    found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({MOST_PROBLEMS})")]
    if found != ["ok"]:
        yield from found
        return
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"A row of {row[0]} belongs to one of {row[2]} that is not there."
    if name in _MORE:
        yield from _MORE[name](connection)


def task_problems(connection: Connection) -> Iterator[str]:
    """What is wrong with the tasks and events of a store, as sentences."""
    missing = int(connection.execute(_MISSING).get)
    if missing:
        holes = ", ".join(str(row[0]) for row in connection.execute(_HOLES, (MOST_PROBLEMS,)))
        yield f"{missing} events are missing, from the numbers {holes} on."
    for task_id, body in connection.execute(queries.TASKS_BETWEEN, (0, LARGEST_INTEGER)):
        try:
            broken = violations(msgspec.json.decode(body, type=Task))
        except msgspec.DecodeError as exc:
            broken = [str(exc)]
        yield from (f"Task {task_id}: {rule}." for rule in broken)


_MORE: dict[str, Callable[[apsw.Connection], Iterable[str]]] = {
    TASKS_NAME: task_problems,
    METRICS_NAME: damaged_chunks,
}
