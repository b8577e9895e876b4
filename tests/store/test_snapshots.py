"""All tasks in parts, while they change."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.store.opened import Opened, rows, with_store
from vain.messages import Filter
from vain.store import snapshots
from vain.store.snapshots import Cursor, Part
from vain.subscription import Log, TaskFilter
from vain.tracker import Tracker
from vain.types import Task, TaskDraft, TaskPatch, TaskSource


class Reader:
    """Sets and takes out what each part says."""

    def __init__(self, made: Opened, filter_: TaskFilter | None = None, size_bytes: int = 2_000) -> None:
        self._store, self._filter, self._size = made.store, filter_, size_bytes
        self.tasks: dict[int, bytes] = {}
        self.cursor: Cursor | None = None
        self.sizes: list[int] = []

    async def take(self) -> bool:
        """One part; whether it was the last."""
        query = partial(snapshots.part_after, cursor=self.cursor, filter_=self._filter, size_bytes=self._size)
        part: Part = await self._store.read(query)
        self.tasks |= {msgspec.json.decode(body, type=Task).task_id: body for body in part.bodies}
        for task_id in part.removed:
            self.tasks.pop(task_id, None)
        self.cursor = part.after
        self.sizes.append(sum(map(len, part.bodies)))
        return part.is_last


async def take_all(reader: Reader, between: Callable[[], Awaitable[object]] | None = None) -> None:
    while not await reader.take():
        if between is not None:
            await between()


def stored(folder: Path) -> dict[int, bytes]:
    return dict(rows(folder, "SELECT task_id, body FROM tasks"))


def head(folder: Path) -> int:
    return int(rows(folder, "SELECT coalesce(max(seq), 0) FROM events")[0][0])


async def fill(made: Opened, count: int) -> Tracker:
    tracker = Tracker(made.store)
    for number in range(count):
        await tracker.create(TaskDraft(name=f"task {number}", priority=("low", "high")[number % 2]))
    return tracker


def test_nothing_is_one_part(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        reader = Reader(made)
        assert await reader.take() and reader.tasks == {} and reader.cursor is not None and reader.cursor.seq == 0

    with_store(tmp_path, work)


def test_the_parts_are_all_tasks_and_none_is_large(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        await fill(made, 30)
        reader = Reader(made)
        await take_all(reader)
        assert reader.tasks == stored(tmp_path) and reader.cursor is not None and reader.cursor.seq == 30
        assert len(reader.sizes) > 5 and max(reader.sizes) < 2_000 + 1_000

    with_store(tmp_path, work)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_changes_meanwhile_the_end_is_as_of_one_event(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)

    async def work(made: Opened) -> None:
        tracker = await fill(made, 20)
        wanted = TaskFilter.of(Filter(priority="high")) if seed % 2 else None
        reader = Reader(made, wanted, chance.choice([1, 700, 5_000]))

        async def change() -> None:
            for _ in range(chance.randrange(4)):
                known = list(stored(tmp_path))
                what = chance.choice(["create", "update", "update", "delete"])
                if what == "create" and len(known) < 30:
                    await tracker.create(TaskDraft(name="new", priority="high"))
                elif what == "delete" and len(known) > 5:
                    await tracker.delete(chance.choice(known))
                elif known:
                    patch = TaskPatch(priority=chance.choice(["low", "high"]), message=str(chance.random()))
                    await tracker.update(chance.choice(known), patch)

        await take_all(reader, change)
        assert reader.cursor is not None and reader.cursor.seq == head(tmp_path)
        right = {
            number: body
            for number, body in stored(tmp_path).items()
            if wanted is None or wanted.holds(msgspec.json.decode(body, type=Task))
        }
        assert reader.tasks == right

    with_store(tmp_path, work)


def test_many_changes_come_in_parts_too(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = await fill(made, 3)
        reader = Reader(made, size_bytes=1)
        assert not await reader.take()
        for number in range(snapshots.CHANGES + 5):
            await tracker.update(1, TaskPatch(message=f"step {number}"))
        await take_all(reader)
        assert reader.tasks == stored(tmp_path) and max(reader.sizes) < 2_000

    with_store(tmp_path, work)


def test_the_log_says_where_it_begins_and_ends(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        bounds = partial(snapshots.log_bounds, epoch="e")
        assert await made.store.read(bounds) == Log("e", 1, 0)
        await fill(made, 3)
        assert await made.store.read(bounds) == Log("e", 1, 3)

    with_store(tmp_path, work)


def test_an_event_tells_what_was_before(tmp_path: Path) -> None:
    async def work(made: Opened) -> None:
        tracker = await fill(made, 1)
        await tracker.update(1, TaskPatch(status="in-progress"))
        await tracker.update(1, TaskPatch(tags=["a"], message="half"))
        for source in (TaskSource("gpu-1", 41), None):
            await tracker.update(1, TaskPatch(source=source))
        await tracker.delete(1)

    with_store(tmp_path, work)
    bodies = [msgspec.json.decode(body) for (body,) in rows(tmp_path, "SELECT body FROM events ORDER BY seq")]
    assert [body.get("previous") for body in bodies] == [
        None, None, {"message": "", "tags": []}, {"source": None}, {"source": bodies[3]["source"]}, None,
    ]  # fmt: skip
    assert (bodies[3]["source"]["host"], bodies[4]["source"]) == ("gpu-1", None)
