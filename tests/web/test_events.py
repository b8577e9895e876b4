"""``/ws/tasks``, with another library as the client and a real server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.store.opened import rows
from tests.web.harness import Running, running
from tests.web.sockets import Raw, client, close_all, in_thread, run, take, take_events, until
from vain.web import caretaker, event_socket, events

TYPES = {"taskUpdate", "performanceUpdate", "visualizationUpdate", "notification"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caretaker, "CHARTS_SECONDS", 0.1)
        with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
            yield run


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()


def test_who_sends_nothing_gets_all_four_kinds_and_no_other(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            await in_thread(server.make, status="completed")
            seen: dict[str, dict[str, Any]] = {}
            while seen.keys() != TYPES:
                message = await take(connection, lambda _: True)
                assert message["type"] in TYPES and message["timestamp"].endswith("Z")
                if message.get("cpu_usage", 0) is not None:  # the first sample has no rate yet
                    seen.setdefault(message["type"], message)
        assert (seen["taskUpdate"]["action"], seen["taskUpdate"]["status"]) == ("created", "completed")
        assert 0 <= seen["performanceUpdate"]["cpu_usage"] <= 100 and "seq" not in seen["performanceUpdate"]
        assert seen["notification"]["kind"] == "task.completed" and "seq" in seen["notification"]
        assert seen["visualizationUpdate"]["charts"][0]["id"]

    run(work())


def test_performance_updates_are_what_performance_answers(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            update = await take(connection, lambda message: message["type"] == "performanceUpdate")
        answer = await in_thread(server.call, "GET", "/performance")
        assert list(update)[1:] == list(answer.json)

    run(work())


def test_nothing_is_sent_of_what_was_before(server: Running) -> None:
    async def work() -> None:
        await in_thread(server.make)
        before = server.server._hub.seq
        async with client(server) as connection:
            await in_thread(server.make, name="after")
            message = await take(connection, lambda message: "seq" in message)
            assert (message["seq"], message["name"]) == (before + 1, "after")

    run(work())


def test_what_is_sent_is_what_is_stored_byte_for_byte_in_order_and_without_a_hole(server: Running) -> None:
    def work_over_rest() -> None:
        for number in range(20):
            task = server.make(name=f"n{number} \u2028<b>", tags=["ä"])["task_id"]
            server.call("PUT", f"/tasks/{task}", {"status": "in-progress"})
            server.call("PUT", f"/tasks/{task}", {"outcome": "failed", "exit_code": 1})
            server.call("DELETE", f"/tasks/{task}")

    async def work() -> None:
        first = server.server._hub.seq
        async with client(server) as one, client(server) as other:
            await in_thread(work_over_rest)
            last = server.server._hub.seq
            texts, same = await asyncio.gather(take_events(one, last), take_events(other, last))
        stored = rows(server.folder, f"SELECT seq, body FROM events WHERE seq > {first} ORDER BY seq")
        assert texts == same == [body.decode() for _, body in stored] and len(texts) == 20 * 5
        assert [json.loads(text)["seq"] for text in texts] == list(range(first + 1, last + 1))

    run(work())


def test_a_change_is_told_with_what_changed_and_what_was(server: Running) -> None:
    async def work() -> None:
        task = await in_thread(server.make)
        path = f"/tasks/{task['task_id']}"
        async with client(server) as connection:
            reply = await in_thread(server.call, "PUT", path, {"status": "in-progress"})
            update = await take(connection, lambda message: message["type"] == "taskUpdate")
            await in_thread(server.call, "DELETE", path)
            deleted = await take(connection, lambda message: message["type"] == "taskUpdate")
        assert (update["action"], update["previous_status"], update["task_id"]) == (
            "updated",
            "pending",
            task["task_id"],
        )
        assert set(update["changed"]) == {name for name in task if task[name] != reply.json[name]}
        assert {name: update[name] for name in reply.json} == reply.json
        assert (deleted["action"], deleted["changed"], deleted["version"]) == ("deleted", [], 2)

    run(work())


def test_who_reads_slowly_gets_only_the_newest_figures(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:

            def publish() -> None:
                for number in range(50):
                    body = b'{"type":"visualizationUpdate","timestamp":"Z","charts":[],"n":%d}' % number
                    server.server._hub.replace("visualizationUpdate:of-this-test", body)

            server.on_loop(publish)
            numbers: list[int] = []
            while not numbers or numbers[-1] != 49:
                message = await take(connection, lambda message: "n" in message)
                numbers.append(message["n"])
            assert len(numbers) <= 2

    run(work())


def test_a_ping_never_lands_inside_a_frame(server: Running) -> None:
    client = Raw(server)
    hub = server.server._hub

    def fill() -> bool:
        hub.replace("performanceUpdate", b'{"filler":"' + b"p" * 60_000 + b'"}')
        if client.handler._writer.is_free:
            return False
        client.handler.ping(b"XPINGX")
        return True

    deadline = time.monotonic() + 5
    while not server.on_loop(fill):
        assert time.monotonic() < deadline
        time.sleep(0.015)
    for first, payload in client.frames():
        if first == 0x89:
            break
        assert first == 0x81 and json.loads(payload)
    assert payload == b"XPINGX"


def test_a_client_that_asks_is_answered_with_a_pong(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            assert await asyncio.wait_for(await connection.ping(), 5) >= 0

    run(work())


async def send_and_take(connection: ClientConnection, messages: list[str]) -> None:
    for message in messages:
        await connection.send(message)
    await take(connection, lambda message: False)


async def ping_and_take(connection: ClientConnection, count: int) -> None:
    for _ in range(count):
        await connection.ping()
    await take(connection, lambda message: False)


def test_too_many_messages_end_the_connection(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                await send_and_take(connection, ["{}"] * 100)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 4429

    run(work())


def test_too_many_pings_end_it_too(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                await ping_and_take(connection, 100)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 4429

    run(work())


def test_a_few_messages_of_any_kind_do_no_harm(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            for message in ("{}", "no JSON", b"\x00\xff", '{"type":"of another program"}', ""):
                await connection.send(message)
            await in_thread(server.make)
            assert (await take(connection, lambda message: "seq" in message))["type"] == "taskUpdate"

    run(work())


def test_a_message_that_is_too_large_ends_the_connection(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                await send_and_take(connection, ["x" * (event_socket.LARGEST_MESSAGE + 1)])
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1009

    run(work())


def test_who_leaves_is_forgotten(server: Running) -> None:
    fanout = server.server._caretaker._fanout
    client = Raw(server)
    client.socket.close()
    run(until(lambda: client.handler not in fanout.clients))


def test_a_stalled_client_is_closed(server: Running) -> None:
    client = Raw(server)
    fanout = server.server._caretaker._fanout

    def stall() -> None:
        client.handler._writer._busy_since = time.monotonic() - event_socket.STALLED_SECONDS - 1
        fanout.check()

    server.on_loop(stall)
    run(until(lambda: client.handler not in fanout.clients, seconds=2))


def test_more_clients_than_can_be_are_turned_away(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_CLIENTS", 0)

    async def work() -> None:
        async with connect(server.socket_url) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                await take(connection, lambda message: False)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1013

    run(work())


@pytest.mark.parametrize(("name", "value", "status"), [
    ("Host", "evil.example", 421), ("Origin", "https://evil.example", 403), ("Origin", "null", 403),
])  # fmt: skip
def test_a_foreign_page_is_turned_away(server: Running, name: str, value: str, status: int) -> None:
    lines = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
             "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Host": server.host, name: value}  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    answer = server.raw(f"GET /ws/tasks HTTP/1.1\r\n{head}\r\n".encode(), seconds=0.1, until_closed=False)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()) and b"problem+json" in answer


def test_our_own_page_is_let_in(server: Running) -> None:
    async def work() -> None:
        async with client(server, origin=f"http://{server.host}") as connection:
            assert await take(connection, lambda message: True)

    run(work())


@pytest.mark.parametrize("lines", [
    ("Connection: close",), ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
])  # fmt: skip
def test_a_broken_upgrade_is_a_problem_like_any_other(server: Running, lines: tuple[str, ...]) -> None:
    answer = server.raw(server.head("GET /ws/tasks HTTP/1.1", *lines), seconds=0.1, until_closed=False)
    assert answer.startswith(b"HTTP/1.1 4") and b"application/problem+json" in answer and b"\r\nServer:" not in answer


def test_an_unknown_subprotocol_is_read_over(server: Running) -> None:
    async def work() -> None:
        async with connect(server.socket_url, subprotocols=["foreign.v9"]) as connection:  # type: ignore[list-item]
            assert connection.subprotocol is None

    run(work())


def test_a_server_that_stops_says_so(tmp_path: Any) -> None:
    async def work() -> None:
        with running(tmp_path) as server:
            connection = await connect(server.socket_url)
            await until(lambda: bool(server.server._caretaker._fanout.clients))
            stopping = asyncio.ensure_future(in_thread(server.await_on_loop, server.server.stop()))
            with pytest.raises(ConnectionClosed) as caught:
                await take(connection, lambda message: False)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 1012
            await stopping

    run(work())


def test_a_key_that_ends_closes_its_connections(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caretaker, "SWEEP_SECONDS", 0.05)

    async def work() -> None:
        with running(tmp_path) as server:
            keys = server.server._services.keys
            info, secret = keys.create("ci", "read")
            with pytest.raises(InvalidStatus) as refused:
                await connect(server.socket_url)
            assert refused.value.response.status_code == 401
            head = {"Authorization": f"Bearer {secret}"}
            async with client(server, additional_headers=head) as connection:
                keys.revoke(info.key_id)
                with pytest.raises(ConnectionClosed) as caught:
                    await take(connection, lambda message: False)
                assert caught.value.rcvd is not None and caught.value.rcvd.code == 4401

    run(work())
