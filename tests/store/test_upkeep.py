"""Check, backup and restore of real data folders."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import numpy as np
import pytest

from tests.live_server import live_server
from tests.store.opened import Opened, rows, with_store
from vain.client import Client
from vain.errors import Conflict, Misconfigured, StoreDamaged, StoreLocked
from vain.store.checking import check
from vain.store.folder import FolderLock
from vain.store.keys import KeyRing
from vain.store.metrics.store import MetricStore
from vain.store.upkeep import ASIDE, STAGED, backup, restore
from vain.tracker import Tracker
from vain.types import TaskDraft

pytestmark = pytest.mark.slow

ALL = ["vain.db", "metrics.db", "keys.db"]
EPOCH = "SELECT value FROM meta WHERE key = 'epoch'"


def add_tasks(folder: Path, *names: str) -> None:
    async def work(opened: Opened) -> None:
        for name in names:
            await Tracker(opened.store).create(TaskDraft(name=name))

    with_store(folder, work)


def names_in(folder: Path) -> list[str]:
    return [name for (name,) in rows(folder, "SELECT name FROM tasks ORDER BY task_id")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with two tasks, two hours of one series, and a key."""
    folder = tmp_path / "data"
    add_tasks(folder, "build", "train")
    with closing(MetricStore(folder)) as store:
        t = (1_795_420_800 + np.arange(7_200)) * 1_000
        store.import_rows(t, {"room.celsius": np.sin(t / 1e6)})
    with closing(KeyRing.open(folder)) as ring:
        ring.create("laptop", "read")
    return folder


def change(file: Path, statement: str) -> None:
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute(statement)


def test_a_sound_folder_is_told_with_what_it_holds(folder: Path) -> None:
    told = {report.name: (report.contents, report.problems) for report in check(folder)}
    assert list(told) == ALL and told["vain.db"] == ("2 tasks, 2 events", ())
    assert told["metrics.db"] == ("1 series, 2 chunks", ()) and told["keys.db"] == ("1 keys", ())


@pytest.mark.parametrize(
    ("name", "statement", "words"),
    [
        ("vain.db", "UPDATE events SET seq = 4 WHERE seq = 2", "2 events are missing, from the numbers 2 on"),
        ("vain.db", "UPDATE tasks SET body = x'7b7d' WHERE task_id = 2", "Task 2: "),
        ("vain.db", "PRAGMA user_version = 99", "version 99"),
        ("metrics.db", "UPDATE raw SET v = substr(v, 1, length(v) / 2)", "of raw"),
        ("metrics.db", "DELETE FROM times", "3600 values for 0 times"),
        ("metrics.db", "UPDATE hours SET v = x'00ff00'", "of hours"),
    ],
)  # fmt: skip
def test_damage_is_found_and_named(folder: Path, name: str, statement: str, words: str) -> None:
    change(folder / name, statement)
    problems = {report.name: " ".join(report.problems) for report in check(folder)}
    assert words in problems.pop(name) and not any(problems.values())


def test_a_file_that_is_no_database_is_damage(folder: Path) -> None:
    (folder / "keys.db").write_bytes(b"no database at all, " * 100)
    assert "cannot be read" in check(folder)[2].problems[0]


def test_a_backup_holds_all_and_is_private(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "monday")
    assert sorted(os.listdir(tmp_path / "monday")) == sorted(ALL)
    modes = {stat.S_IMODE((tmp_path / "monday" / name).stat().st_mode) for name in ALL}
    assert modes == {0o600} and names_in(tmp_path / "monday") == ["build", "train"]
    with pytest.raises(Conflict, match="overwrites nothing"):
        backup(folder, tmp_path / "monday")
    with pytest.raises(Misconfigured, match="no databases"):
        backup(tmp_path, tmp_path / "tuesday")


def test_a_backup_beside_a_running_server_is_one_moment_of_it(tmp_path: Path) -> None:
    with live_server(tmp_path / "data") as url, Client(url) as client:
        for number in range(20):
            client.create(f"task {number}")
        reports = backup(tmp_path / "data", tmp_path / "copy")
        client.create("later")
        assert not any(report.problems for report in check(tmp_path / "data"))
    assert reports[0].contents.startswith("20 tasks, ") and len(names_in(tmp_path / "copy")) == 20


