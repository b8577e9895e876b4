"""The file of the keys: who can reach it is checked before anything in it is believed.

Whoever can write this file can sign in as anybody, so a file that others can reach is refused, as ssh does. It is apart
from the store's own file, so that ``vain keys`` works whether or not a server holds that one.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from shlex import quote

import apsw

from vain.errors import Misconfigured, StoreDamaged, StoreFull, Unavailable
from vain.store import key_queries as queries
from vain.store.folder import prepare, private_file
from vain.store.key_database import SECRET_BYTES, KeyRows

FILE_NAME = "keys.db"
LONGEST_WAIT_MILLISECONDS = 5_000
"""How long a writer waits for another process that writes."""

_MIGRATIONS = [Path(__file__).with_name(f"keys_{number}.sql") for number in (1, 2)]


class KeyFile:
    """``vain.store.key_database.KeyDatabase`` over ``keys.db`` in a folder. Raises Misconfigured or StoreDamaged."""

    is_at_hand = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._connection = open_key_file(folder)
        self._version = -1

    def has_changed(self) -> bool:
        """See ``KeyDatabase``; never waits."""
        try:
            self._connection.set_busy_timeout(0)
            return bool(self._connection.pragma("data_version") != self._version)
        except apsw.BusyError:
            return False  # asked again in a second
        except apsw.Error as error:
            raise StoreDamaged(f"The file of the keys cannot be read ({error}).") from error

    def read(self) -> KeyRows:
        """See ``KeyDatabase``."""
        try:
            # The version first: what is written between it and the rows is then read twice rather than never.
            version = self._connection.pragma("data_version")
            rows = KeyRows(*(list(self._connection.execute(query)) for query in (queries.KEYS, queries.SESSIONS)))
        except apsw.BusyError as error:
            raise Unavailable("Another process is writing to the file of the keys; try again.") from error
        except apsw.Error as error:
            raise StoreDamaged(f"The file of the keys cannot be read ({error}).") from error
        self._version = version
        return rows

    @contextmanager
    def writing(self, is_use: bool = False) -> Iterator[apsw.Connection]:
        """See ``KeyDatabase``. Waits for other processes that write, and for the disk."""
        try:
            self._connection.set_busy_timeout(LONGEST_WAIT_MILLISECONDS)
            with transaction(self._connection):
                yield self._connection
        except apsw.BusyError as error:
            raise Unavailable("Another process is writing to the file of the keys; try again.") from error
        except apsw.FullError as error:
            raise StoreFull("The disk is full: the file of the keys was not changed.") from error
        except apsw.Error as error:
            raise StoreDamaged(f"The file of the keys cannot be written ({error}).") from error

    def secret(self, name: str) -> bytes:
        """See ``KeyDatabase``: a file of that name."""
        path = private_file(self._folder / name)
        known = path.read_bytes()
        if len(known) != SECRET_BYTES * 2:
            known = secrets.token_hex(SECRET_BYTES).encode()
            path.write_bytes(known)
        return known

    def note(self, name: str) -> str:
        """See ``KeyDatabase``: a file of that name."""
        return private_file(self._folder / name).read_text("utf-8")

    def set_note(self, name: str, text: str) -> None:
        """See ``KeyDatabase``."""
        private_file(self._folder / name).write_text(text, "utf-8")

    def close(self) -> None:
        """See ``KeyDatabase``."""
        self._connection.close(True)


def holds_keys(folder: Path) -> bool:
    """Whether there is a file of keys in the folder, with any in it. Raises Misconfigured or StoreDamaged."""
    if not (folder / FILE_NAME).is_file():
        return False
    with closing(KeyFile(folder)) as file:
        return bool(file.read().keys)


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
