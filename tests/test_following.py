"""A watch, as asyncio follows it: nothing is missed and nothing repeated, whenever the line is cut."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from tests.live_server import live_server
from tests.stream_board import SAMPLE, Board, board
from tests.web.sockets import until
from vain import joining, resuming
from vain.async_client import AsyncClient, ChartsChange, Event, Snapshot, TaskChange, Watch
from vain.errors import Forbidden, Invalid, NotAcceptable, Unauthenticated, Unavailable
from vain.notification import Notification
from vain.samples import Sample

TASKS = ["taskUpdate"]


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "SHORTEST_PAUSE_SECONDS", 0.01)


@pytest.fixture(autouse=True, scope="module")
def _old_things_rest() -> Iterator[None]:
    """A collection is quick once it need not look at all that was imported."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """What was not closed is a ResourceWarning once it is collected, and with it an error."""
    yield
    gc.collect()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):
            await work()

    asyncio.run(whole())


def told(event: Event) -> tuple[str, int, int]:
    assert isinstance(event, TaskChange)
    return event.action, event.task.task_id, event.task.version


async def taken(watch: Watch, count: int) -> list[tuple[str, int, int]]:
    async with asyncio.timeout(5):
        return [told(await anext(watch)) for _ in range(count)]


async def nothing_follows(watch: Watch, board: Board, mark: int = 999) -> None:
    """The next event is the one that is made now."""
    await board.create(mark)
    assert await taken(watch, 1) == [("created", mark, 1)]


@asynccontextmanager
async def watching(board: Board, tasks: int = 0, types: Any = TASKS, **more: Any) -> AsyncIterator[Watch]:
    """A watch that stands, on a board with some tasks from before."""
    for number in range(1, tasks + 1):
        await board.create(number)
    async with AsyncClient(board.url, timeout_seconds=2) as client:
        watch = client.watch(types, **more)
        await watch.open()
        yield watch


def test_the_first_connection_delivers_what_comes_after_it_and_no_history() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=3) as watch:
            await server.update(2)
            await server.delete(3)
            assert await taken(watch, 2) == [("updated", 2, 2), ("deleted", 3, 1)]

    run(work)


def test_a_change_carries_the_whole_task_and_what_changed() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            await server.create(1)
            changed = {"type": "taskUpdate", "action": "updated", "changed": ["status"], "previous_status": "pending"}
            await server.commit(**{**server.tasks[1], "version": 2, "status": "completed"}, **changed)
            await anext(watch)
            event = await anext(watch)
            assert isinstance(event, TaskChange) and event.task.status == "completed"
            assert (event.changed, event.previous_status, event.seq) == (["status"], "pending", 2)

    run(work)


@pytest.mark.parametrize("moment", ["subscribed", "answered"])
def test_what_happens_while_the_first_connection_is_answered_comes_once(moment: str) -> None:
    async def work() -> None:
        async with board() as server:
            await server.create(1)

            async def change() -> None:
                await server.create(2)
                await server.update(1)

            server.at[moment] = change
            async with AsyncClient(server.url) as client:
                watch = client.watch(TASKS)
                await watch.open()
                if moment == "answered":
                    assert await taken(watch, 2) == [("created", 2, 1), ("updated", 1, 2)]
                await nothing_follows(watch, server)

    run(work)


def test_a_watch_may_begin_before_its_server() -> None:
    async def work() -> None:
        async with board() as server:
            await server.stop()
            async with AsyncClient(server.url) as client:
                watch = client.watch(TASKS)
                opening = asyncio.create_task(watch.open())
                await asyncio.sleep(0.03)
                await server.start()
                await opening
                await nothing_follows(watch, server)

    run(work)


CHANGES: dict[str, tuple[Callable[[Board], Awaitable[None]], tuple[str, int, int]]] = {
    "created": (lambda server: server.create(3), ("created", 3, 1)),
    "updated": (lambda server: server.update(1), ("updated", 1, 2)),
    "deleted": (lambda server: server.delete(2), ("deleted", 2, 1)),
}


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize("moment", ["away", "refused", "handshake", "opened", "subscribed", "answered"])
def test_a_change_at_any_moment_of_a_lost_connection_comes_exactly_once(moment: str, action: str) -> None:
    change, expected = CHANGES[action]

    async def work() -> None:
        async with board() as server, watching(server, tasks=2) as watch:
            if moment in ("away", "refused"):
                await server.stop()
                if moment == "refused":
                    asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
                    await asyncio.sleep(0.03)
                await change(server)
                await server.start()
                event = await (asked if moment == "refused" else anext(watch))
            else:
                server.at[moment] = lambda: change(server)
                await server.cut()
                event = await anext(watch)
            assert told(event) == expected
            await nothing_follows(watch, server)

    run(work)


def test_what_was_missed_comes_as_the_events_that_it_was() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1) as watch:
            await server.stop()
            await server.create(2)
            await server.delete(2)
            await server.update(1, status="in-progress")
            await server.update(1, message="half")
            await server.start()
            missed = [("created", 2, 1), ("deleted", 2, 1), ("updated", 1, 2), ("updated", 1, 3)]
            assert await taken(watch, 4) == missed
            await nothing_follows(watch, server)

    run(work)


def test_a_position_goes_on_where_another_watch_stopped() -> None:
    async def work() -> None:
        async with board() as server:
            async with watching(server, tasks=1) as watch:
                assert watch.position == "e1:1"
                await server.update(1)
                await server.update(1)
                assert await taken(watch, 1) == [("updated", 1, 2)]
                position = watch.position
            assert position == "e1:2"
            await server.update(1)
            async with watching(server, since=position) as watch:
                assert await taken(watch, 2) == [("updated", 1, 3), ("updated", 1, 4)]
                assert watch.position == "e1:4"

    run(work)


RESETS: dict[str, Callable[[Board], None]] = {
    "expired": lambda server: server.forget(before=5),
    "epoch": lambda server: setattr(server, "epoch", "e2"),
    "ahead": lambda server: server.log.__delitem__(slice(1, None)),
}


@pytest.mark.parametrize("reason", RESETS)
def test_events_that_are_not_to_be_had_are_told_by_a_snapshot_with_reset(reason: str) -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=2) as watch:
            await server.stop()
            server.part_size = 1
            await server.create(3)
            await server.update(1)
            await server.delete(2)
            RESETS[reason](server)
            await server.start()
            event = await anext(watch)
            assert isinstance(event, Snapshot) and event.reset and event.reason == reason
            assert {task.task_id: task.version for task in event.tasks} == {1: 2, 3: 1}
            assert watch.position == f"{server.epoch}:{server.seq}"
            await nothing_follows(watch, server)

    run(work)


def test_a_snapshot_that_was_asked_for_comes_first_and_whole() -> None:
    async def work() -> None:
        async with board() as server:
            server.part_size = 2
            async with watching(server, tasks=5, snapshot=True) as watch:
                event = await anext(watch)
                assert isinstance(event, Snapshot) and not event.reset and event.seq == 5
                assert [task.task_id for task in event.tasks] == [1, 2, 3, 4, 5]
                await nothing_follows(watch, server)
            async with watching(server, snapshot=True, since="e1:5") as watch:
                assert await taken(watch, 1) == [("created", 999, 1)]

    run(work)


def test_a_snapshot_that_broke_off_comes_whole_the_next_time() -> None:
    async def work() -> None:
        async with board() as server:
            server.part_size = 1
            server.at["part 2"] = server.cut
            async with watching(server, tasks=3, snapshot=True) as watch:
                event = await anext(watch)
                assert isinstance(event, Snapshot) and [task.task_id for task in event.tasks] == [1, 2, 3]
                assert len(server.asked) == 2
                await nothing_follows(watch, server)

    run(work)


def test_a_hole_in_the_numbers_is_a_lost_connection() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=2, types=["taskUpdate", "notification"]) as watch:
            await server.update(1)
            assert await taken(watch, 1) == [("updated", 1, 2)]
            kept, server.followers = server.followers, {}
            await server.update(2)  # is told to nobody
            server.followers = kept
            await server.update(1)
            assert await taken(watch, 2) == [("updated", 2, 2), ("updated", 1, 3)]
            assert server.handshakes == 2
            await nothing_follows(watch, server)

    run(work)


def test_an_event_that_comes_again_is_dropped() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            for number in (1, 2):
                await server.create(number)
            await server.send(**server.log[0])
            assert await taken(watch, 2) == [("created", 1, 1), ("created", 2, 1)]
            await nothing_follows(watch, server)
            assert server.handshakes == 1

    run(work)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))])
def test_whatever_happens_each_event_comes_once_and_in_order(seed: int) -> None:
    """A server whose line is cut at random, at every step of connecting."""
    dice = random.Random(seed)

    async def work() -> None:
        async with board() as server, watching(server, types=["taskUpdate", "notification"]) as watch:
            seen: list[int] = []

            async def follow() -> None:
                async for event in watch:
                    assert isinstance(event, TaskChange | Notification)
                    assert watch.position is not None
                    seen.append(int(watch.position.partition(":")[2]))

            async def change() -> None:
                for _ in range(dice.randint(1, 3)):
                    number = server.seq + 1
                    await dice.choice((server.create, server.notify))(number)

            following = asyncio.create_task(follow())
            for _ in range(15):
                moments = ("handshake", "opened", "subscribed", "answered")
                server.at = {moment: change for moment in moments if dice.random() < 0.4}
                await change()
                await dice.choice((server.cut, server.stop, lambda: asyncio.sleep(0)))()
                await change()
                if server._server is None:
                    await asyncio.sleep(dice.random() * 0.01)
                    await server.start()
                await asyncio.sleep(dice.random() * 0.01)
            server.at = {}
            await until(lambda: len(seen) >= server.seq or following.done())
            assert not following.done() and seen == list(range(1, server.seq + 1))
            following.cancel()

    run(work)


def test_bookmarks_move_the_position_over_what_a_filter_held() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1, tag="gpu") as watch:
            assert server.asked[0]["filter"] == {"tag": "gpu"}
            await server.send(type="bookmark", epoch="e1", seq=7)
            await server.send(
                **{**server.tasks[1], "type": "taskUpdate", "action": "updated", "seq": 8, "matches": False}
            )
            event = await anext(watch)
            assert isinstance(event, TaskChange) and not event.matches
            assert watch.position == "e1:8"

    run(work)


def test_each_kind_of_event_has_its_type_and_unknown_ones_are_read_over() -> None:
    async def work() -> None:
        async with board() as server, watching(server, types=None) as watch:
            await server.send(type="fromTheFuture", charts=7)
            await server.send(type="performanceUpdate", **SAMPLE)
            await server.send(type="visualizationUpdate", charts=[])
            await server.notify(1)
            await server.create(1)
            assert [type(await anext(watch)) for _ in range(4)] == [Sample, ChartsChange, Notification, TaskChange]

    run(work)


def test_only_the_types_that_are_wanted_are_asked_for_and_others_are_refused_by_name() -> None:
    async def work() -> None:
        async with board() as server, watching(server, types=["notification"]) as watch:
            assert server.asked == [{"type": "subscribe", "streams": ["notifications"], "snapshot": False}]
            await server.create(1)
            await server.notify(1)
            assert isinstance(await anext(watch), Notification)
            async with AsyncClient(server.url) as client:
                with pytest.raises(ValueError, match="'tasks'"):
                    client.watch(["tasks"])  # type: ignore[list-item]  # what is refused
                with pytest.raises(Invalid) as refusal:
                    client.watch(status="done")  # type: ignore[arg-type]  # what is refused
                assert refusal.value.flaws[0].pointer == "/status"
                with pytest.raises(ValueError, match="no position"):
                    client.watch(since="yesterday")

    run(work)


@pytest.mark.parametrize(("status", "error"), [(401, Unauthenticated), (403, Forbidden)])
def test_a_refusal_is_raised_and_not_tried_again(status: int, error: type[Exception]) -> None:
    async def work() -> None:
        async with board() as server:
            server.refusal = HTTPStatus(status)
            async with AsyncClient(server.url) as client:
                with pytest.raises(error, match="Not you"):
                    await anext(client.watch())
            assert server.handshakes == 1

    run(work)


def test_a_server_that_speaks_no_such_protocol_is_named() -> None:
    async def work() -> None:
        server = Board()
        server.speaks = False
        await server.start()
        async with AsyncClient(server.url) as client:
            with pytest.raises(NotAcceptable, match="older vAIn"):
                await anext(client.watch())
        await server.stop()

    run(work)


def test_what_the_server_says_of_a_subscription_is_raised() -> None:
    async def work() -> None:
        async with board() as server:
            flaw = {"detail": "No such tag.", "pointer": "/filter/tag"}

            async def refuse() -> None:
                (connection,) = server.sockets
                error = {"type": "error", "status": 422, "detail": "It is wrong.", "errors": [flaw]}
                await connection.send(json.dumps(error))

            server.at["subscribed"] = refuse
            async with AsyncClient(server.url) as client:
                with pytest.raises(Invalid, match="wrong") as refusal:
                    await anext(client.watch())
            assert refusal.value.flaws[0].pointer == "/filter/tag"

    run(work)


def test_a_key_that_ends_meanwhile_ends_the_watch() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            for connection in tuple(server.sockets):
                await connection.close(4401, "key expired")
            with pytest.raises(Unauthenticated, match="key expired"):
                await anext(watch)

    run(work)


def test_another_refusal_is_tried_again_until_it_ends() -> None:
    async def work() -> None:
        async with board() as server:
            server.refusal = HTTPStatus.SERVICE_UNAVAILABLE
            async with AsyncClient(server.url) as client:
                opening = asyncio.create_task(client.watch(TASKS).open())
                await until(lambda: server.handshakes >= 3)
                server.refusal = None
                await opening

    run(work)


def test_an_outage_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            await server.stop()
            asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
            await asyncio.sleep(0.1)  # it is refused a few times
            await server.start()
            await server.create(1)
            await asked

    run(work)
    told_of = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(told_of) == 2 and "no connection" in told_of[0] and "connected" in told_of[1]


@pytest.mark.slow
def test_a_server_that_says_nothing_any_more_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "SILENT_SECONDS", 0.1)

    async def work() -> None:
        async with board() as server, watching(server) as watch:
            asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
            server.followers.clear()
            await until(lambda: server.handshakes >= 2)
            await server.create(1)
            assert told(await asked) == ("created", 1, 1)

    run(work)


def others() -> set[asyncio.Task[Any]]:
    """The tasks that somebody else left: the test's own server has some for each of its connections."""
    return {task for task in asyncio.all_tasks() if "serve" not in repr(task.get_coro())} - {
        asyncio.current_task()  # type: ignore[arg-type]  # there is one
    }


