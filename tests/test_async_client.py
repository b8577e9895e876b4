"""AsyncClient: its calls, and a watch that misses nothing and repeats nothing, whenever the line is cut."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

import vain
from tests.live_server import live_server
from tests.server_process import ServerProcess, server_process
from tests.web.sockets import until
from vain import following
from vain.async_client import AsyncClient, ChartsChange, Event, TaskChange, Watch
from vain.client import Client
from vain.clock import utc
from vain.errors import Forbidden, NotFound, TimedOut, Unauthenticated, Unavailable, Unreachable
from vain.samples import Sample
from vain.types import Notification

Step = Callable[[], Awaitable[None]]
SAMPLE = {"cpu_usage": 5.0, "memory_usage": 50.0, "disk_usage": 1.0, "uptime": 9.0, "timestamp": "x", "host": "box"}
TASKS = ["taskUpdate"]


class Board:
    """A server that commits what a test tells it, when the test tells it: also at each step of a connection."""

    def __init__(self) -> None:
        self.tasks: dict[int, dict[str, Any]] = {}
        self.notes: list[dict[str, Any]] = []
        self.seq = self.port = self.handshakes = 0
        self.date: str | None = None
        self.refusal: HTTPStatus | None = None
        self.at: dict[str, Step] = {}
        """What to do, once, at: ``handshake``, ``opened``, ``asked`` (for the tasks), ``read`` (on the way)."""
        self.sockets: set[ServerConnection] = set()
        self.stands = False
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await serve(
            self._follow, "127.0.0.1", self.port, process_request=self._respond, compression=None, close_timeout=0.1,
        )  # fmt: skip
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            # asyncio loses a connection that it takes just as its server is closed.
            for listening in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listening.fileno())
            await asyncio.sleep(0.001)
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def create(self, task_id: int, **fields: Any) -> None:
        now = utc(time.time())
        task = {"task_id": task_id, "name": f"task {task_id}", "status": "pending", "priority": "medium", "version": 1}
        self.tasks[task_id] = {**task, "created_at": now, "updated_at": now, **fields}
        await self._tell_of(self.tasks[task_id], "created")

    async def update(self, task_id: int, **fields: Any) -> None:
        task = self.tasks[task_id]
        self.tasks[task_id] = {**task, "version": task["version"] + 1, "updated_at": utc(time.time()), **fields}
        await self._tell_of(self.tasks[task_id], "updated")

    async def delete(self, task_id: int) -> None:
        await self._tell_of(self.tasks.pop(task_id), "deleted")

    async def notify(self, number: int) -> None:
        now = utc(time.time())
        note = {"notification_id": number, "timestamp": now, "kind": "k", "level": "info", "title": f"note {number}"}
        self.notes.insert(0, note)
        await self.commit(**note, type="notification")

    async def commit(self, **event: Any) -> None:
        self.seq += 1
        await self.send(**event, seq=self.seq)

    async def send(self, **message: Any) -> None:
        broadcast(self.sockets, json.dumps(message))

    async def cut(self) -> None:
        """Every connection, without a word."""
        for connection in tuple(self.sockets):
            self.sockets.discard(connection)
            connection.transport.abort()

    async def gone(self) -> None:
        """Once nobody is connected any more."""
        await until(lambda: not self.sockets)

    async def _tell_of(self, task: dict[str, Any], action: str) -> None:
        await self.commit(**task, type="taskUpdate", action=action, changed=[], previous_status=None)

    async def _step(self, name: str) -> None:
        if name in self.at:
            await self.at.pop(name)()

    async def _follow(self, connection: ServerConnection) -> None:
        self.sockets.add(connection)
        self.stands = True
        try:
            await self._step("opened")
            await connection.wait_closed()
        finally:
            self.sockets.discard(connection)

    async def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/ws/tasks":
            self.handshakes += 1
            self.stands = False
            await self._step("handshake")
            return None if self.refusal is None else connection.respond(self.refusal, '{"detail":"Not you."}')
        if path == "/tasks":
            # As with the real one, who knows that the connection stands is among those who are told of changes.
            await until(lambda: self.stands)
            await self._step("asked")
        body = {"/tasks": list(self.tasks.values()), "/notifications": self.notes}[path]
        response = connection.respond(HTTPStatus.OK, json.dumps(body))
        response.headers["Connection"] = "close"
        if path == "/tasks":
            await self._step("read")
        return response

    def stamped(self, connection: ServerConnection, request: Request, response: Response) -> None:
        if self.date is not None:
            del response.headers["Date"]
            response.headers["Date"] = self.date


@asynccontextmanager
async def board() -> AsyncIterator[Board]:
    board = Board()
    await board.start()
    try:
        yield board
    finally:
        await board.stop()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "SHORTEST_WAIT_SECONDS", 0.01)


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
async def watching(board: Board, tasks: int = 0, types: Any = TASKS) -> AsyncIterator[Watch]:
    """A watch that stands, on a board with some tasks from before."""
    for number in range(1, tasks + 1):
        await board.create(number)
    await asyncio.sleep(0.003)  # the clock shows milliseconds, and what is as old as the watch is news to it
    async with AsyncClient(board.url, timeout_seconds=2) as client:
        watch = client.watch(types)
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


@pytest.mark.parametrize("moment", ["handshake", "opened", "asked", "read"])
def test_nothing_is_lost_from_when_the_first_event_is_asked_for(moment: str) -> None:
    async def work() -> None:
        async with board() as server:
            await server.create(1)
            await server.create(2)
            await asyncio.sleep(0.003)

            async def change() -> None:
                await server.create(3)
                await server.update(1)

            server.at[moment] = change
            async with AsyncClient(server.url) as client:
                watch = client.watch(TASKS)
                assert sorted(await taken(watch, 2)) == [("created", 3, 1), ("updated", 1, 2)]
                await nothing_follows(watch, server)

    run(work)


def test_a_deletion_while_the_first_connection_is_made_is_told() -> None:
    async def work() -> None:
        async with board() as server:
            await server.create(1)
            await asyncio.sleep(0.003)
            server.at["asked"] = lambda: server.delete(1)
            async with AsyncClient(server.url) as client:
                watch = client.watch(TASKS)
                assert await taken(watch, 1) == [("deleted", 1, 1)]
                await nothing_follows(watch, server)

    run(work)


def test_a_watch_may_begin_before_its_server() -> None:
    async def work() -> None:
        async with board() as server:
            await server.stop()
            async with AsyncClient(server.url) as client:
                first = asyncio.create_task(anext(client.watch(TASKS)))  # type: ignore[arg-type]  # any awaitable
                await asyncio.sleep(0.03)
                await server.create(1)
                await server.start()
                assert told(await first) == ("created", 1, 1)

    run(work)


CHANGES: dict[str, tuple[Callable[[Board], Awaitable[None]], tuple[str, int, int]]] = {
    "created": (lambda server: server.create(3), ("created", 3, 1)),
    "updated": (lambda server: server.update(1), ("updated", 1, 2)),
    "deleted": (lambda server: server.delete(2), ("deleted", 2, 1)),
}


@pytest.mark.parametrize("action", CHANGES)
@pytest.mark.parametrize("moment", ["away", "refused", "handshake", "opened", "asked", "read"])
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


def test_a_task_that_was_seen_and_is_gone_after_the_restart_is_told_deleted_once() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            await server.create(1)
            assert await taken(watch, 1) == [("created", 1, 1)]
            asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
            await server.stop()
            await asyncio.sleep(0.05)  # it is refused a few times
            server.at["asked"] = lambda: server.delete(1)
            await server.start()
            assert told(await asked) == ("deleted", 1, 1)
            await nothing_follows(watch, server)

    run(work)


def test_what_was_missed_comes_as_one_change_and_what_came_and_went_not_at_all() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1) as watch:
            await server.stop()
            await server.create(2)
            await server.delete(2)
            await server.update(1, status="in-progress")
            await server.update(1, message="half")
            await server.start()
            event = await anext(watch)
            assert told(event) == ("updated", 1, 3) and isinstance(event, TaskChange)
            assert event.seq is None and event.previous_status == "pending"
            assert {"status", "message"} <= set(event.changed)
            await nothing_follows(watch, server)

    run(work)


def test_events_of_a_task_that_was_found_deleted_do_not_bring_it_back() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1) as watch:

            async def change_and_delete() -> None:
                await server.update(1)
                await server.delete(1)

            server.at["asked"] = change_and_delete
            await server.cut()
            assert await taken(watch, 1) == [("deleted", 1, 1)]
            await nothing_follows(watch, server)

    run(work)


def test_of_a_task_that_was_made_unseen_created_comes_first_and_no_deletion_alone() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1) as watch:
            await server.stop()
            await server.create(2)
            await server.create(3)

            async def change() -> None:
                await server.update(2)
                await server.delete(2)
                await server.delete(3)

            server.at["asked"] = change
            await server.start()
            assert await taken(watch, 2) == [("created", 2, 2), ("deleted", 2, 2)]
            await nothing_follows(watch, server)

    run(work)


def test_a_hole_in_the_numbers_is_a_lost_connection() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=2) as watch:
            await server.update(1)
            assert await taken(watch, 1) == [("updated", 1, 2)]
            kept, server.sockets = server.sockets, set()
            await server.update(2)  # is told to nobody
            server.sockets = kept
            await server.update(1)
            assert sorted(await taken(watch, 2)) == [("updated", 1, 3), ("updated", 2, 2)]
            assert server.handshakes == 2
            await nothing_follows(watch, server)

    run(work)


def test_an_event_that_comes_again_is_dropped() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            for number in (1, 2):
                await server.create(number)
            await server.send(**server.tasks[1], type="taskUpdate", action="updated", seq=1)
            assert await taken(watch, 2) == [("created", 1, 1), ("created", 2, 1)]
            await nothing_follows(watch, server)
            assert server.handshakes == 1

    run(work)


def test_a_backup_that_was_restored_is_followed_from_where_it_is() -> None:
    async def work() -> None:
        async with board() as server, watching(server, tasks=1) as watch:
            for _ in range(3):
                await server.update(1)
            await taken(watch, 3)
            await server.stop()
            server.tasks[1]["version"], server.seq = 2, 1
            await server.start()
            assert await taken(watch, 1) == [("updated", 1, 2)]
            await server.update(1)
            assert await taken(watch, 1) == [("updated", 1, 3)]

    run(work)


@pytest.mark.parametrize("seed", [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))])
def test_whatever_happens_the_watcher_ends_with_what_the_server_has(seed: int) -> None:
    """A server whose line is cut at random, at every step of connecting: each version once, each deletion once."""
    dice = random.Random(seed)

    async def work() -> None:
        async with board() as server, watching(server, tasks=4) as watch:
            known = dict.fromkeys(server.tasks, 1)
            numbers = iter(range(5, 10_000))

            async def change() -> None:
                for _ in range(dice.randint(1, 3)):
                    wish = dice.choice(("create", "update", "update", "delete"))
                    if wish == "create" or not server.tasks:
                        await server.create(next(numbers))
                    elif wish == "update":
                        await server.update(dice.choice(list(server.tasks)))
                    else:
                        await server.delete(dice.choice(list(server.tasks)))

            async def follow() -> None:
                async for event in watch:
                    action, task_id, version = told(event)
                    if action == "deleted":
                        del known[task_id]
                    else:
                        assert action == ("updated" if task_id in known else "created")
                        assert version > known.get(task_id, 0)
                        known[task_id] = version

            following = asyncio.create_task(follow())
            for _ in range(15):
                server.at = {
                    moment: change for moment in ("handshake", "opened", "asked", "read") if dice.random() < 0.4
                }
                await change()
                await dice.choice((server.cut, server.stop, lambda: asyncio.sleep(0)))()
                await change()
                if server._server is None:
                    await asyncio.sleep(dice.random() * 0.01)
                    await server.start()
                await asyncio.sleep(dice.random() * 0.01)
            server.at = {}
            await until(lambda: known == {number: task["version"] for number, task in server.tasks.items()})
            assert not following.done()
            following.cancel()

    run(work)


def test_notifications_that_were_missed_come_in_order_and_once() -> None:
    async def work() -> None:
        async with board() as server:
            await server.notify(1)
            async with watching(server, types=["notification"]) as watch:
                await server.notify(2)
                await anext(watch)
                await server.stop()
                await server.notify(3)
                await server.notify(4)
                await server.start()
                server.at["read"] = lambda: server.notify(5)
                missed = [await anext(watch), await anext(watch)]
                await server.notify(6)
                events = [*missed, await anext(watch)]
                assert [event.notification_id for event in events if isinstance(event, Notification)] == [3, 4, 6]

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


def test_only_the_types_that_are_wanted_come_and_others_are_refused_by_name() -> None:
    async def work() -> None:
        async with board() as server, watching(server, types=["notification"]) as watch:
            await server.create(1)
            await server.send(type="performanceUpdate", **SAMPLE)
            await server.notify(1)
            assert isinstance(await anext(watch), Notification)
            async with AsyncClient(server.url) as client:
                with pytest.raises(ValueError, match="'tasks'"):
                    client.watch(["tasks"])  # type: ignore[list-item]  # what is refused

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


def test_a_key_that_ends_meanwhile_ends_the_watch() -> None:
    async def work() -> None:
        async with board() as server, watching(server) as watch:
            for connection in tuple(server.sockets):
                await connection.close(4401, "key expired")
            with pytest.raises(Unauthenticated):
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


def test_pauses_grow_to_ten_seconds_with_full_jitter_and_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    most: list[float] = []
    monkeypatch.setattr(following, "SHORTEST_WAIT_SECONDS", 0.2)
    monkeypatch.setattr(following.random, "uniform", lambda least, longest: most.append(longest) or least)

    async def work() -> None:
        async with board() as server, watching(server) as watch:
            await server.stop()
            asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
            await until(lambda: len(most) >= 9)
            await server.start()
            await server.create(1)
            await asked
            known = len(most)
            await server.cut()
            await server.create(2)
            await anext(watch)
            assert most[:8] == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0] and most[known] == 0.2

    run(work)


def test_a_clock_that_differs_from_the_servers_brings_no_history() -> None:
    async def work() -> None:
        async with board() as server:
            await server.stop()
            server.date = formatdate(time.time() + 3600, usegmt=True)
            server._server = await serve(
                server._follow, "127.0.0.1", server.port,
                process_request=server._respond, process_response=server.stamped, compression=None,
            )  # fmt: skip
            old = utc(time.time() + 3500)
            await server.create(1, created_at=old, updated_at=old)
            async with AsyncClient(server.url) as client:
                watch = client.watch(TASKS)
                await watch.open()
                await nothing_follows(watch, server)

    run(work)


@pytest.mark.slow
def test_a_silent_connection_is_kept_while_the_server_answers_and_left_when_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(following, "SILENT_SECONDS", 0.03)

    async def work() -> None:
        async with board() as server, watching(server) as watch:
            asked = asyncio.create_task(anext(watch))  # type: ignore[arg-type]  # any awaitable
            await asyncio.sleep(0.15)
            assert server.handshakes == 1
            for connection in tuple(server.sockets):
                server.sockets.discard(connection)
                connection.transport.pause_reading()
            await server.create(1)
            assert told(await asked) == ("created", 1, 1) and server.handshakes == 2

    run(work)


def others() -> set[asyncio.Task[Any]]:
    """The tasks that somebody else left: the test's own server has some for each of its connections."""
    return {task for task in asyncio.all_tasks() if "serve" not in repr(task.get_coro())} - {
        asyncio.current_task()  # type: ignore[arg-type]  # there is one
    }


