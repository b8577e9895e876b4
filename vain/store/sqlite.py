"""How a database of vAIn is opened: a current SQLite, a write-ahead log, migrations that are numbered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path

import apsw

from vain.errors import Misconfigured, StoreDamaged

SQLITE_FLOOR = (3, 51, 3)
"""Older ones can lose committed transactions when a log is reset (sqlite.org/wal.html, "The WAL-Reset Bug")."""
LOG_PAGES = 1_000
"""The write-ahead log begins anew at this size (4 MB): to sync what overwrites a file takes half as long as to sync
what makes it grow."""
PAGE_BYTES = 4_096
CACHE_KIB = 8_192
BUSY_MILLISECONDS = 5_000


def open_for_writing(
    path: Path,
    migrations: Sequence[str],
    package: str = "vain.store",
    cache_kib: int = CACHE_KIB,
    gives_space_back: bool = False,
    on_first: Callable[[apsw.Connection], None] = lambda connection: None,
) -> apsw.Connection:
    """The one connection that writes. The migration at position n brings a database from version n to n + 1.

    ``on_first`` runs inside the transaction that makes a new database. Raises Misconfigured for a SQLite that is too
    old, StoreDamaged for a database of a newer vAIn, which is not touched, and what apsw raises.
    """
    if tuple(int(part) for part in apsw.sqlite_lib_version().split(".")) < SQLITE_FLOOR:
        floor = ".".join(map(str, SQLITE_FLOOR))
        raise Misconfigured(
            f"SQLite {apsw.sqlite_lib_version()} has a bug that loses data; at least {floor} is needed (apsw)."
        )
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    # A database that is refused must stay as it is, and so must a log beside it that was not taken in.
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    try:
        version = _known_version(connection, path, len(migrations))
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        if gives_space_back:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before anything is in the file, or never
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {LOG_PAGES * PAGE_BYTES}")
        connection.execute(f"PRAGMA cache_size = -{cache_kib}")
        _migrate(connection, version, migrations, package, on_first)
    except BaseException:
        connection.close(True)
        raise
    return connection


def open_for_reading(path: Path, cache_kib: int = CACHE_KIB) -> apsw.Connection:
    """A connection that cannot write."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_MILLISECONDS)
    connection.execute("PRAGMA query_only = ON")
    connection.execute(f"PRAGMA cache_size = -{cache_kib}")
    return connection


def restart_log(connection: apsw.Connection) -> bool:
    """Have the write-ahead log begin anew, once it was taken into the database; whether it does.

    Does not wait: a reader in another process (a backup, somebody's SQL shell) must not hold up who writes. Then the
    log goes on growing, and it is tried again.
    """
    connection.set_busy_timeout(0)
    try:
        is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(RESTART)").get
        return not is_busy
    except apsw.BusyError:
        return False
    finally:
        connection.set_busy_timeout(BUSY_MILLISECONDS)


def _known_version(connection: apsw.Connection, path: Path, newest: int) -> int:
    """The version of the database. Raises StoreDamaged for a newer one than is known, before anything is written."""
    version = int(connection.execute("PRAGMA user_version").get)
    if version > newest:
        raise StoreDamaged(
            f"{path} was written by a newer vAIn (version {version}, this one knows {newest}); it was not touched."
        )
    return version


def _migrate(
    connection: apsw.Connection,
    version: int,
    migrations: Sequence[str],
    package: str,
    on_first: Callable[[apsw.Connection], None],
) -> None:
    """Bring the database to this version, each step in one transaction."""
    for number, name in enumerate(migrations[version:], start=version + 1):
        script = files(package).joinpath(name).read_text("utf-8")
        with connection:
            connection.execute(script)
            connection.execute(f"PRAGMA user_version = {number}")
            if number == 1:
                on_first(connection)
