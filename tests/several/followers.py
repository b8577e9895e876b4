"""Those who follow the streams of several servers, in a process of their own.

    python -m tests.several.followers EPOCH FILE KIND:PORT …

They begin with the first event. A line on stdin is the number up to which each of them goes on; what became of them is
then written to FILE. Kinds: ``steady`` notes when each event came; ``flapping`` leaves again and again, and comes back
with its position; ``events`` does that over ``GET /events``.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import msgspec
import uvloop
from msgspec import Struct

from tests.several.checker import Followed, Numbers
from tests.several.frames import Stream

DURABLE = ["tasks", "notifications"]
PAUSE_SECONDS, STAY_SECONDS = 0.1, 0.5
SILENT_SECONDS = 20.0
"""A server says something each 15 seconds."""
SETTLE_SECONDS = 45.0


class Head(Struct):
    """What is read of a message."""

    type: str
    seq: int | None = None
    epoch: str = ""
    reset: bool = False
    reason: str | None = None
    more: bool = False
    title: str = ""


class Follower:
    """Over the WebSocket, with ``vain.v1``. ``stays``: for how long at most, where it leaves by itself."""

    def __init__(self, kind: str, port: int, epoch: str, stays: float | None, notes: bool) -> None:
        self.followed = Followed(f"{kind} at {port}")
        self.numbers = Numbers()
        self._port, self._epoch, self._stays, self._notes = port, epoch, stays, notes
        self._is_placed = False
        self._lost_at: float | None = None

    async def follow(self) -> None:
        """Until it is cancelled, or cannot go on from where it is."""
        while not self.followed.resets:
            try:
                async with asyncio.timeout(None if self._stays is None else random.uniform(0.05, self._stays)):
                    await self._once()
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                pass
            if self._lost_at is None:
                self._lost_at = time.monotonic()
            await asyncio.sleep(random.uniform(0, PAUSE_SECONDS))

    def result(self) -> Followed:
        """What became of it so far."""
        known, numbers = self.followed, self.numbers
        known.last, known.count, known.gaps, known.doubles = numbers.last, numbers.count, numbers.gaps, numbers.doubles
        return known

    async def _once(self) -> None:
        self._is_placed = False
        async with aclosing(self._messages()) as pieces:
            async for messages in pieces:
                now = time.monotonic()
                for message in messages:
                    self._take(message, now)

    async def _messages(self) -> AsyncGenerator[list[bytes], None]:
        position = {"since": self.numbers.last, "epoch": self._epoch, "streams": DURABLE}
        stream = await Stream.opened(self._port, position)
        self.followed.connections += 1
        try:
            while True:
                async with asyncio.timeout(SILENT_SECONDS):
                    messages = await stream.messages.get()
                if messages is None:
                    return
                yield messages
        finally:
            stream.abort()

    def _take(self, message: bytes, now: float) -> None:
        head = msgspec.json.decode(message, type=Head)
        if head.type in ("taskUpdate", "notification") and head.seq is not None:
            if not self._is_placed:
                self.followed.flaws.append(f"{head.seq} came before the answer to the subscription")
            if self.numbers.take(head.seq):
                self.followed.checksum = zlib.crc32(message, self.followed.checksum)
                if self._notes:
                    self.followed.arrived[head.seq] = now
        elif head.type == "resumed":
            self._is_placed = True
            if self._notes and self._lost_at is not None:
                self.followed.outages.append((self._lost_at, now))
            self._lost_at = None
            if (head.seq, head.epoch) != (self.numbers.last, self._epoch):
                self.followed.flaws.append(f"after {self.numbers.last} it went on at {head.seq} of {head.epoch}")
        elif head.type == "bookmark" and head.seq is not None:
            self.numbers.reached(head.seq)
        elif head.type == "snapshot":
            self.followed.resets.append(f"{head.reason} after {self.numbers.last}")
        elif head.type == "error":
            self.followed.flaws.append(head.title)


class EventsFollower(Follower):
    """Over ``GET /events``. HTTP/1.0, so that the answer is not in chunks."""

    async def _messages(self) -> AsyncGenerator[list[bytes], None]:
        self._is_placed = True
        query = f"streams=tasks,notifications&since={self.numbers.last}&epoch={self._epoch}"
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=16 << 20)
        self.followed.connections += 1
        try:
            writer.write(f"GET /events?{query} HTTP/1.0\r\nHost: 127.0.0.1:{self._port}\r\n\r\n".encode())
            if b" 200 " not in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n", 1)[0]:
                return
            while line := await reader.readline():
                if line.startswith(b"data: ") and line.endswith(b"\n"):
                    yield [line[6:-1]]
        finally:
            writer.transport.abort()


def follower(kind: str, port: int, epoch: str) -> Follower:
    """One of a kind."""
    if kind == "events":
        return EventsFollower(kind, port, epoch, STAY_SECONDS, notes=False)
    return Follower(kind, port, epoch, STAY_SECONDS if kind == "flapping" else None, notes=kind == "steady")


async def followed(epoch: str, wanted: list[str]) -> list[Followed]:
    """What became of them when stdin has named the last number."""
    followers = [follower(kind, int(port), epoch) for kind, _, port in (each.partition(":") for each in wanted)]
    following = [asyncio.create_task(each.follow()) for each in followers]
    last = int(await asyncio.to_thread(sys.stdin.readline) or 0)
    until = time.monotonic() + SETTLE_SECONDS
    while any(each.numbers.last < last for each in followers) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    for task in following:
        task.cancel()
    for each, ended in zip(followers, await asyncio.gather(*following, return_exceptions=True), strict=True):
        if isinstance(ended, Exception):
            each.followed.flaws.append(repr(ended))
    return [each.result() for each in followers]


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        told = runner.run(followed(sys.argv[1], sys.argv[3:]))
    Path(sys.argv[2]).write_bytes(msgspec.json.encode(told))
