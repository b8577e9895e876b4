"""vAIn from asyncio: the calls of ``vain.Client`` as coroutines, and what happens as it happens.

>>> async with vain.AsyncClient() as c:
...     task = await c.create("train resnet", status="in-progress")
...     async for event in c.watch(["taskUpdate"]):
...         print(event.action, event.task.name, event.task.status)
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar, get_args

from vain.answers import Moment
from vain.client import Client
from vain.explaining import Explanation
from vain.following import ChartsChange, Event, EventType, Follower, Watch
from vain.lanes import Lanes
from vain.samples import Sample
from vain.seen import TaskChange
from vain.types import Notification, Outcome, Priority, Status, Task
from vain.waiting import Waiting

__all__ = ["AsyncClient", "ChartsChange", "Event", "EventType", "TaskChange", "Watch"]

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4


class AsyncClient:
    """A running vAIn server, for asyncio; ``vain.Client`` says what the calls mean and raise.

    ``url`` and ``api_key`` are taken from VAIN_URL and VAIN_API_KEY (or VAIN_API_KEY_FILE) if not given. The calls run
    in a few threads of its own, so the loop never waits. Belongs to one event loop.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, timeout_seconds: float | None = None
    ) -> None:
        self._client = Client(url, api_key, timeout_seconds)
        self._threads = ThreadPoolExecutor(THREADS, "vain-client")
        self._watches: weakref.WeakSet[Watch] = weakref.WeakSet()
        self._running: set[Follower] = set()

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return self._client.url

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends every watch, cuts off calls that are under way, and closes the kept connections."""
        try:
            for watch in tuple(self._watches):
                await watch.close()
            for follower in tuple(self._running):
                # Its loop was left, and asyncio is about to end it.
                await follower.ended.wait()
        finally:
            for follower in tuple(self._running):
                follower.abort()
            self._client.end()
            self._threads.shutdown(wait=False)

    def watch(self, types: Iterable[EventType] | None = None) -> Watch:
        """What happens from now on, as ``TaskChange``, ``Notification``, ``Sample`` and ``ChartsChange``.

        ``types`` picks by the names of the wire; all without it. "Now" is when the first event is asked for, or
        ``watch.open()`` awaited. Lost connections are made again, for ever. What happened to a task meanwhile comes as
        one change (its ``seq`` is None), so each version of a task that is to be had comes once, and each deletion of
        a task that was there. Notifications come all, samples and charts only while connected. Leaving the loop,
        cancelling it, ``watch.close()`` and ``close()`` end the connection. Raises Unauthenticated and Forbidden.
        """
        wanted = frozenset(get_args(EventType) if types is None else types)
        if unknown := wanted - set(get_args(EventType)):
            raise ValueError(f"{sorted(unknown)} are no types of events: {', '.join(get_args(EventType))} are")
        watch = Watch(Follower(self._client, self._call, wanted, self._running, time.time))
        self._watches.add(watch)
        return watch

    async def tasks(
        self,
        status: Status | None = None,
        priority: Priority | None = None,
        outcome: Outcome | None = None,
        tag: str | None = None,
        key: str | None = None,
        parent_id: int | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        """The tasks that have all that is given, the oldest first."""
        return await self._call(self._client.tasks, status, priority, outcome, tag, key, parent_id, text, limit)

    async def lanes(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        width_pixels: int | None = None,
        rows: int | None = None,
        text: str | None = None,
        status: Status | None = None,
        outcome: Outcome | None = None,
        tag: str | None = None,
        task_id: int | None = None,
    ) -> Lanes:
        """The tasks of a window as bars in rows."""
        call = partial(self._client.lanes, after, before, width_pixels, rows, text, status, outcome, tag, task_id)
        return await self._call(call)

    async def task(self, task_id: int) -> Task:
        """One task."""
        return await self._call(self._client.task, task_id)

    async def create(self, name: str, **fields: object) -> Task:
        """A new task, as the server stored it."""
        return await self._call(self._client.create, name, **fields)

    async def update(self, task_id: int, **fields: object) -> Task:
        """Sets the given fields and leaves the others; the whole task, as it now is."""
        return await self._call(self._client.update, task_id, **fields)

    async def delete(self, task_id: int) -> None:
        """Removes a task."""
        await self._call(self._client.delete, task_id)

    async def changes(self, task_id: int) -> list[dict[str, object]]:
        """Every change of a task, oldest first."""
        return await self._call(self._client.changes, task_id)

    async def runs(self, task_id: int) -> list[Task]:
        """The runs of the same key or name that succeeded before this one began, the newest first."""
        return await self._call(self._client.runs, task_id)

    async def wait(self, *task_ids: int, timeout_seconds: float | None = None, any_: bool = False) -> list[Task]:
        """The tasks once all of them are completed, or with ``any_`` those that are once one is. Raises TimedOut."""
        waiting = Waiting(self._client._wire, task_ids, timeout_seconds)
        found: dict[int, Task] = {}
        while True:
            found |= {task.task_id: task for task in await self._call(waiting.look)}
            if not waiting.left or (any_ and found):
                return [found[task_id] for task_id in dict.fromkeys(task_ids) if task_id in found]
            await asyncio.sleep(waiting.pause_seconds())

    async def log(self, task_id: int, after: int = 0) -> tuple[bytes, int]:
        """What is kept of a task's output from an offset on, and the offset at its end."""
        return await self._call(self._client.log, task_id, after)

    async def append_log(self, task_id: int, text: str | bytes) -> None:
        """Adds to a task's output."""
        await self._call(self._client.append_log, task_id, text)

    async def ping(
        self,
        key: str,
        word: Literal["start", "fail", "log"] | int | None = None,
        text: str | bytes = "",
        every: float | str | None = None,
        grace: float | str | None = None,
        name: str | None = None,
    ) -> Task:
        """Says how the job ``key`` goes; the task that the ping belongs to."""
        return await self._call(self._client.ping, key, word, text, every, grace, name)

    async def performance(self) -> Sample:
        """The newest look at the machine."""
        return await self._call(self._client.performance)

    async def explain(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        metric: str = "cpu.percent",
        baseline_after: Moment | None = None,
        baseline_before: Moment | None = None,
    ) -> Explanation:
        """Which tasks and processes used what the machine used between two moments."""
        return await self._call(self._client.explain, after, before, metric, baseline_after, baseline_before)

    async def notifications(self, limit: int = 50) -> list[Notification]:
        """The newest notifications, newest first."""
        return await self._call(self._client.notifications, limit)

    async def _call(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **more))
