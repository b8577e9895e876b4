"""Several ``vain serve`` over one PostgreSQL, behind nginx as docs/deploy has it; each is killed and comes back."""

from __future__ import annotations

import asyncio
import json
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from tests.browser import free_port
from tests.nginx import before_servers, nginx
from tests.server_process import ServerProcess

SERVERS = 3
START_SECONDS = 20.0
START_ATTEMPTS = 5
KILL_ONE = """
SELECT application_name FROM (
    SELECT pid, application_name FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1
) AS one WHERE pg_terminate_backend(pid)"""
T = TypeVar("T")


class Cluster:
    """The servers over the database of this address; ``port`` is nginx's, where one stands before them."""

    def __init__(self, folder: Path, database: str) -> None:
        self.database = database
        self.port, *self.ports = [free_port() for _ in range(1 + SERVERS)]
        self._folder = folder
        self._options = ("--store", database, "--allow-host", f"127.0.0.1:{self.port}")
        self._servers: list[ServerProcess | None] = [None] * SERVERS

    def start(self, number: int) -> None:
        """One of them, which answers when this returns. It is started again, as by systemd, if its database is away."""
        folder = self._folder / f"server-{number}"
        for attempt in range(START_ATTEMPTS):
            try:
                self._servers[number] = ServerProcess(folder, self.ports[number], self._options)
                return
            except AssertionError as exc:
                if attempt == START_ATTEMPTS - 1 or "cannot be opened" not in str(exc):
                    raise

    def kill(self, number: int) -> None:
        """At once, without a word."""
        server = self._servers[number]
        assert server is not None
        server.process.kill()
        server.end()
        self._servers[number] = None

    def freeze(self, number: int) -> None:
        """It stands still, with its connections open, until it is killed."""
        server = self._servers[number]
        assert server is not None
        server.process.send_signal(signal.SIGSTOP)

    def stop(self) -> list[int]:
        """Those that run are asked to end; their exit codes."""
        running = [server for server in self._servers if server is not None]
        for server in running:
            server.process.terminate()
        return [server.end() for server in running]

    def terminate_backend(self) -> str | None:
        """One of PostgreSQL's, whoever's it is; the name of the connection."""
        name: str | None = in_database(self.database, lambda connection: connection.fetchval(KILL_ONE))
        return name

    def url(self, number: int) -> str:
        """One server's own address."""
        return f"http://127.0.0.1:{self.ports[number]}"

    def log(self, number: int) -> str:
        """What it logged, in all of its lives."""
        return (self._folder / f"server-{number}.log").read_text("utf-8")


def in_database(database: str, ask: Callable[[asyncpg.Connection], Any]) -> Any:
    """What a coroutine on a connection of its own gives."""

    async def asked() -> Any:
        connection = await asyncpg.connect(database)
        try:
            return await ask(connection)
        finally:
            await connection.close()

    return asyncio.run(asked())


def get(url: str) -> tuple[dict[str, str], Any]:
    """The headers and the body of an answer."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return dict(answer.headers), json.load(answer)


def eventually(claim: Callable[[], bool], seconds: float) -> bool:
    """Whether it comes true in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if claim():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


@contextmanager
def cluster(folder: Path, database: str, behind_nginx: bool) -> Iterator[Cluster]:
    """All of them run until the block ends."""
    made = Cluster(folder, database)
    with ExitStack() as stack:
        stack.callback(made.stop)
        for number in range(SERVERS):
            made.start(number)
        if behind_nginx:
            (folder / "nginx").mkdir()
            stack.enter_context(nginx(folder / "nginx", before_servers(made.port, made.ports)))
            assert eventually(lambda: get(f"http://127.0.0.1:{made.port}/tasks")[1] == [], START_SECONDS)
        yield made
