"""Those who write to several servers through one address, in a process of their own.

    python -m tests.several.writers PORT FILE --seconds S [--writers N] [--batch N] [--rate N]

Each has one request under way, sends it again (with the same ``Idempotency-Key``) until it is answered, and keeps what
was answered; at the end all of it is written to FILE. ``--rate`` is how many events a second all of them make at most.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import secrets
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop
from msgspec import Struct

from tests.several.checker import Answered

UPDATES = 6
"""Of a batch, for each that creates one."""
ATTEMPT_SECONDS, GIVE_UP_SECONDS = 15.0, 60.0
AGAIN = (429, 502, 503, 504)
MOST_BEHIND_SECONDS = 0.5


class Written(Struct):
    """What all of them did."""

    answered: list[Answered] = []
    messages: dict[int, str] = {}
    """The last answered message of each task that is not deleted."""
    deleted: list[int] = []
    repeated: int = 0
    """Requests that were sent again."""
    flaws: list[str] = []
    """Answers that there must not be."""
    slowest_seconds: float = 0.0


class Known(Struct):
    """What is read of a task."""

    task_id: int
    version: int
    message: str | None = None


class Reply(Struct):
    """An answer. ``attempts``: how often it was asked for."""

    status: int
    headers: dict[str, str]
    body: bytes
    attempts: int
    at: float


class Broken(Exception):
    """No answer, or none that there may be."""


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        """One request and its answer. Raises Broken; the next one comes on a new connection."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                return await self._ask(method, path, body, headers)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as exc:
            self.close()
            raise Broken(repr(exc)) from exc

    def close(self) -> None:
        """The end of the connection."""
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None

    async def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Reply:
        if self._open is None:
            self._open = await asyncio.open_connection("127.0.0.1", self._port, limit=16 << 20)
        reader, writer = self._open
        sent = {"Host": f"127.0.0.1:{self._port}", "Content-Type": "application/json", "Content-Length": len(body)}
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (sent | headers).items())]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        named = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
        answer = await reader.readexactly(int(named.get("content-length", 0)))
        if named.get("connection") == "close":
            self.close()
        return Reply(int(head[0].split()[1]), named, answer, 1, time.monotonic())


class Writer:
    """One of them. Nobody else changes its tasks."""

    def __init__(self, name: str, port: int, batch: int, rate: float, written: Written) -> None:
        self._name, self._batch, self._rate, self._written = name, batch, rate, written
        self._connection = Connection(port)
        self._due = time.monotonic()
        self._steps = 0

    async def write(self, until: float) -> None:
        """Until then, and what is under way then."""
        try:
            while time.monotonic() < until:
                await self._round(until)
        except Exception as exc:  # noqa: BLE001  (whatever it is, it is told)
            self._written.flaws.append(f"{self._name} ended: {exc!r}")
        finally:
            self._connection.close()

    async def _round(self, until: float) -> None:
        """Some tasks, and what happens to them."""
        made = [{"name": self._next(), "tags": ["several"]} for _ in range(self._batch)]
        tasks = self._tasks(await self._repeatable("/tasks/bulk", made))
        ids = [task.task_id for task in tasks]
        for _ in range(UPDATES):
            if time.monotonic() > until:
                return
            change = {"ids": ids, "patch": {"message": self._next()}}
            self._tasks(await self._answered("POST", "/tasks/bulk-update", change))
        await self._life(tasks[0])

    async def _life(self, other: Known) -> None:
        """A single task: made, changed, changed if it is as it was, deleted."""
        (task,) = self._tasks(await self._repeatable("/tasks", {"name": self._next(), "message": "new"}))
        path = f"/tasks/{task.task_id}"
        (task,) = self._tasks(await self._answered("PUT", path, {"message": self._next()}))
        await self._if_it_is(path, task)
        await self._answered("DELETE", path, None, fine=(204, 404))
        self._written.deleted.append(task.task_id)
        self._written.messages.pop(task.task_id, None)
        self._tasks(await self._answered("PATCH", f"/tasks/{other.task_id}", {"message": self._next()}))

    async def _if_it_is(self, path: str, task: Known) -> None:
        """A change that holds for one version. Answered by a 412 only if an attempt before it was made."""
        match = {"If-Match": f'"{task.task_id}-{task.version}"'}
        reply = await self._answered("PATCH", path, {"message": self._next()}, match, fine=(200, 412))
        if reply.status == 412 and reply.attempts == 1:
            self._written.flaws.append(f"{path} was not at version {task.version}, as it had been answered")
        self._tasks(reply if reply.status == 200 else await self._answered("GET", path, None))

    async def _repeatable(self, path: str, body: Any) -> Reply:
        return await self._answered("POST", path, body, {"Idempotency-Key": secrets.token_urlsafe(12)}, fine=(201,))

    async def _answered(
        self, method: str, path: str, body: Any, headers: dict[str, str] | None = None, fine: tuple[int, ...] = (200,)
    ) -> Reply:
        """Asked for until it is answered."""
        await self._pause()
        began, encoded = time.monotonic(), b"" if body is None else msgspec.json.encode(body)
        for attempt in range(1, 1_000):
            try:
                reply = await self._connection.ask(method, path, encoded, headers or {})
            except Broken as exc:
                reply = Reply(502, {}, repr(exc).encode(), attempt, time.monotonic())
            reply.attempts = attempt
            took = reply.at - began
            self._written.slowest_seconds = max(self._written.slowest_seconds, took)
            if reply.status in fine:
                self._written.repeated += attempt > 1
                return reply
            if reply.status not in AGAIN or took > GIVE_UP_SECONDS:
                break
            await asyncio.sleep(random.uniform(0.02, 0.2))
        raise Broken(f"{method} {path} was answered with {reply.status} after {took:.1f} s: {reply.body[:300]!r}")

    def _tasks(self, reply: Reply) -> list[Known]:
        """What an answer tells, kept."""
        is_one = reply.body.startswith(b"{")
        tasks = [msgspec.json.decode(reply.body, type=Known)] if is_one else _known(reply.body)
        for task in tasks:
            self._written.messages[task.task_id] = task.message or ""
        seq = reply.headers.get("x-vain-seq")
        changes = [(task.task_id, task.version) for task in tasks]
        self._written.answered.append(Answered(reply.at, changes, None if seq is None else int(seq)))
        self._due += len(tasks) / self._rate if self._rate else 0.0
        return tasks

    def _next(self) -> str:
        self._steps += 1
        return f"{self._name}-{self._steps}"

    async def _pause(self) -> None:
        """Not faster than the rate; what could not be kept up with is not made up for."""
        now = time.monotonic()
        self._due = max(self._due, now - MOST_BEHIND_SECONDS)
        await asyncio.sleep(max(0.0, self._due - now))


def _known(body: bytes) -> list[Known]:
    return msgspec.json.decode(body, type=list[Known])


async def write(options: argparse.Namespace) -> Written:
    """What all of them did until the time was over."""
    written, run = Written(), secrets.token_hex(4)
    rate = options.rate / options.writers
    names = [f"{run}-{number}" for number in range(options.writers)]
    writers = [Writer(name, options.port, options.batch, rate, written) for name in names]
    until = time.monotonic() + options.seconds
    await asyncio.gather(*(writer.write(until) for writer in writers))
    return written


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description="Write through one address, and keep what was answered.")
    parser.add_argument("port", type=int)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--rate", type=float, default=0.0)
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        options.file.write_bytes(msgspec.json.encode(runner.run(write(options))))


if __name__ == "__main__":
    main()
