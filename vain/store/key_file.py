"""The file of the keys: who can reach it is checked before anything in it is believed.

Whoever can write this file can sign in as anybody, so a file that others can reach is refused, as ssh does. It is apart
from the store's own file, so that ``vain keys`` works whether or not a server holds that one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

import apsw

from vain.errors import Misconfigured, StoreDamaged
from vain.store.folder import prepare

FILE_NAME = "keys.db"
LONGEST_WAIT_MILLISECONDS = 5_000
"""How long a writer waits for another process that writes."""

_MIGRATIONS = [Path(__file__).with_name(f"keys_{number}.sql") for number in (1, 2)]


def open_key_file(folder: Path) -> apsw.Connection:
    """A connection to ``keys.db`` in the folder; both are made if they are not there.

    Raises Misconfigured when the folder or the file is open to others, StoreDamaged when the file is not a file of keys
    or was written by a newer vAIn.
    """
    prepare(folder)
    _check_folder(folder)
    path = folder / FILE_NAME
    _make_private(path)
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        connection.set_busy_timeout(LONGEST_WAIT_MILLISECONDS)
        # EXTRA also syncs the folder once the journal is gone: with FULL, a power cut could bring a revoked key back.
        connection.execute("PRAGMA synchronous = EXTRA")
        _migrate(connection, path)
    except apsw.Error as error:
        connection.close(True)
        raise StoreDamaged(f"The file of the keys, {path}, cannot be used ({error}).") from error
    except StoreDamaged:
        connection.close(True)
        raise
    return connection


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """All or nothing. Nobody else writes between its start and its end, so what it reads still holds when it commits.

    apsw's own ``with connection`` would keep every other thread of Python waiting while it commits.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _check_folder(folder: Path) -> None:
    """Where anyone may delete files, anyone can delete the keys, and a server without keys is open."""
    mode = folder.stat().st_mode
    if os.name == "posix" and mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise Misconfigured(f"Every user can write to the data folder {folder}; type: chmod o-w {quote(str(folder))}")


def _make_private(path: Path) -> None:
    """Make the file with mode 0600, which SQLite then gives to its journal; or check the one that is there.

    The check does not open it: closing a file drops all locks that this process holds on it.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _check_private(path)
    except OSError as error:
        raise Misconfigured(f"The file of the keys, {path}, cannot be made ({error.strerror}).") from error


def _check_private(path: Path) -> None:
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise Misconfigured(f"The file of the keys, {path}, is a link or no file: a plain file would be right.")
    if os.name != "posix":
        return
    if status.st_uid != os.geteuid():
        raise Misconfigured(f"The file of the keys, {path}, belongs to another user; --data names another folder.")
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Misconfigured(f"Others can reach the file of the keys, {path}; type: chmod 600 {quote(str(path))}")


def _migrate(connection: apsw.Connection, path: Path) -> None:
    if _version(connection) < len(_MIGRATIONS):
        with transaction(connection):
            # Asked again inside the transaction: another process may have been quicker.
            for migration in _MIGRATIONS[_version(connection) :]:
                connection.execute(migration.read_text(encoding="utf-8"))
    if _version(connection) > len(_MIGRATIONS):
        raise StoreDamaged(f"The file of the keys, {path}, was written by a newer vAIn; it was not touched.")


def _version(connection: apsw.Connection) -> int:
    version: int = connection.pragma("user_version")
    return version
