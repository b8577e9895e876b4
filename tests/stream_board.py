"""A small server that speaks ``vain.v1`` and commits what a test tells it, when the test tells it."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from tests.web.sockets import until
from vain.clock import utc

Step = Callable[[], Awaitable[None]]
SAMPLE = {"cpu_usage": 5.0, "memory_usage": 50.0, "disk_usage": 1.0, "uptime": 9.0, "timestamp": "x", "host": "box"}
STREAM_OF = {
    "taskUpdate": "tasks",
    "notification": "notifications",
    "performanceUpdate": "performance",
    "visualizationUpdate": "visualizations",
}


class Board:
    """``log`` is all that was committed; ``first`` the oldest event that is still kept."""

    def __init__(self) -> None:
        self.tasks: dict[int, dict[str, Any]] = {}
        self.log: list[dict[str, Any]] = []
        self.epoch, self.first, self.port, self.handshakes = "e1", 1, 0, 0
        self.asked: list[dict[str, Any]] = []
        """Every subscription that came."""
        self.refusal: HTTPStatus | None = None
        self.speaks = True
        self.part_size = 1000
        self.at: dict[str, Step] = {}
        """What to do, once, at: ``handshake``, ``opened``, ``subscribed``, ``answered``."""
        self.followers: dict[ServerConnection, list[str]] = {}
        """Who was answered, and the streams that they asked for."""
        self.sockets: set[ServerConnection] = set()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def seq(self) -> int:
        return len(self.log)

    async def start(self) -> None:
        protocols = [Subprotocol("vain.v1")] if self.speaks else None
        self._server = await serve(
            self._follow, "127.0.0.1", self.port, process_request=self._respond, compression=None, close_timeout=0.1,
            subprotocols=protocols,
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
        note = {"notification_id": number, "kind": "k", "level": "info", "title": f"note {number}"}
        await self.commit(type="notification", **note)

    async def commit(self, **event: Any) -> None:
        self.log.append({**event, "timestamp": utc(time.time()), "seq": self.seq + 1})
        await self.send(**self.log[-1])

    async def send(self, **message: Any) -> None:
        """To all who follow the stream of this message; to all, if it is of none."""
        stream = STREAM_OF.get(message["type"])
        for connection, streams in tuple(self.followers.items()):
            if stream is None or stream in streams:
                await self._tell(connection, message)

    def forget(self, before: int) -> None:
        """The log no longer has what is older."""
        self.first = before

    async def cut(self) -> None:
        """Every connection, without a word."""
        self.followers.clear()
        for connection in tuple(self.sockets):
            self.sockets.discard(connection)
            connection.transport.abort()

    async def gone(self) -> None:
        """Once nobody is connected any more."""
        await until(lambda: not self.sockets)

    async def _tell_of(self, task: dict[str, Any], action: str) -> None:
        await self.commit(type="taskUpdate", **task, action=action, changed=[], previous_status=None)

    async def _tell(self, connection: ServerConnection, message: dict[str, Any]) -> None:
        try:
            await connection.send(json.dumps(message))
        except ConnectionClosed:
            self.followers.pop(connection, None)

    async def _step(self, name: str) -> None:
        if name in self.at:
            await self.at.pop(name)()

    async def _follow(self, connection: ServerConnection) -> None:
        self.sockets.add(connection)
        try:
            await self._step("opened")
            async for text in connection:
                asked = json.loads(text)
                self.asked.append(asked)
                await self._step("subscribed")
                await self._answer(connection, asked)
        except ConnectionClosed:
            pass
        finally:
            self.followers.pop(connection, None)
            self.sockets.discard(connection)

    async def _answer(self, connection: ServerConnection, asked: dict[str, Any]) -> None:
        since, epoch, streams = asked.get("since"), asked.get("epoch"), asked["streams"]
        head = self.seq
        reason = None
        if since is not None:
            checks = {"epoch": epoch != self.epoch, "ahead": since > head, "expired": since + 1 < self.first}
            reason = next((name for name, holds in checks.items() if holds), None)
        if since is None and not asked.get("snapshot", True):
            since = head
        if since is None or reason is not None:
            await self._send_snapshot(connection, head, reason)
            since = head
        else:
            await self._tell(connection, {"type": "resumed", "epoch": self.epoch, "seq": since})
        await self._step("answered")
        while since < self.seq:
            event = self.log[since]
            since += 1
            if STREAM_OF[event["type"]] in streams:
                await self._tell(connection, event)
        self.followers[connection] = streams

    async def _send_snapshot(self, connection: ServerConnection, head: int, reason: str | None) -> None:
        tasks = list(self.tasks.values())
        parts = [tasks[i : i + self.part_size] for i in range(0, len(tasks), self.part_size)] or [[]]
        for number, part in enumerate(parts, 1):
            message: dict[str, Any] = {
                "type": "snapshot", "epoch": self.epoch, "seq": head, "reset": reason is not None, "tasks": part,
            }  # fmt: skip
            if reason is not None:
                message["reason"] = reason
            if number < len(parts):
                message["more"] = True
            await self._tell(connection, message)
            await self._step(f"part {number}")

    async def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        self.handshakes += 1
        await self._step("handshake")
        if self.refusal is None:
            return None
        return connection.respond(self.refusal, '{"detail":"Not you."}')


@asynccontextmanager
async def board() -> AsyncIterator[Board]:
    board = Board()
    await board.start()
    try:
        yield board
    finally:
        await board.stop()


class BoardInThread:
    """A board for a test that waits in its own thread: ``do`` has the board do something."""

    def __init__(self, board: Board, loop: asyncio.AbstractEventLoop) -> None:
        self.board, self._loop = board, loop

    def do(self, *steps: Awaitable[None]) -> None:
        for step in steps:
            asyncio.run_coroutine_threadsafe(_awaited(step), self._loop).result(10)


async def _awaited(step: Awaitable[None]) -> None:
    await step


@contextmanager
def board_in_thread() -> Iterator[BoardInThread]:
    started: Future[BoardInThread] = Future()
    ended = threading.Event()

    async def run() -> None:
        async with board() as server:
            started.set_result(BoardInThread(server, asyncio.get_running_loop()))
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(run(),), name="board")
    thread.start()
    try:
        yield started.result(10)
    finally:
        ended.set()
        thread.join(10)
        assert not thread.is_alive()
