"""Clients of ``/ws/tasks``: another library's, and one on a bare socket that reads when it is told to."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from websockets.asyncio.client import ClientConnection, connect

from tests.web.harness import Running
from vain.web.event_socket import EventSocket


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


opened_sockets: list[socket.socket] = []


def close_all() -> None:
    """What a test has opened and left open."""
    while opened_sockets:
        opened_sockets.pop().close()


class Raw:
    """A client on a bare socket with a small window, which reads only when it is told to."""

    def __init__(self, server: Running) -> None:
        self.socket = socket.socket()
        opened_sockets.append(self.socket)
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
        (client,) = joined
        self.handler = cast(EventSocket, client)

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
