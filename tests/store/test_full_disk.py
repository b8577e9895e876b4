"""A full disk: what is there can be read, nothing half-written stays, and writing goes on once there is space."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.opened import Opened, rows, with_store
from tests.store.small_disk import filled_up, mounted
from vain.errors import StoreFull
from vain.tracker import Tracker
from vain.types import TaskDraft

pytestmark = pytest.mark.slow

LIMIT_BYTES = 400_000

SCRIPT = """
import asyncio, logging, resource, signal, sys
from pathlib import Path
from vain.errors import StoreFull, Unavailable
from vain.store.database import Store
from vain.store.sqlite_engine import SqliteEngine
from vain.tracker import Tracker
from vain.types import TaskDraft, TaskPatch

async def main():
    logging.disable()
    published = []
    store = Store(SqliteEngine(Path(sys.argv[1])), published.extend)
    tracker = Tracker(store)
    made = []
    refused = 0
    while not refused:
        try:
            made.append(await tracker.create(TaskDraft(name="x", description="d" * 9_000)))
        except (StoreFull, Unavailable):
            refused += 1
    for _ in range(3):
        try:
            await tracker.create(TaskDraft(name="x", description="d" * 9_000))
        except (StoreFull, Unavailable):
            refused += 1
    assert refused == 4, refused
    assert [(await tracker.get(task.task_id)).body for task in made] == [task.body for task in made]
    assert (await tracker.listed()).total == len(made) == len(published)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    again = await tracker.create(TaskDraft(name="there is space again"))
    assert again.task_id == len(made) + 1, again
    assert [event.seq for event in published] == list(range(1, len(made) + 2))
    store.close()
    print(len(made))

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
asyncio.run(main())
"""


def test_a_file_that_may_not_grow_refuses_writes_and_goes_on_reading(tmp_path: Path) -> None:
    """A limit on the size of files fails where a full disk does; to SQLite it is an error of the disk."""
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "data"), str(LIMIT_BYTES)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert ended.returncode == 0, ended.stderr[-2_000:]
    kept = int(ended.stdout)
    assert rows(tmp_path / "data", "SELECT count(*), max(seq) FROM events") == [(kept + 1, kept + 1)]
    assert rows(tmp_path / "data", "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MiB. Needs the right to mount."""
    with mounted(tmp_path / "disk") as folder:
        yield folder


async def fill(tracker: Tracker) -> None:
    for _ in range(2_000):
        await tracker.create(TaskDraft(name="x", description="d" * 9_000))


def test_a_full_disk_refuses_writes_until_there_is_space(small_disk: Path) -> None:
    async def work(made: Opened) -> int:
        tracker = Tracker(made.store)
        first = await tracker.create(TaskDraft(name="x"))
        filler = await asyncio.to_thread(filled_up, small_disk)
        with pytest.raises(StoreFull, match="full"):
            await fill(tracker)
        assert (await tracker.get(1)).body == first.body
        before = (await tracker.listed()).total
        filler.unlink()
        assert (await tracker.create(TaskDraft(name="again"))).task_id == before + 1
        assert [event.seq for event in made.published] == list(range(1, before + 2))
        return before + 1

    kept = with_store(small_disk / "data", work)
    assert rows(small_disk / "data", "SELECT count(*) FROM tasks") == [(kept,)]
