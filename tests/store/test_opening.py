"""Opening a data folder: private, by one at a time, and never harming what it cannot read."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tests.store.engines import sqlite_only
from tests.store.opened import Opened, with_store
from vain.errors import Misconfigured, StoreDamaged, StoreLocked, VainError
from vain.store.database import Store
from vain.store.sqlite_engine import SqliteEngine
from vain.tracker import Tracker
from vain.types import TaskDraft


async def make(made: Opened, name: str = "x") -> int:
    return (await Tracker(made.store).create(TaskDraft(name=name))).task_id


pytestmark = sqlite_only


def test_files_are_private_whatever_the_umask(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    before = os.umask(0)
    try:
        with_store(folder, make)

        async def modes(made: Opened) -> dict[str, int]:
            await make(made)
            return {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in folder.iterdir()}

        found = with_store(folder, modes)
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert found.keys() >= {"vain.db", "vain.db-wal", "vain.db-shm", "vain.lock"} and set(found.values()) == {0o600}


def open_elsewhere(folder: Path) -> subprocess.CompletedProcess[str]:
    """Another process that opens the folder and ends."""
    script = (
        "import asyncio, sys\nfrom pathlib import Path\nfrom vain.store.database import Store\n"
        "from vain.store.sqlite_engine import SqliteEngine\n"
        "async def main():\n    Store(SqliteEngine(Path(sys.argv[1])), lambda events: None).close()\n"
        "asyncio.run(main())"
    )
    command = [sys.executable, "-c", script, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


def test_a_folder_has_one_store_at_a_time(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        with pytest.raises(StoreLocked, match="--data"):
            Store(SqliteEngine(tmp_path), made.published.extend)
        assert await make(made) == 1

    with_store(tmp_path, work)
    assert with_store(tmp_path, make) == 2


def test_a_refused_second_opening_leaves_the_lock_in_place(tmp_path: Path) -> None:
    """Closing any descriptor of a file drops the process's locks on it (POSIX)."""

    async def work(made: Opened) -> None:
        with pytest.raises(StoreLocked):
            Store(SqliteEngine(tmp_path), made.published.extend)
        assert "StoreLocked" in open_elsewhere(tmp_path).stderr

    with_store(tmp_path, work)


def digests(folder: Path) -> dict[str, str]:
    """What stands in the database's own files; the index in shared memory is nobody's data."""
    names = [name for name in ("vain.db", "vain.db-wal", "vain.db-journal") if (folder / name).is_file()]
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("killed", [False, True])
def test_a_newer_database_is_refused_and_left_as_it_was(tmp_path: Path, mode: str, killed: bool) -> None:
    script = (
        "import apsw, os, sys\nc = apsw.Connection(sys.argv[1])\nc.execute(f'PRAGMA journal_mode = {sys.argv[2]}')\n"
        "c.execute('CREATE TABLE x (y); INSERT INTO x VALUES (1); PRAGMA user_version = 99')\n"
        "os._exit(0) if sys.argv[3] == 'True' else c.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "vain.db"), mode, str(killed)], check=True)
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    before = digests(tmp_path)
    with pytest.raises(StoreDamaged, match="newer"):
        with_store(tmp_path, make)
    after = digests(tmp_path)
    assert {name: after.get(name) for name in before} == before


@pytest.mark.parametrize("body", [b"hello", b"x" * 5_000, b"SQLite format 3\0" + b"z" * 5_000])
def test_a_file_that_is_no_database_is_refused_and_left_as_it_was(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "vain.db").write_bytes(body)
    (tmp_path / "vain.db").chmod(0o600)
    for _ in range(2):  # the second time: the folder was let go of
        with pytest.raises(StoreDamaged, match="not touched"):
            with_store(tmp_path, make)
    assert (tmp_path / "vain.db").read_bytes() == body


@pytest.mark.parametrize("name", ["vain.db", "vain.lock", ""])
def test_a_folder_that_cannot_be_written_is_a_misconfiguration(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "data"
    if name:
        (folder / name).mkdir(parents=True)
    else:
        folder.write_text("a file")
    with pytest.raises(Misconfigured, match="data"):
        with_store(folder, make)


def test_an_opening_that_fails_lets_go_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "vain.db").mkdir()
    with pytest.raises(VainError):
        with_store(tmp_path, make)
    (tmp_path / "vain.db").rmdir()
    assert with_store(tmp_path, make) == 1
