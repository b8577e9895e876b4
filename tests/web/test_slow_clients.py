"""Clients of ``/ws/tasks`` that do not keep up: nothing is lost to them, and nobody else waits."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import eventually
from tests.store.opened import rows
from tests.web.harness import Running, running
from tests.web.sockets import Raw, client, close_all, in_thread, run, take_events
from vain.notification import Notice
from vain.types import TaskDraft, TaskError
from vain.web import answering, event_socket
from vain.web import server as server_module


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    close_all()


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


@pytest.mark.slow
def test_who_fell_out_of_the_ring_gets_everything_from_the_log(small_ring: Running) -> None:
    client = Raw(small_ring)
    small_ring.await_on_loop(fill(small_ring, 400, 4_000))
    assert client.handler._reader.position.seq < 400 - 10
    texts = [payload for _, payload in client.frames(0.2) if b'"seq":' in payload[:60]]
    assert [json.loads(text)["seq"] for text in texts] == list(range(1, 401))
    assert texts == [body for (body,) in rows(small_ring.folder, "SELECT body FROM events ORDER BY seq")]


def test_who_caught_up_goes_on_live(small_ring: Running) -> None:
    client = Raw(small_ring)
    small_ring.await_on_loop(fill(small_ring, 400, 4_000))
    seqs: list[int] = []
    for _, payload in client.frames(0.2):
        seqs.append(json.loads(payload).get("seq"))
        if len([seq for seq in seqs if seq]) == 400:
            break
    notice = Notice("test", "info", "live again")
    small_ring.on_loop(lambda: small_ring.server._notifier.tell(notice))
    assert any(b"live again" in payload for _, payload in client.frames(0.2))


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


@pytest.mark.slow
def test_what_is_held_for_a_deaf_client_is_bounded_even_if_events_are_large(small_ring: Running) -> None:
    deaf = Raw(small_ring)
    tracker = small_ring.server._services.tracker
    error = TaskError("E", traceback="é" * 60_000)

    async def fill_large() -> None:
        for _ in range(60):
            await tracker.create(TaskDraft(name="x", error=error, outcome="failed"))

    small_ring.await_on_loop(fill_large())
    assert held_for(small_ring, deaf) < 1 << 20


def held_for(server: Running, client: Raw) -> int:
    """Bytes that wait for a client."""
    return server.on_loop(lambda: len(client.handler.ws_connection.stream._write_buffer))  # type: ignore[union-attr]


def masked(message: str) -> bytes:
    """A client's frame (RFC 6455, section 5.2), with a mask of zeros."""
    return struct.pack("!BBI", 0x81, 0x80 | len(message), 0) + message.encode()


@pytest.mark.slow
def test_who_asks_for_everything_again_and_again_and_reads_nothing_costs_little(
    small_ring: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_socket, "MESSAGES_PER_SECOND", 1_000)
    small_ring.await_on_loop(fill(small_ring, 300, 9_000))
    deaf = Raw(small_ring)
    received, take = list[object](), deaf.handler._take
    monkeypatch.setattr(deaf.handler, "_take", lambda sent: (received.append(sent), take(sent))[1])
    for message in ('{"type":"subscribe"}', '{"type":"unsubscribe"}', '{"type":"subscribe","since":0}', "{}") * 20:
        before = len(received)
        deaf.socket.sendall(masked(message))
        assert eventually(lambda: len(received) != before, 5)  # noqa: B023
        assert held_for(small_ring, deaf) < 1 << 20
    assert eventually(lambda: not small_ring.on_loop(lambda: deaf.handler._writer.is_free), 5)


@pytest.mark.slow
def test_who_asks_for_all_and_takes_nothing_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "STALLED_SECONDS", 0.5)
    with running(tmp_path) as server, socket.socket() as deaf:
        for _ in range(1_000):
            server.make(name="x", description="d" * 9_000)
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        deaf.connect(("127.0.0.1", server.port))
        deaf.sendall(f"GET /tasks HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
        under_way = server.server._desk.under_way
        assert eventually(lambda: len(under_way) == 1, 2)
        assert eventually(lambda: not under_way, 5)
