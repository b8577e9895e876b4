"""``/ws/tasks``, with another library as the client and a real server."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.store.opened import rows
from tests.web.harness import Running, running
from vain.types import Notice, TaskDraft, TaskError
from vain.web import caretaker, events
from vain.web import server as server_module

TYPES = {"taskUpdate", "performanceUpdate", "visualizationUpdate", "notification"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caretaker, "CHARTS_SECONDS", 0.1)
        with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
            yield run


@asynccontextmanager
async def client(server: Running, **options: Any) -> AsyncIterator[ClientConnection]:
    """A connection that the server knows of."""
    fanout = server.server._caretaker._fanout
    known = set(fanout.clients)
    async with connect(server.socket_url, open_timeout=5, **options) as connection:
        await until(lambda: bool(fanout.clients - known))
        yield connection


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.005)


async def take(connection: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first message that is wanted."""
    async with asyncio.timeout(5):
        async for text in connection:
            message: dict[str, Any] = json.loads(text)
            if wanted(message):
                return message
    raise AssertionError("the connection ended")


async def take_events(connection: ClientConnection, last: int) -> list[str]:
    """The durable events, as text, until the one with this number."""
    texts: list[str] = []
    async with asyncio.timeout(20):
        async for text in connection:
            assert isinstance(text, str)
            seq = json.loads(text).get("seq")
            if seq is not None:
                texts.append(text)
            if seq == last:
                return texts
    raise AssertionError("the connection ended")


