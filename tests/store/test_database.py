"""The store on a real disk: what is answered is kept, whole and in order, and nothing else is touched."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import apsw
import pytest

from tests.store.engines import engine, sqlite_only
from tests.store.opened import Opened, in_one_commit, rows, sqlite, with_store
from vain.errors import Conflict, NotFound
from vain.notification import Notice
from vain.store import reading
from vain.store.database import LARGEST_GROUP, Store
from vain.store.sqlite import open_for_reading
from vain.store.transaction import Transaction
from vain.tracker import Tracker
from vain.types import Event, TaskDraft, TaskPatch, TaskQuery

NOTICE = Notice("test", "info", "a notice")
EVENTS = "SELECT seq, type, body FROM events ORDER BY seq"


async def make(made: Opened, name: str = "x") -> int:
    return (await Tracker(made.store).create(TaskDraft(name=name))).task_id


def test_an_answered_write_is_in_the_file(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        task = await Tracker(made.store).create(TaskDraft(name="x"))
        assert rows(tmp_path, "SELECT task_id, version, body FROM tasks") == [(task.task_id, 1, task.body)]

    with_store(tmp_path, work)


def test_sixty_four_writers_are_all_answered_and_the_numbers_are_dense(tmp_path: Path) -> None:
    async def writer(tracker: Tracker, number: int) -> list[int]:
        mine = []
        for turn in range(5):
            task = await tracker.create(TaskDraft(name=f"{number}.{turn}"))
            await tracker.update(task.task_id, TaskPatch(message="m"))
            mine.append(task.task_id)
        await tracker.delete(mine[0])
        return mine

    async def work(made: Opened) -> list[Event]:
        tracker = Tracker(made.store)
        ids = await asyncio.gather(*(writer(tracker, number) for number in range(64)))
        assert sorted(number for mine in ids for number in mine) == list(range(1, 321))
        assert (await tracker.listed()).total == 256
        return made.published

    published = with_store(tmp_path, work)
    assert [event.seq for event in published] == list(range(1, 64 * 11 + 1))
    assert rows(tmp_path, EVENTS) == [(event.seq, event.type, event.body) for event in published]


@pytest.mark.slow
def test_many_writers_share_a_commit(tmp_path: Path) -> None:
    groups: list[int] = []

    async def main() -> None:
        store = Store(engine(tmp_path), lambda events: groups.append(len(events)))
        tracker = Tracker(store)
        await in_one_commit(store, *(tracker.create(TaskDraft(name="x")) for _ in range(LARGEST_GROUP + 9)))
        store.close()

    asyncio.run(main())
    assert len(groups) <= 3 and sum(groups) == LARGEST_GROUP + 9 and max(groups) <= LARGEST_GROUP


def test_events_are_published_before_the_change_is_answered(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        for count in (1, 2):
            await make(made)
            assert len(made.published) == count

    with_store(tmp_path, work)


def test_an_event_is_the_flat_json_of_the_task(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        seconds = iter(range(10))
        tracker = Tracker(made.store, lambda: f"2026-01-01T00:00:0{next(seconds)}.000Z")
        task = await tracker.create(TaskDraft(name="x"))
        after = await tracker.update(task.task_id, TaskPatch(status="in-progress"))
        message = json.loads(made.published[1].body)
        head = [message.pop(name) for name in ("type", "seq", "timestamp", "action", "changed", "previous_status")]
        assert head[:2] == ["taskUpdate", 2] and head[3] == "updated" and head[5] == "pending"
        assert head[4] == ["status", "started_at", "updated_at", "heartbeat_at", "version"]
        assert message == json.loads(after.body)

    with_store(tmp_path, work)


@pytest.mark.parametrize("error", [NotFound("no"), Conflict("no"), KeyError("a bug")])
def test_a_change_that_raises_leaves_no_trace(tmp_path: Path, error: Exception) -> None:
    def change(transaction: Transaction) -> None:
        transaction.notify(NOTICE, "2026-01-01T00:00:00.000Z", [])
        transaction.next_task_id()
        raise error

    async def work(made: Opened) -> None:
        first, failed, last = await in_one_commit(made.store, make(made), made.store.write(change), make(made))
        assert failed is error and (first, last) == (1, 2)
        assert [event.seq for event in made.published] == [1, 2]

    with_store(tmp_path, work)
    assert rows(tmp_path, "SELECT count(*) FROM notifications") == [(0,)]


def test_writers_are_answered_even_if_publishing_fails(tmp_path: Path) -> None:
    def fail(events: list[Event]) -> None:
        raise RuntimeError("a listener is broken")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        store = Store(engine(tmp_path), fail)
        try:
            made = await asyncio.wait_for(Tracker(store).create(TaskDraft(name="x")), 2)
            assert made.task_id == 1
        finally:
            store.close()

    asyncio.run(main())


def test_a_writer_that_no_longer_waits_is_no_harm(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        gone = asyncio.ensure_future(make(made, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await make(made, "here") == 2
        assert (await Tracker(made.store).listed()).total == 2

    with_store(tmp_path, work)


def test_what_waits_at_closing_is_still_written(tmp_path: Path) -> None:
    async def main() -> None:
        made = Opened(tmp_path)
        waiting = [asyncio.ensure_future(make(made)) for _ in range(20)]
        await asyncio.sleep(0)
        made.store.close()
        assert sorted(await asyncio.gather(*waiting)) == list(range(1, 21))

    asyncio.run(main())
    assert not (tmp_path / "vain.db-wal").exists()
    assert rows(tmp_path, "SELECT count(*) FROM tasks") == [(20,)]


def test_numbers_go_on_after_a_restart_and_the_log_keeps_its_name(tmp_path: Path) -> None:
    async def begin(made: Opened) -> str:
        tracker = Tracker(made.store)
        for _ in range(3):
            await make(made)
        await tracker.delete(3)
        return made.store.epoch

    async def go_on(made: Opened) -> str:
        assert made.store.seq == 4 and await make(made) == 4
        assert made.published[0].seq == 5
        return made.store.epoch

    assert with_store(tmp_path, begin) == with_store(tmp_path, go_on)


def test_each_folder_has_a_log_of_its_own(tmp_path: Path) -> None:
    async def epoch(made: Opened) -> str:
        return made.store.epoch

    assert with_store(tmp_path / "a", epoch) != with_store(tmp_path / "b", epoch)


def test_a_number_made_and_deleted_in_one_commit_is_not_given_again(tmp_path: Path) -> None:
    async def begin(made: Opened) -> None:
        tracker = Tracker(made.store)
        assert (await in_one_commit(made.store, make(made), tracker.delete(1)))[1] == 2

    with_store(tmp_path, begin)
    assert with_store(tmp_path, make) == 2


@sqlite_only
def test_reads_never_write(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        with pytest.raises(apsw.ReadOnlyError):
            await made.store.read(lambda connection: connection.execute("DELETE FROM tasks"))

    with_store(tmp_path, work)


def test_a_read_sees_every_answered_write(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        for seq in range(1, 30):
            await make(made)
            events = await made.store.read(partial(reading.events_after, seq=seq - 1, limit=5))
            assert [event.seq for event in events] == [seq]

    with_store(tmp_path, work)


@sqlite_only
def test_the_file_is_sound_and_durable_by_setting(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        await make(made)
        assert sqlite(made.store).connection.pragma("synchronous") == 2
        assert sqlite(made.store).connection.pragma("journal_mode") == "wal"

    with_store(tmp_path, work)
    assert rows(tmp_path, "PRAGMA integrity_check") == [("ok",)]


@pytest.mark.slow
def test_the_log_stays_small_however_much_is_read(tmp_path: Path) -> None:
    """SQLite starts its log anew only at a moment when nobody reads."""

    async def work(made: Opened) -> int:
        tracker, ends = Tracker(made.store), time.monotonic() + 4
        await asyncio.gather(*(tracker.create(TaskDraft(name="x", description="d" * 1_000)) for _ in range(2_000)))
        size_bytes = 0

        async def read() -> None:
            while time.monotonic() < ends:
                await tracker.page(TaskQuery(text="x", sort="name"))

        async def write(task_id: int) -> None:
            nonlocal size_bytes
            while time.monotonic() < ends:
                await tracker.update(task_id, TaskPatch(message=str(time.monotonic())))
                size_bytes = max(size_bytes, (tmp_path / "vain.db-wal").stat().st_size)

        await asyncio.gather(*(read() for _ in range(8)), *(write(task_id) for task_id in range(1, 9)))
        return size_bytes

    assert with_store(tmp_path, work) < 32 << 20


class SyncCounting(apsw.VFS):
    """The system's files; what is synced is counted by file."""

    def __init__(self) -> None:
        self.synced: list[str] = []
        super().__init__("counting", "")

    def xOpen(self, name: object, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  (SQLite's name)
        return _SyncCountingFile(self.synced, name, flags)


class _SyncCountingFile(apsw.VFSFile):
    def __init__(self, synced: list[str], name: object, flags: list[int]) -> None:
        self._synced = synced
        self._name = str(name.filename() if isinstance(name, apsw.URIFilename) else name)
        super().__init__("", name, flags)  # type: ignore[arg-type]

    def xSync(self, flags: int) -> None:  # noqa: N802  (SQLite's name)
        super().xSync(flags)
        self._synced.append(self._name)


@sqlite_only
def test_a_reader_from_outside_holds_up_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup, a check, somebody's SQL: they pass no gate, and may read for long."""
    monkeypatch.setattr("vain.store.sqlite_engine.LOG_PAGES", 20)

    async def work(made: Opened) -> float:
        await make(made)
        sqlite(made.store)._restart_at = 20
        with closing(open_for_reading(tmp_path / "vain.db")) as outside:
            outside.execute("BEGIN")
            assert outside.execute("SELECT count(*) FROM tasks").get == 1
            began = time.monotonic()
            for number in range(60):
                await make(made, f"task {number}")
            return time.monotonic() - began

    assert with_store(tmp_path, work) < 4


@sqlite_only
def test_the_log_is_synced_before_a_write_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vfs = SyncCounting()
    real = apsw.Connection
    monkeypatch.setattr(apsw, "Connection", lambda path, **more: real(path, vfs="counting", **more))

    async def work(made: Opened) -> None:
        await make(made)
        for _ in range(10):
            vfs.synced.clear()
            await make(made)
            assert [name for name in vfs.synced if name.endswith("vain.db-wal")], vfs.synced

    with_store(tmp_path, work)
    vfs.unregister()
