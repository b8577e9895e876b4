"""The clients of the fleet: each keeps its own count of what it missed and of what it was told twice."""

from __future__ import annotations

import asyncio
import random
import socket
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

HOST = "127.0.0.1"
PAUSE_SECONDS = 0.1
SMALL_BUFFER_BYTES = 4 << 10
FLAPS_AFTER = 400
"""A flapping client leaves after so many messages, at the most."""
RESTS_AFTER, REST_SECONDS = 100, 0.1
"""A slow one rests after so many messages, for so long at the most."""


class Head(Struct):
    """What is read of a message."""

    type: str
    seq: int | None = None
    epoch: str | None = None
    task_id: int | None = None
    action: str | None = None
    reset: bool = False
    matches: bool = True
    more: bool = False
    removed: list[int] = []
    tasks: msgspec.Raw = msgspec.Raw(b"[]")


class Numbered(Struct):
    """What is read of a task in a snapshot."""

    task_id: int


class Client:
    """Follows durable events through lost connections, from the first event on, and counts.

    ``flaps``: it leaves now and then by itself. ``rests``: it reads slowly, with small buffers.
    """

    kind = "socket"

    def __init__(self, port: int, flaps: bool = False, rests: bool = False) -> None:
        self.port, self.flaps, self.rests = port, flaps, rests
        self.kind = ", ".join([self.kind, *["flapping"] * flaps, *["slow"] * rests])
        self.seq, self.epoch = 0, ""
        self.received = self.gaps = self.duplicates = self.connections = self.resets = 0
        self.checksum = 0

    async def follow(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                self.connections += 1
                async with aclosing(self.messages()) as messages:
                    leaves_after = random.randrange(1, FLAPS_AFTER) if self.flaps else 0
                    count = 0
                    async for text in messages:
                        self.take(text)
                        count += 1
                        if count == leaves_after:
                            break
                        if self.rests and count % RESTS_AFTER == 0:
                            await asyncio.sleep(random.uniform(0, REST_SECONDS))
            except (OSError, WebSocketException, asyncio.IncompleteReadError):
                pass
            await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """What comes on one connection."""
        url, offered = f"ws://{HOST}:{self.port}/ws/tasks", self.offered()
        opened = await self._opened()
        try:
            connection = await connect(url, sock=opened, subprotocols=offered, compression=None, max_size=None)
        except BaseException:
            opened.close()
            raise
        try:
            if offered:
                await connection.send(msgspec.json.encode(self.subscription()).decode())
            async for text in connection:
                yield text.encode() if isinstance(text, str) else text
        finally:
            # As a train in a tunnel does it: without a goodbye.
            connection.transport.abort()

    async def _opened(self) -> socket.socket:
        opened = socket.socket()
        if self.rests:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER_BYTES)
        opened.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(opened, (HOST, self.port))
        except BaseException:
            opened.close()
            raise
        return opened

    def offered(self) -> list[Subprotocol] | None:
        """The subprotocols."""
        return [Subprotocol("vain.v1")]

    def subscription(self) -> dict[str, Any]:
        """The first message."""
        since = {"since": self.seq} | ({"epoch": self.epoch} if self.epoch else {})
        return {"type": "subscribe", "streams": ["tasks", "notifications"], **since}

    def take(self, text: bytes) -> None:
        """Count one message."""
        head = msgspec.json.decode(text, type=Head)
        self.epoch = head.epoch or self.epoch
        if head.type == "snapshot":
            self.resets += head.reset
        elif head.type in ("taskUpdate", "notification"):
            self.received += 1
            self.count(head.seq or 0)
            self.checksum = zlib.crc32(text, self.checksum)

    def count(self, seq: int) -> None:
        """Hold a number against the last one."""
        if seq <= self.seq:
            self.duplicates += 1
        else:
            self.gaps += seq - self.seq - 1
            self.seq = seq


class BareClient(Client):
    """Sends nothing, offers nothing: it begins anew with each connection."""

    kind = "bare"

    def offered(self) -> None:
        """None."""
        self.is_first = True

    def count(self, seq: int) -> None:
        """The first number of a connection is whatever it is."""
        if self.is_first:
            self.is_first, self.seq = False, max(self.seq, seq - 1)
        super().count(seq)


class Mirror(Client):
    """Keeps the tasks that a filter holds for: from a snapshot, then by what comes; now and then it begins anew."""

    kind = "mirror"

    def __init__(self, port: int, flaps: bool = False, rests: bool = False, **filter_: Any) -> None:
        super().__init__(port, flaps, rests)
        self.filter = filter_
        self.tasks: set[int] = set()
        self.is_whole = False

    def subscription(self) -> dict[str, Any]:
        """A snapshot first; later mostly from where it was."""
        if self.is_whole and random.random() < 0.8:
            return super().subscription() | {"streams": ["tasks"], "filter": self.filter}
        self.tasks, self.is_whole = set(), False
        return {"type": "subscribe", "streams": ["tasks"], "filter": self.filter}

    def take(self, text: bytes) -> None:
        """Set and take out."""
        head = msgspec.json.decode(text, type=Head)
        self.epoch = head.epoch or self.epoch
        if head.type == "snapshot":
            self.tasks |= {task.task_id for task in msgspec.json.decode(head.tasks, type=list[Numbered])}
            self.tasks -= set(head.removed)
            self.is_whole = not head.more
        elif head.type == "taskUpdate" and head.task_id is not None:
            self.received += 1
            self.duplicates += (head.seq or 0) <= self.seq
            stays = head.matches and head.action != "deleted"
            (self.tasks.add if stays else self.tasks.discard)(head.task_id)
        if self.is_whole and head.seq is not None:
            self.seq = max(self.seq, head.seq)


class EventsClient(Client):
    """Follows ``GET /events``, and comes back with ``Last-Event-ID``."""

    kind = "sse"

    async def messages(self) -> AsyncGenerator[bytes, None]:
        """The data of each event. HTTP/1.0, so that the answer is not in chunks."""
        last = f"Last-Event-ID: {self.epoch}:{self.seq}\r\n" if self.epoch else ""
        query = "streams=tasks,notifications&since=0"
        head = f"GET /events?{query} HTTP/1.0\r\nHost: {HOST}:{self.port}\r\n{last}\r\n"
        reader, writer = await asyncio.open_connection(HOST, self.port, limit=16 << 20)
        try:
            writer.write(head.encode())
            await reader.readuntil(b"\r\n\r\n")
            while line := await reader.readline():
                if line.startswith(b"data: ") and line.endswith(b"\n"):
                    yield line[6:-1]
        finally:
            writer.close()
