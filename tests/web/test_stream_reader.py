"""One reader's place in the stream, over a real store and without a network."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.store.engines import engine
from tests.store.opened import rows
from tests.web.sockets import run
from vain.errors import Unavailable
from vain.hub import Hub
from vain.messages import Filter, Subscribe
from vain.store.database import Store
from vain.tracker import Tracker
from vain.types import Event, TaskDraft, TaskPatch
from vain.web import feed
from vain.web.feed import Feed
from vain.web.stream_reader import Reader


class World:
    """A store, a small ring, and what is sent to one reader."""

    def __init__(self, folder: Path, frames: int = 8) -> None:
        self.folder = folder
        self.store = Store(engine(folder), self.publish)
        self.hub = Hub(self.store.epoch, self.store.seq, frames)
        self.tracker, self.feed = Tracker(self.store), Feed(self.hub, self.store)
        self.reader = Reader(self.feed, lambda type_, seq, body: body + b"\n")

    def publish(self, events: list[Event]) -> None:
        self.hub.publish(events)

    async def next(self) -> list[dict[str, Any]]:
        """The messages of the next piece."""
        self.feed.forget()
        piece = self.reader.at_hand()
        if piece is None:
            piece = await self.reader.from_store()
        return [msgspec.json.decode(line) for line in piece.splitlines()]

    async def until(self, type_: str) -> list[dict[str, Any]]:
        """All messages up to the first of a type."""
        found: list[dict[str, Any]] = []
        while not any(message["type"] == type_ for message in found):
            found += await self.next()
        return found

    async def make(self, count: int = 1, **fields: Any) -> None:
        for _ in range(count):
            await self.tracker.create(TaskDraft(name="x", **fields))


def in_world(folder: Path, work: Any, **options: Any) -> None:
    async def main() -> None:
        world = World(folder, **options)
        try:
            await work(world)
        finally:
            await asyncio.to_thread(world.store.close)

    run(main())


def test_before_it_is_asked_for_nothing_is_sent(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.make()
        world.reader.owe_bookmark()
        assert await world.next() == [] and not world.reader.is_subscribed

    in_world(tmp_path, work)


@pytest.mark.parametrize("seed", range(6))
def test_a_snapshot_and_what_follows_are_the_tasks_whatever_happens_meanwhile(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(feed, "PART_BYTES", 1_500)
    monkeypatch.setattr(feed, "UNSEEN_EVENTS", 5)

    async def change(world: World) -> None:
        known = [number for (number,) in rows(world.folder, "SELECT task_id FROM tasks")]
        what = chance.choice(["create", "update", "update", "delete"] if known else ["create"])
        if what == "create":
            await world.make(priority=chance.choice(["low", "high"]))
        elif what == "update":
            await world.tracker.update(chance.choice(known), TaskPatch(priority=chance.choice(["low", "high"])))
        else:
            await world.tracker.delete(chance.choice(known))

    async def work(world: World) -> None:
        await world.make(10)
        wanted = Filter(priority="high") if seed % 2 else Filter()
        world.reader.subscribe(Subscribe(streams=["tasks"], filter=wanted))
        tasks: dict[int, dict[str, Any]] = {}
        at = 0
        for turn in range(150):
            if turn < 100 and chance.random() < 0.6:
                await asyncio.gather(*(change(world) for _ in range(chance.randrange(4))), return_exceptions=True)
            for message in await world.next():
                if message["type"] == "snapshot":
                    tasks |= {task["task_id"]: task for task in message["tasks"]}
                    for number in message["removed"]:
                        tasks.pop(number, None)
                    at = message["seq"]
                elif message["type"] == "taskUpdate":
                    assert message["seq"] > at
                    at = message["seq"]
                    stays = message["action"] != "deleted" and message.get("matches", True)
                    tasks.pop(message["task_id"], None)
                    tasks |= {message["task_id"]: message} if stays else {}
        stored = [msgspec.json.decode(body) for (body,) in rows(world.folder, "SELECT body FROM tasks")]
        right = {task["task_id"]: task for task in stored if seed % 2 == 0 or task["priority"] == "high"}
        assert tasks.keys() == right.keys()
        assert all(task.items() <= tasks[number].items() for number, task in right.items())

    in_world(tmp_path, work)


def test_what_was_asked_for_last_counts_even_while_the_store_is_read(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.make(3)
        world.reader.subscribe(Subscribe(streams=["tasks"]))
        assert world.reader.at_hand() is None
        reading = asyncio.ensure_future(world.reader.from_store())
        await asyncio.sleep(0)
        world.reader.subscribe(Subscribe(since=1, streams=["tasks"]))
        assert await reading == b""
        assert [message["seq"] for message in await world.until("taskUpdate")] == [1, 2, 3]

    in_world(tmp_path, work)


def test_a_thousand_that_come_back_at_once_do_not_ask_the_store(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        await world.make(3)
        for since in range(4):
            reader = Reader(world.feed, lambda type_, seq, body: body)
            reader.subscribe(Subscribe(since=since, epoch=world.hub.epoch))
            assert b'"resumed"' in (reader.at_hand() or b"")

    in_world(tmp_path, work)


def test_a_position_that_the_ring_does_not_know_yet_is_believed(tmp_path: Path) -> None:
    """A list that was read from the store may be of an event that is published a moment later."""

    async def work(world: World) -> None:
        await world.make(2)
        world.hub = world.feed.hub = Hub(world.store.epoch, 1)
        world.reader.subscribe(Subscribe(since=2, streams=["tasks"]))
        assert (await world.next())[0]["type"] == "resumed"
        world.hub.publish([])
        assert await world.next() == []

    in_world(tmp_path, work)


def test_while_a_reset_is_sent_in_parts_it_is_not_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PART_BYTES", 1)

    async def work(world: World) -> None:
        await world.make(2)
        world.reader.subscribe(Subscribe(since=4, streams=["tasks"]))
        (first,) = await world.next()
        await world.make(3)
        parts = [first, *await rest(world)]
        assert {part["reason"] for part in parts} == {"ahead"} and all(part["reset"] for part in parts)
        assert sum(len(part["tasks"]) for part in parts) == 5

    async def rest(world: World) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while not found or found[-1]["more"]:
            found += await world.next()
        return found

    in_world(tmp_path, work)


def test_events_that_are_gone_are_never_passed_over(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.reader.subscribe(Subscribe(since=0, streams=["tasks"]))
        await world.next()
        await world.make(20)
        await world.store.write(lambda transaction: transaction._ledger.connection.execute("DELETE FROM events"))
        with pytest.raises(Unavailable, match="left the log"):
            await world.next()

    in_world(tmp_path, work)


def test_equal_questions_are_one_read_of_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(world: World) -> None:
        await world.make(2)
        reads = 0
        real = world.store.read

        async def counted(query: Any) -> Any:
            nonlocal reads
            reads += 1
            return await real(query)

        monkeypatch.setattr(world.store, "read", counted)
        readers = [Reader(world.feed, lambda type_, seq, body: body) for _ in range(20)]
        for reader in readers:
            reader.subscribe(Subscribe(streams=["tasks"], filter=Filter(status=["pending"])))
        pieces = await asyncio.gather(*(reader.from_store() for reader in readers))
        assert reads == 1 and all(b'"name":"x"' in piece for piece in pieces)

    in_world(tmp_path, work)