def test_a_loop_that_is_left_ends_the_connection() -> None:
    async def work() -> None:
        async with board() as server, AsyncClient(server.url) as client:
            server.at["read"] = lambda: server.create(1)
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


@pytest.mark.parametrize("state", ["listening", "connecting", "reading", "waiting", "busy", "unused", "open"])
def test_close_ends_a_watch_in_any_state(state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if state == "waiting":
        monkeypatch.setattr(following, "SHORTEST_WAIT_SECONDS", 60.0)
        monkeypatch.setattr(following.random, "uniform", lambda least, longest: longest)
    reached = asyncio.Event()

    async def work() -> None:
        release = asyncio.Event()

        async def hold() -> None:
            reached.set()
            await release.wait()

        async with board() as server:
            client = AsyncClient(server.url)
            watch = client.watch(TASKS)
            if state in ("connecting", "reading"):
                server.at["handshake" if state == "connecting" else "asked"] = hold

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
            if state in ("connecting", "reading", "busy"):
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
    monkeypatch.setattr(following, "CLOSING_SECONDS", 30.0)

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


def test_close_cuts_off_a_call_that_is_under_way() -> None:
    async def work() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            client = AsyncClient(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=30)
            calling = asyncio.create_task(client.tasks())
            await asyncio.sleep(0.05)
            await client.close()
            with pytest.raises(Unreachable):
                async with asyncio.timeout(1):
                    await calling

    run(work)


def test_calls_are_those_of_the_client(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with vain.AsyncClient(url) as c:
            task = await c.create("backup", priority="high", tags=["nightly"])
            await c.append_log(task.task_id, "one\n")
            assert await c.log(task.task_id) == (b"one\n", 4)
            with pytest.raises(TimedOut):
                await c.wait(task.task_id, timeout_seconds=0)
            assert (await c.update(task.task_id, status="completed")).outcome == "succeeded"
            assert (await c.wait(task.task_id))[0] == await c.task(task.task_id)
            assert [each.name for each in await c.tasks(tag="nightly")] == ["backup"]
            assert await c.tasks(status="pending") == []
            assert (await c.ping("rsync", 3)).outcome == "failed"
            assert [change["action"] for change in await c.changes(task.task_id)] == ["created", "updated"]
            assert len(await c.notifications(1)) == 1 and (await c.performance()).uptime is not None
            await c.delete(task.task_id)
            with pytest.raises(NotFound):
                await c.task(task.task_id)

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


def test_a_real_server_tells_all_four_kinds(tmp_path: Path) -> None:
    async def work(url: str) -> None:
        async with AsyncClient(url) as c:
            watch = c.watch()
            await watch.open()
            task = await c.create("backup")
            await c.update(task.task_id, status="completed")
            await c.delete(task.task_id)
            seen: list[Event] = []
            async with asyncio.timeout(10):
                while {type(event) for event in seen} < {TaskChange, Notification, Sample}:
                    seen.append(await anext(watch))
                changes = [event.action for event in seen if isinstance(event, TaskChange)]
                while len(changes) < 3:
                    event = await anext(watch)
                    changes += [event.action] if isinstance(event, TaskChange) else []
            assert changes == ["created", "updated", "deleted"]

    with live_server(tmp_path) as url:
        asyncio.run(work(url))


@pytest.mark.slow
def test_a_real_server_that_is_killed_and_restarted_loses_and_repeats_nothing(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []

    async def follow(client: AsyncClient, opened: asyncio.Event) -> None:
        watch = client.watch(TASKS)
        await watch.open()
        opened.set()
        async for event in watch:
            seen.append(told(event))  # noqa: PERF401  # others look at it while it grows

    async def until_told(*expected: tuple[str, int, int]) -> None:
        await until(lambda: set(expected) <= set(seen), 15)

    def killed(server: ServerProcess) -> None:
        server.process.send_signal(signal.SIGKILL)
        server.end()

    async def work() -> None:
        with server_process(tmp_path / "data") as first:
            server, port = first, first.port
            async with AsyncClient(f"http://127.0.0.1:{port}", timeout_seconds=5) as client:
                opened = asyncio.Event()
                following = asyncio.create_task(follow(client, opened))
                await opened.wait()
                kept, doomed = await client.create("kept"), await client.create("doomed")
                await until_told(("created", kept.task_id, 1), ("created", doomed.task_id, 1))
                for version in (2, 3, 4):
                    await asyncio.to_thread(killed, server)
                    await asyncio.sleep(0.3)  # it is refused
                    server = await asyncio.to_thread(ServerProcess, tmp_path / "data", port)
                    if version == 3:
                        # A client of its own, at once: mostly before the watcher is back.
                        with Client(client.url) as other:
                            await asyncio.to_thread(other.delete, doomed.task_id)
                    await client.update(kept.task_id, message=f"version {version}")
                    await until_told(("updated", kept.task_id, version))
                await until_told(("deleted", doomed.task_id, 1))
                await asyncio.to_thread(server.process.terminate)
                await asyncio.to_thread(server.end)
                following.cancel()
                assert len(seen) == len(set(seen)) == 6

    asyncio.run(work())