def test_a_loop_that_is_left_ends_the_connection() -> None:
    async def work() -> None:
        async with board() as server, AsyncClient(server.url) as client:
            server.at["answered"] = lambda: server.create(1)
            async for _ in client.watch(TASKS):
                break
            await server.gone()
            assert not client._running and not others()

    run(work)


def test_a_watcher_that_is_cancelled_ends_the_connection() -> None:
    async def work() -> None:
        async with board() as server, AsyncClient(server.url) as client:

            async def follow() -> None:
                async for _ in client.watch(TASKS):
                    pass

            following = asyncio.create_task(follow())
            await until(lambda: bool(server.sockets))
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
            await server.gone()
            assert not others()

    run(work)


def test_the_end_of_the_event_loop_ends_a_watch_that_nobody_closed(tmp_path: Path) -> None:
    left: list[Watch] = []
    with live_server(tmp_path) as url:

        async def work() -> None:
            watch = AsyncClient(url).watch()
            await watch.open()
            await anext(watch)
            left.append(watch)

        asyncio.run(work())
        assert left[0]._follower.ended.is_set()
        left.clear()


@pytest.mark.parametrize("state", ["listening", "connecting", "asking", "waiting", "busy", "unused", "open"])
def test_close_ends_a_watch_in_any_state(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if state == "waiting":
        monkeypatch.setattr(resuming.Pauses, "next_seconds", lambda pauses, asked: 60.0)
    reached = asyncio.Event()

    async def work() -> None:
        release = asyncio.Event()

        async def hold() -> None:
            reached.set()
            await release.wait()

        async with board() as server:
            client = AsyncClient(server.url)
            watch = client.watch(TASKS)
            if state in ("connecting", "asking"):
                server.at["handshake" if state == "connecting" else "subscribed"] = hold

            async def follow() -> int:
                count = 0
                async for _ in watch:
                    count += 1
                    await hold()
                return count

            if state in ("listening", "busy", "waiting", "open"):
                await watch.open()
            if state == "busy":
                await server.create(1)
            following = None if state in ("unused", "open") else asyncio.create_task(follow())
            if state in ("connecting", "asking", "busy"):
                await reached.wait()
            if state == "waiting":
                await server.cut()
            await asyncio.sleep(0.01)
            began = time.monotonic()
            await client.close()
            assert time.monotonic() - began < 0.4
            release.set()
            if following is not None:
                assert await following == (state == "busy")
            await server.gone()
            assert not others() and not client._running

    run(work)


def test_close_that_is_cut_short_leaves_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "CLOSING_SECONDS", 30.0)

    async def work() -> None:
        async with board() as server:
            client = AsyncClient(server.url)
            watches = [client.watch(TASKS), client.watch(TASKS)]
            for watch in watches:
                await watch.open()
            for connection in tuple(server.sockets):
                connection.transport.pause_reading()  # it never says goodbye
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.close()
            await asyncio.sleep(0)
            assert all(watch._follower._socket is None or watch._follower._closing for watch in watches)
            for connection in tuple(server.sockets):
                connection.transport.resume_reading()
            await server.gone()

    run(work)


def test_open_says_that_the_watch_was_closed_meanwhile() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        client = AsyncClient(f"http://127.0.0.1:{port}")
        opening = asyncio.create_task(client.watch().open())
        await asyncio.sleep(0.02)
        await client.close()
        with pytest.raises(Unavailable):
            await opening

    run(work)