def test_what_is_damaged_is_no_backup(folder: Path, tmp_path: Path) -> None:
    change(folder / "metrics.db", "DELETE FROM times")
    with pytest.raises(StoreDamaged, match=r"metrics\.db is not sound"):
        backup(folder, tmp_path / "monday")
    assert os.listdir(tmp_path) == ["data"]


def test_a_restore_brings_all_back_under_a_new_epoch(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "monday")
    epoch = rows(folder, EPOCH)
    add_tasks(folder, "after the backup")
    with closing(KeyRing.open(folder)) as ring:
        ring.create("second", "read")
    restore(tmp_path / "monday", folder)
    assert names_in(folder) == ["build", "train"] and rows(folder, EPOCH) != epoch
    assert rows(tmp_path / "monday", EPOCH) == epoch and sorted(os.listdir(folder)) == sorted([*ALL, "vain.lock"])
    with closing(KeyRing.open(folder)) as ring:
        assert [key.name for key in ring.list()] == ["laptop"]
    add_tasks(folder, "goes on")


def test_a_restore_makes_a_folder_that_is_not_there(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "monday")
    restore(tmp_path / "monday", tmp_path / "new")
    assert names_in(tmp_path / "new") == ["build", "train"] and not any(r.problems for r in check(tmp_path / "new"))


def test_a_copied_folder_with_its_log_can_be_restored(folder: Path, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(folder / "vain.db"))) as connection:
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.execute("DELETE FROM idempotency; UPDATE tasks SET name = 'in the log' WHERE task_id = 2")
        shutil.copytree(folder, tmp_path / "copy")
    assert (tmp_path / "copy" / "vain.db-wal").stat().st_size > 0
    restore(tmp_path / "copy", tmp_path / "new")
    assert names_in(tmp_path / "new") == ["build", "in the log"]


def test_no_restore_under_a_running_server(folder: Path, tmp_path: Path) -> None:
    backup(folder, tmp_path / "monday")
    lock = FolderLock(folder)
    with pytest.raises(StoreLocked, match="stop it first"):
        restore(tmp_path / "monday", folder)
    lock.release()


def damaged(source: Path) -> None:
    change(source / "metrics.db", "DELETE FROM times")


def truncated(source: Path) -> None:
    os.truncate(source / "vain.db", 6_000)


def newer(source: Path) -> None:
    change(source / "vain.db", "PRAGMA user_version = 99")


@pytest.mark.parametrize("spoil", [damaged, truncated, newer])
def test_a_spoilt_backup_changes_nothing(folder: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    backup(folder, tmp_path / "monday")
    spoil(tmp_path / "monday")
    add_tasks(folder, "after the backup")
    before = {name: (folder / name).read_bytes() for name in ALL}
    with pytest.raises(StoreDamaged):
        restore(tmp_path / "monday", folder)
    assert {name: (folder / name).read_bytes() for name in ALL} == before
    assert not (folder / STAGED).exists() and not (folder / ASIDE).exists()


def no_links(*names: object) -> None:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("has_links", [True, False])
def test_a_restore_that_fails_half_way_puts_everything_back(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", no_links)
    backup(folder, tmp_path / "monday")
    add_tasks(folder, "after the backup")
    epoch = rows(folder, EPOCH)
    # vain.db and metrics.db have been exchanged by the time the third cannot be.
    (folder / "keys.db").unlink()
    (folder / "keys.db").mkdir()
    with pytest.raises(Misconfigured, match="nothing was changed"):
        restore(tmp_path / "monday", folder)
    assert not (folder / STAGED).exists() and not (folder / ASIDE).exists()
    assert names_in(folder) == ["build", "train", "after the backup"] and rows(folder, EPOCH) == epoch
    assert not any(report.problems for report in check(folder))


def test_a_folder_without_a_backup_is_no_source(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no backup"):
        restore(tmp_path, tmp_path / "data")
