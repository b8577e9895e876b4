"""``vain.v1`` on ``/ws/tasks``: snapshot, positions, filters, with another library as the client and a real server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.store.opened import rows
from tests.web.harness import Running, running
from tests.web.sockets import close_all, in_thread, run, take, take_events
from vain.hub import Hub
from vain.messages import PROTOCOL, ServerMessage
from vain.web import event_socket, feed

V1 = Subprotocol(PROTOCOL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=0.1) as made:
        yield made


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()


@asynccontextmanager
async def v1(server: Running, **subscription: Any) -> AsyncIterator[ClientConnection]:
    """A connection that has sent a subscription, if there is one."""
    async with connect(server.socket_url, subprotocols=[V1], open_timeout=5, max_size=None) as connection:
        assert connection.subprotocol == V1
        if subscription:
            await send(connection, type="subscribe", **subscription)
        yield connection


async def send(connection: ClientConnection, **message: Any) -> None:
    await connection.send(json.dumps(message))


def of_type(*types: str) -> Any:
    return lambda message: message["type"] in types


async def answer(connection: ClientConnection) -> dict[str, Any]:
    """The first message, which answers the subscription."""
    async with asyncio.timeout(5):
        text = await connection.recv()
    msgspec.json.decode(text, type=ServerMessage)
    answered: dict[str, Any] = json.loads(text)
    return answered


async def closed_with(connection: ClientConnection) -> int:
    """The code that the server closes with."""
    with pytest.raises(ConnectionClosed) as caught:
        await take(connection, lambda _: False)
    assert caught.value.rcvd is not None
    return int(caught.value.rcvd.code)


def forget_all(hub: Hub) -> None:
    """As if the ring were full of what came later."""
    hub._entries.clear()
    hub.first, hub._bytes = hub.seq + 1, 0


def head(server: Running) -> int:
    return server.server._hub.seq


def all_tasks(server: Running) -> list[Any]:
    return [json.loads(body) for (body,) in rows(server.folder, "SELECT body FROM tasks ORDER BY task_id")]


def epoch(server: Running) -> str:
    return server.server._hub.epoch


def test_a_snapshot_has_all_tasks_as_of_its_number(server: Running) -> None:
    async def work() -> None:
        await in_thread(server.make, name="one")
        async with v1(server, streams=["tasks"]) as connection:
            snapshot = await answer(connection)
            assert next(iter(snapshot)) == "type" and snapshot["timestamp"].endswith("Z")
            assert (snapshot["type"], snapshot["seq"], snapshot["epoch"]) == ("snapshot", head(server), epoch(server))
            assert snapshot["reset"] is snapshot["more"] is False and snapshot["reason"] is None
            assert snapshot["tasks"] == all_tasks(server)
            await in_thread(server.make, name="two")
            assert (await answer(connection))["seq"] == snapshot["seq"] + 1

    run(work())


def test_after_the_answer_the_newest_figures_come_at_once(server: Running) -> None:
    async def work() -> None:
        async with v1(server, streams=["performance"], snapshot=False) as connection:
            assert (await answer(connection))["type"] == "resumed"
            assert (await answer(connection))["type"] == "performanceUpdate"

    run(work())


def test_a_snapshot_may_come_in_parts(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "PART_BYTES", 1)

    async def work() -> None:
        for number in range(3):
            await in_thread(server.make, name=f"part {number}")
        async with v1(server, streams=["tasks"]) as connection:
            parts = [await answer(connection)]
            while parts[-1]["more"]:
                parts.append(await answer(connection))
            tasks = [task for part in parts for task in part["tasks"]]
            assert tasks == all_tasks(server) and len(parts) >= 3

    run(work())


def test_what_follows_a_position_comes_once_and_in_order(server: Running) -> None:
    async def work() -> None:
        since = head(server)
        for number in range(5):
            await in_thread(server.make, name=f"n{number}")
        async with v1(server, streams=["tasks", "notifications"], since=since, epoch=epoch(server)) as connection:
            resumed = await answer(connection)
            assert (resumed["type"], resumed["seq"], resumed["epoch"]) == ("resumed", since, epoch(server))
            await in_thread(server.make, name="live")
            texts = await take_events(connection, head(server))
        stored = rows(server.folder, f"SELECT body FROM events WHERE seq > {since} ORDER BY seq")
        assert texts == [body.decode() for (body,) in stored]

    run(work())


def test_what_has_left_the_ring_comes_from_the_log(server: Running) -> None:
    async def work() -> None:
        await in_thread(server.make)
        hub = server.server._hub
        server.on_loop(lambda: forget_all(hub))
        async with v1(server, since=0, epoch=epoch(server), streams=["tasks", "notifications"]) as connection:
            assert (await answer(connection))["type"] == "resumed"
            texts = await take_events(connection, head(server))
        stored = rows(server.folder, "SELECT body FROM events ORDER BY seq")
        assert texts == [body.decode() for (body,) in stored]

    run(work())


@pytest.mark.parametrize(("position", "reason"), [
    ({"since": 2**50}, "ahead"), ({"since": 0, "epoch": "another"}, "epoch"),
])  # fmt: skip
def test_a_position_that_cannot_be_gone_on_from_is_answered_with_all(
    server: Running, position: dict[str, Any], reason: str
) -> None:
    async def work() -> None:
        async with v1(server, streams=["tasks"], **position) as connection:
            snapshot = await answer(connection)
            assert (snapshot["reset"], snapshot["reason"], snapshot["seq"]) == (True, reason, head(server))
            assert snapshot["tasks"] == all_tasks(server)

    run(work())


def test_a_position_whose_events_are_gone_is_answered_with_all(tmp_path: Any) -> None:
    with running(tmp_path) as server:
        for _ in range(4):
            server.make()
        server.await_on_loop(
            server.server._services.fanout.feed._store.write(
                lambda transaction: transaction._ledger.connection.execute("DELETE FROM events WHERE seq < 4")
            )
        )
        hub = server.server._hub
        server.on_loop(lambda: forget_all(hub))

        async def work() -> None:
            async with v1(server, streams=["tasks"], since=2, epoch=epoch(server)) as connection:
                assert (await answer(connection))["reason"] == "expired"
            async with v1(server, streams=["tasks"], since=3, epoch=epoch(server)) as connection:
                assert (await answer(connection))["type"] == "resumed" and (await answer(connection))["seq"] == 4

        run(work())


def test_a_filter_holds_for_the_snapshot_and_for_what_follows(server: Running) -> None:
    async def work() -> None:
        mine = await in_thread(server.make, name="mine", tags=["stream"], source={"host": "h"})
        await in_thread(server.make, name="not mine", tags=["stream"], source={"host": "j"})
        async with v1(
            server, streams=["tasks"], filter={"tag": "stream", "priority": "medium", "host": ["h", "i"]}
        ) as connection:
            assert [task["name"] for task in (await answer(connection))["tasks"]] == ["mine"]
            await in_thread(server.make, name="not mine either")
            new = await in_thread(server.make, name="new", tags=["stream", "other"], source={"host": "i"})
            await in_thread(server.call, "PUT", f"/tasks/{mine['task_id']}", {"priority": "high"})
            await in_thread(server.call, "PUT", f"/tasks/{mine['task_id']}", {"message": "unseen"})
            await in_thread(server.call, "DELETE", f"/tasks/{new['task_id']}")
            seen = [await answer(connection) for _ in range(3)]
        assert [(message["task_id"], message.get("matches"), message["action"]) for message in seen] == [
            (new["task_id"], None, "created"),
            (mine["task_id"], False, "updated"),
            (new["task_id"], None, "deleted"),
        ]

    run(work())


def test_what_a_filter_holds_back_moves_the_position_all_the_same(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "UNSEEN_EVENTS", 3)

    async def work() -> None:
        wanted = {"streams": ["tasks"], "filter": {"tag": "never"}}
        async with v1(server, snapshot=False, **wanted) as connection:
            begun = (await answer(connection))["seq"]
            for _ in range(3):
                await in_thread(server.make)
            bookmark = await answer(connection)
            assert (bookmark["type"], bookmark["seq"], bookmark["epoch"]) == ("bookmark", begun + 3, epoch(server))

    run(work())


def test_a_bookmark_says_now_and_then_how_far_it_is(server: Running) -> None:
    async def work() -> None:
        async with v1(server, streams=["tasks"], snapshot=False) as connection:
            await answer(connection)
            server.on_loop(server.server._services.fanout.remind)
            bookmark = await answer(connection)
            assert (bookmark["type"], bookmark["seq"]) == ("bookmark", head(server))

    run(work())


def test_who_sends_and_offers_nothing_is_told_nothing_else(server: Running) -> None:
    async def work() -> None:
        async with connect(server.socket_url) as connection:
            await take(connection, of_type("performanceUpdate"))
            server.on_loop(server.server._services.fanout.remind)
            await in_thread(server.make)
            while (message := await answer(connection))["type"] != "taskUpdate":
                assert message["type"] in ("performanceUpdate", "visualizationUpdate", "notification")

    run(work())


def test_who_offers_nothing_may_subscribe_at_any_time(server: Running) -> None:
    async def work() -> None:
        async with connect(server.socket_url) as connection:
            await take(connection, of_type("performanceUpdate"))
            await send(connection, type="subscribe", streams=["tasks"])
            assert (await take(connection, of_type("snapshot")))["seq"] == head(server)

    run(work())


def test_who_does_not_say_what_it_wants_gets_all(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_socket, "WAIT_SECONDS", 0.05)

    async def work() -> None:
        async with v1(server) as connection:
            assert (await answer(connection))["type"] == "snapshot"
            assert (await answer(connection))["type"] == "performanceUpdate"

    run(work())


def test_a_new_subscription_takes_the_place_of_the_old_one(server: Running) -> None:
    async def work() -> None:
        async with v1(server, streams=["performance"], snapshot=False) as connection:
            await take(connection, of_type("performanceUpdate"))
            await send(connection, type="subscribe", streams=["notifications"], snapshot=False)
            await take(connection, of_type("resumed"))
            await in_thread(server.make, status="completed")
            assert (await answer(connection))["kind"] == "task.completed"

    run(work())


def test_after_unsubscribing_one_goes_on_from_there(server: Running) -> None:
    async def work() -> None:
        async with v1(server, streams=["tasks"], snapshot=False) as connection:
            begun = (await answer(connection))["seq"]
            await send(connection, type="unsubscribe")
            assert (await answer(connection))["type"] == "unsubscribed"
            await in_thread(server.make, name="meanwhile")
            server.on_loop(server.server._services.fanout.remind)
            assert ((bookmark := await answer(connection))["type"], bookmark["seq"]) == ("bookmark", begun)
            await send(connection, type="subscribe", streams=["tasks"], since=begun, epoch=epoch(server))
            assert (await answer(connection))["type"] == "resumed"
            assert (await answer(connection))["name"] == "meanwhile"

    run(work())


@pytest.mark.parametrize(("message", "status", "pointers"), [
    ("no JSON", 400, [""]), (b"\x00", 400, []), ('{"type":"subscribe","since":-1}', 422, ["/since"]),
    ('{"type":"sing"}', 422, ["/type"]), ('{"type":"subscribe","streams":["tasks","dreams"]}', 422, ["/streams/1"]),
    ('{"type":"subscribe","filter":{"status":["running"]}}', 422, ["/filter/status/0"]),
    ('{"type":"subscribe","filter":{"colour":"red"}}', 422, ["/filter/colour"]),
    ('{"type":"auth"}', 422, ["/token"]), ("[" * 2_000, 400, [""]), ('{"type":"subscribe","epoch":"a\\u0000"}', 422,
    ["/epoch"]), ('"\\ud800"', 400, [""]),
])  # fmt: skip
def test_a_message_that_is_wrong_is_answered_and_changes_nothing(
    server: Running, message: str | bytes, status: int, pointers: list[str]
) -> None:
    async def work() -> None:
        async with v1(server, streams=["tasks"], snapshot=False) as connection:
            await answer(connection)
            await connection.send(message)
            error = await answer(connection)
            assert (error["type"], error["status"]) == ("error", status) and error["detail"] and error["problem"]
            assert [flaw.get("pointer") for flaw in error["errors"]] == pointers
            await in_thread(server.make, name="still here")
            assert (await answer(connection))["name"] == "still here"

    run(work())


def test_an_error_names_what_would_be_right(server: Running) -> None:
    async def work() -> None:
        async with v1(server, filter={"status": ["running"]}) as connection:
            assert "one of pending, in-progress, completed is expected" in (await answer(connection))["detail"]

    run(work())


def test_who_subscribes_all_the_time_is_turned_away(server: Running) -> None:
    async def work() -> None:
        async with v1(server) as connection:
            for _ in range(40):
                await send(connection, type="subscribe", streams=["tasks"], snapshot=False)
            assert await closed_with(connection) == 4429

    run(work())


def test_a_server_that_stops_says_when_to_come_back(tmp_path: Any) -> None:
    async def work() -> None:
        with running(tmp_path) as server:
            async with v1(server, streams=["tasks"], snapshot=False) as connection:
                await answer(connection)
                stopping = asyncio.ensure_future(in_thread(server.await_on_loop, server.server.stop()))
                goaway = await answer(connection)
                assert goaway["type"] == "goaway" and 0 <= goaway["retry_seconds"] <= 5
                assert await closed_with(connection) == 1012
                await stopping

    run(work())
