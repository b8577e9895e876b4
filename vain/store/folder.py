"""The data folder: private to its user, and used by one vAIn at a time."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import apsw

from vain.errors import Misconfigured, StoreLocked

SERVER_NAME = "server.id"
LOCK_NAME = "vain.lock"


def prepare(folder: Path) -> None:
    """Make the folder, mode 0700. Raises Misconfigured when that cannot be done."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(
            f"The data folder {folder} cannot be made ({error.strerror}); --data names another."
        ) from error


def private_file(path: Path) -> Path:
    """Make the file, mode 0600, if it is not there. SQLite gives the files beside it (-wal, -shm) the same mode.

    A file that is there is not opened: closing it would drop the locks that this process holds on it. Raises
    Misconfigured when it cannot be made.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        _check_private(path)
    except OSError as error:
        raise Misconfigured(f"{path} cannot be made ({error.strerror}); --data names another folder.") from error
    return path


def server_id(folder: Path) -> str:
    """What tells a server from others over the same database, for as long as its folder is there. Blocks."""
    path = private_file(folder / SERVER_NAME)
    known = path.read_text("ascii").strip()
    if not known:
        known = secrets.token_hex(8)
        path.write_text(known + "\n", "ascii")
    return known


def _check_private(path: Path) -> None:
    """Raises Misconfigured for what is no file of ours, or one that others can read."""
    if path.is_symlink() or not path.is_file():
        raise Misconfigured(f"{path} is no file; --data names another folder.")
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Misconfigured(f"Others may read {path}: `chmod 600 {path}` closes it.")


class FolderLock:
    """Held while a server uses a data folder; the operating system lets go of it when the process dies.

    It is SQLite's own lock on an empty database, which works the same on every system. Raises StoreLocked if another
    holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._connection = apsw.Connection(str(private_file(folder / LOCK_NAME)))
        try:
            self._connection.execute("BEGIN EXCLUSIVE")
        except apsw.BusyError:
            self._connection.close()
            raise StoreLocked(f"Another vAIn already uses the data folder {folder}; --data names another.") from None

    def release(self) -> None:
        """Let go of the folder."""
        self._connection.close(True)
