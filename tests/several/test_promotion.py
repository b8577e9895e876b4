"""A streaming standby is promoted in mid-flight: who follows gets a reset once, and nothing is silently wrong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.asked import ask, comes
from tests.server_process import ServerProcess
from tests.store.postgres_server import PostgresServer, postgres_server, programs
from vain.async_client import AsyncClient
from vain.happened import Snapshot, TaskChange

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

BACK_SECONDS = 60.0


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, PostgresServer]]:
    """A primary, and a standby that follows it."""
    if programs() is None:
        pytest.skip("no PostgreSQL here: `make test` unpacks one where Debian's packages can be had")
    with ExitStack() as stack:
        primary = stack.enter_context(postgres_server())
        standby = PostgresServer(of=primary)
        stack.callback(standby.remove)
        standby.start()
        yield primary, standby


class Mirror(threading.Thread):
    """What somebody who follows a server holds: every task that it was told of, as it was told last."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self.tasks: dict[int, int] = {}
        self.resets: list[str | None] = []
        self._ended = threading.Event()

    def run(self) -> None:
        """Until it is ended."""
        asyncio.run(self._follow())

    def end(self) -> None:
        """Wait for the end."""
        self._ended.set()
        self.join(20)
        assert not self.is_alive()

    async def _follow(self) -> None:
        follow = asyncio.ensure_future(self._read())
        while not self._ended.is_set():
            await asyncio.sleep(0.05)
            if follow.done():
                follow.result()
        follow.cancel()
        await asyncio.gather(follow, return_exceptions=True)

    async def _read(self) -> None:
        async with AsyncClient(self._url) as client:
            async for happened in client.watch(snapshot=True):
                if isinstance(happened, Snapshot):
                    self.resets.append(happened.reason)
                    self.tasks = {task.task_id: task.version for task in happened.tasks}
                elif isinstance(happened, TaskChange):
                    self.tasks[happened.task.task_id] = happened.task.version


class Writer(threading.Thread):
    """Makes tasks at a server, and notes what was answered; what is refused is left."""

    def __init__(self, url: str, answered: dict[int, int]) -> None:
        super().__init__()
        self._url, self._answered = url, answered
        self.ended = threading.Event()

    def run(self) -> None:
        """Until it is ended."""
        while not self.ended.wait(0.02):
            with suppress(OSError):
                made = ask(self._url, "POST", "/tasks", {"name": "n", "status": "in-progress"})
                self._answered[made["task_id"]] = made["version"]

    def end(self) -> None:
        """Wait for the end."""
        self.ended.set()
        self.join()


def test_a_standby_that_is_promoted_has_all_who_follow_begin_anew_once(
    pair: tuple[PostgresServer, PostgresServer], tmp_path: Path
) -> None:
    primary, standby = pair
    both = f"postgresql://vain@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    answered: dict[int, int] = {}
    with ExitStack() as stack:
        servers = []
        for number in range(2):
            servers.append(ServerProcess(tmp_path / f"data-{number}", options=(f"--store={both}",)))
            stack.callback(servers[-1].end)
            stack.callback(servers[-1].process.kill)
        mirrors = [Mirror(each.url) for each in servers]
        writers = [Writer(each.url, answered) for each in servers]
        followers: list[Mirror | Writer] = [*mirrors, *writers]
        for follower in followers:
            stack.callback(follower.end)
            follower.start()
        assert comes(lambda: len(answered) > 50, 10)
        primary.stop(kill=True)
        time.sleep(1)
        standby.promote()
        before = max(answered)
        assert comes(lambda: max(answered) > before + 50, BACK_SECONDS), "they write to the one that was promoted"
        for writer in writers:
            writer.end()
        last = {ask(each.url, "POST", "/tasks", {"name": "last"})["task_id"] for each in servers}
        for mirror in mirrors:
            assert comes(lambda mirror=mirror: last <= mirror.tasks.keys(), 10)  # type: ignore[misc]
        lists = [
            {task["task_id"]: task["version"] for task in ask(each.url, "GET", "/tasks?limit=10000")}
            for each in servers
        ]
        assert lists[0] == lists[1]
        assert [mirror.tasks for mirror in mirrors] == lists, "what they hold is what there is"
        assert [mirror.resets for mirror in mirrors] == [[None, "epoch"]] * 2, "once"