def run(work: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await work

    return asyncio.run(main())


async def in_thread(work: Callable[..., Any], *values: Any, **more: Any) -> Any:
    return await asyncio.to_thread(work, *values, **more)


def test_who_sends_nothing_gets_all_four_kinds_and_no_other(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            await in_thread(server.make, status="completed")
            seen: dict[str, dict[str, Any]] = {}
            while seen.keys() != TYPES:
                message = await take(connection, lambda _: True)
                assert message["type"] in TYPES and message["timestamp"].endswith("Z")
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
        assert (update["action"], update["previous_status"], update["task_id"]) == ("updated", "pending", task["task_id"])
        assert set(update["changed"]) == {name for name in task if task[name] != reply.json[name]}
        assert {name: update[name] for name in reply.json} == reply.json
        assert (deleted["action"], deleted["changed"], deleted["version"]) == ("deleted", [], 2)

    run(work())


def test_who_reads_slowly_gets_only_the_newest_figures(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            def publish() -> None:
                for number in range(50):
                    server.server._hub.replace("performanceUpdate", b'{"type":"performanceUpdate","timestamp":"Z","n":%d}' % number)

            server.on_loop(publish)
            numbers: list[int] = []
            while not numbers or numbers[-1] != 49:
                message = await take(connection, lambda message: "n" in message)
                numbers.append(message["n"])
            assert len(numbers) <= 2

    run(work())


class Raw:
    """A client on a bare socket with a small window, which reads only when it is told to."""

    def __init__(self, server: Running) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.connect(("127.0.0.1", server.port))
        fanout = server.server._caretaker._fanout
        known = set(fanout.clients)
        self.socket.sendall(server.head(
            "GET /ws/tasks HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ))  # fmt: skip
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        assert head.startswith(b"HTTP/1.1 101 ") and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        self.head = head
        deadline = time.monotonic() + 5
        while not (joined := set(fanout.clients) - known):
            assert time.monotonic() < deadline
            time.sleep(0.005)
        (self.handler,) = joined

    def frames(self, seconds: float = 0.5) -> Iterator[tuple[int, bytes]]:
        """Every frame that comes until nothing comes for so long: its first byte and its payload."""
        self.socket.settimeout(seconds)
        with self.socket.makefile("rb") as stream:
            while True:
                try:
                    first, length = stream.read(2)
                    if length > 125:
                        length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
                    yield first, stream.read(length)
                except (TimeoutError, ValueError, OSError):
                    return


def test_a_ping_never_lands_inside_a_frame(server: Running) -> None:
    client = Raw(server)
    hub = server.server._hub

    def fill() -> bool:
        hub.replace("performanceUpdate", b'{"filler":"' + b"p" * 60_000 + b'"}')
        if client.handler._busy_since is None:
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
    client.socket.close()
    assert payload == b"XPINGX"


def test_a_client_that_asks_is_answered_with_a_pong(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            await asyncio.wait_for(await connection.ping(), 5)

    run(work())


def test_too_many_messages_end_the_connection(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                for _ in range(100):
                    await connection.send("{}")
                await take(connection, lambda message: False)
            assert caught.value.rcvd is not None and caught.value.rcvd.code == 4429

    run(work())


def test_a_few_messages_of_any_kind_do_no_harm(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            for message in ("{}", "no JSON", b"\x00\xff", '{"type":"subscribe"}', ""):
                await connection.send(message)
            await in_thread(server.make)
            assert (await take(connection, lambda message: "seq" in message))["type"] == "taskUpdate"

    run(work())


def test_a_message_that_is_too_large_ends_the_connection(server: Running) -> None:
    async def work() -> None:
        async with client(server) as connection:
            with pytest.raises(ConnectionClosed) as caught:
                await connection.send("x" * (events.LARGEST_MESSAGE + 1))
                await take(connection, lambda message: False)
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
        client.handler._busy_since = time.monotonic() - events.STALLED_SECONDS - 1
        fanout.check()

    server.on_loop(stall)
    run(until(lambda: client.handler not in fanout.clients, seconds=2))
    client.socket.close()


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


def test_an_unknown_subprotocol_is_refused_or_ignored_never_promised(server: Running) -> None:
    async def work() -> None:
        try:
            async with connect(server.socket_url, subprotocols=["foreign.v9"]) as connection:  # type: ignore[list-item]
                assert connection.subprotocol is None
        except InvalidStatus as error:
            assert error.response.status_code == 400

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


def test_a_key_that_ends_closes_its_connections(tmp_path: Any) -> None:
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


# --- clients that do not keep up ---------------------------------------------------------------------------------


@pytest.fixture
def small_ring(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """A server whose ring holds ten events."""
    real = server_module.Hub
    monkeypatch.setattr(server_module, "Hub", lambda epoch, seq: real(epoch, seq, frames=10))
    with running(tmp_path, interval=5) as run:
        yield run


async def fill(server: Running, count: int, size: int) -> None:
    tracker = server.server._services.tracker
    for _ in range(count // 50):
        await asyncio.gather(*(tracker.create(TaskDraft(name="x", description="d" * size)) for _ in range(50)))


def test_who_fell_out_of_the_ring_gets_everything_from_the_log(small_ring: Running) -> None:
    client = Raw(small_ring)
    small_ring.await_on_loop(fill(small_ring, 400, 4_000))
    assert client.handler._position.seq < 400 - 10
    texts = [payload for _, payload in client.frames(0.3) if b'"seq":' in payload[:60]]
    client.socket.close()
    assert [json.loads(text)["seq"] for text in texts] == list(range(1, 401))
    assert texts == [body for (body,) in rows(small_ring.folder, "SELECT body FROM events ORDER BY seq")]


def test_who_caught_up_goes_on_live(small_ring: Running) -> None:
    client = Raw(small_ring)
    small_ring.await_on_loop(fill(small_ring, 400, 4_000))
    seqs: list[int] = []
    for _, payload in client.frames(0.3):
        seqs.append(json.loads(payload).get("seq"))
        if len([seq for seq in seqs if seq]) == 400:
            break
    notice = Notice("test", "info", "live again")
    small_ring.on_loop(lambda: small_ring.server._notifier.tell(notice))
    assert any(b"live again" in payload for _, payload in client.frames(0.3))
    client.socket.close()


@pytest.mark.slow
def test_a_client_that_never_reads_costs_little_and_holds_nobody_up(small_ring: Running) -> None:
    deaf = [Raw(small_ring) for _ in range(20)]

    def pending() -> int:
        return sum(len(client.handler.ws_connection.stream._write_buffer) for client in deaf)  # type: ignore[union-attr]

    async def work() -> None:
        async with client(small_ring, max_queue=None, max_size=None) as reader:
            taking = asyncio.ensure_future(take_events(reader, 1_000))
            begun = time.monotonic()
            await in_thread(small_ring.await_on_loop, fill(small_ring, 1_000, 10_000))
            texts = await taking
            assert len(texts) == 1_000 and time.monotonic() - begun < 10

    run(work())
    assert small_ring.on_loop(pending) < len(deaf) * (256 << 10)
    for one in deaf:
        one.socket.close()


@pytest.mark.slow
def test_what_is_held_for_a_deaf_client_is_bounded_even_if_events_are_large(small_ring: Running) -> None:
    deaf = Raw(small_ring)
    tracker = small_ring.server._services.tracker
    error = TaskError("E", traceback="é" * 60_000)

    async def fill_large() -> None:
        for _ in range(60):
            await tracker.create(TaskDraft(name="x", error=error, outcome="failed"))

    small_ring.await_on_loop(fill_large())
    held = small_ring.on_loop(lambda: len(deaf.handler.ws_connection.stream._write_buffer))  # type: ignore[union-attr]
    deaf.socket.close()
    assert held < 2 << 20
