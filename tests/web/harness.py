"""A real server in a thread of the test's own process, and the plainest ways to talk to it."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from tests.store.engines import store_option
from vain import settings
from vain.web.loop import run as run_on_loop
from vain.web.server import DashboardLoader, Server

T = TypeVar("T")

JSON = {"Content-Type": "application/json"}


class Reply(NamedTuple):
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def pointers(self) -> list[str]:
        """Where a problem says that something was wrong."""
        return [flaw.get("pointer", flaw.get("parameter")) for flaw in self.json["errors"]]


class Running:
    """A server that runs in another thread. ``call`` keeps one connection open."""

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop, folder: Path) -> None:
        self.server, self.loop, self.folder = server, loop, folder
        self.port = server.port
        self.host = f"localhost:{server.port}"
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws/tasks"

    def call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """One request; what is not bytes is sent as JSON."""
        sent = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        known = {} if body is None else JSON
        self._connection.request(method, path, sent, {**known, **(headers or {})})
        answer = self._connection.getresponse()
        return Reply(answer.status, answer.headers, answer.read())

    def make(self, **fields: object) -> dict[str, Any]:
        """A new task."""
        reply = self.call("POST", "/tasks", {"name": "a task", **fields})
        assert reply.status == 201, reply.body
        made: dict[str, Any] = reply.json
        return made

    def raw(self, sent: bytes, seconds: float = 5.0, until_closed: bool = True) -> bytes:
        """What comes back for these very bytes, until the server closes or nothing comes for so long."""
        received = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.sendall(sent)
            try:
                while part := connection.recv(1 << 16):
                    received += part
            except TimeoutError:
                assert not until_closed, f"still open after {seconds} s: {received[-200:]!r}"
        return received

    def head(self, line: str, *lines: str) -> bytes:
        """A request's head with our host."""
        return "\r\n".join([line, f"Host: {self.host}", *lines, "", ""]).encode()

    def on_loop(self, work: Callable[[], T]) -> T:
        """The result of a function that is called on the server's event loop."""

        async def called() -> T:
            return work()

        return self.await_on_loop(called())

    def await_on_loop(self, work: Awaitable[T]) -> T:
        """The result of what is awaited on the server's event loop."""

        async def awaited() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(awaited(), self.loop).result(20)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def running(folder: Path, dashboard: DashboardLoader | None = None, **options: object) -> Iterator[Running]:
    """A server on a free port, until the block ends."""
    given = {"data": folder, "port": 0, "interval": 0.2, "no-browser": True, "spool": folder / "spool"}
    known = settings.load({**given, **store_option(folder), **options}, {})
    started: Future[tuple[Server, asyncio.AbstractEventLoop]] = Future()
    ended = threading.Event()
    thread = threading.Thread(target=lambda: run_on_loop(_serve(Server(known, dashboard), started, ended)))
    thread.start()
    try:
        server, loop = started.result(20)
        run = Running(server, loop, folder)
        try:
            yield run
        finally:
            run.close()
    finally:
        ended.set()
        thread.join(20)
        assert not thread.is_alive()


async def _serve(
    server: Server, started: Future[tuple[Server, asyncio.AbstractEventLoop]], ended: threading.Event
) -> None:
    try:
        await server.start()
    except Exception as error:  # noqa: BLE001  (the test gets to see it)
        started.set_exception(error)
        return
    started.set_result((server, asyncio.get_running_loop()))
    await asyncio.to_thread(ended.wait)
    await server.stop()
