"""vAIn from asyncio: the calls of ``vain.Client`` as coroutines, and what happens as it happens.

>>> async with vain.AsyncClient() as c:
...     task = await c.create("train resnet", status="in-progress")
...     async for event in c.watch(["taskUpdate"]):
...         print(event.action, event.task.name, event.task.status)
"""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import Literal, ParamSpec, TypeVar, Unpack

from vain.alerting.alert import PastFiring, Recurring, ShownRule, Silence, Tested
from vain.alerting.rule import Rule
from vain.answers import Moment
from vain.client import Client
from vain.explaining import Explanation
from vain.following import Follower, Watch
from vain.happened import ChartsChange, Event, EventType, Snapshot, TaskChange
from vain.hosts import Host, HostsHistory
from vain.lanes import Lanes
from vain.notification import Notification
from vain.resuming import Position, reader
from vain.samples import Sample
from vain.task_reading import PAGE_TASKS, TaskFormat
from vain.types import Level, Outcome, Priority, Status, Task
from vain.waiting import Waiting
from vain.wanted import MoreFilters, TaskFilters

__all__ = ["AsyncClient", "ChartsChange", "Event", "EventType", "Position", "Snapshot", "TaskChange", "Watch"]

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

    def watch(
        self,
        types: Collection[EventType] | None = None,
        since: str | Position | None = None,
        *,
        snapshot: bool = False,
        task_id: int | list[int] | None = None,
        status: Status | list[Status] | None = None,
        priority: Priority | list[Priority] | None = None,
        outcome: Outcome | list[Outcome] | None = None,
        tag: str | list[str] | None = None,
        key: str | list[str] | None = None,
        parent_id: int | list[int] | None = None,
        host: str | list[str] | None = None,
        text: str | None = None,
    ) -> Watch:
        """What happens, as ``TaskChange``, ``Notification``, ``Sample`` and ``ChartsChange``, for ``async for``.

        ``types`` picks by the names of the wire, all without it; the rest is what tasks must be like, all of it (of
        several values any, of several tags all); a change that takes a task out of that comes, too (``matches``).
        It begins where ``since`` says, a ``position`` of an earlier watch, else now: when ``watch.open()`` was awaited,
        or with the first event. Lost connections are made again, for ever, and each change and each notification comes
        once and in order, those that happened meanwhile too; samples and charts only while connected. If some are not
        to be had any more, a ``Snapshot`` with ``reset`` says so and brings all tasks as they are; with ``snapshot``
        and without ``since`` one comes first.
        Leaving the loop, cancelling it, ``watch.close()`` and ``close()`` end the connection.

        Raises ValueError for a type or a position that cannot be, Invalid for a filter; and, while it is followed,
        Unauthenticated, Forbidden, and NotAcceptable for a server that is too old.
        """
        filters = {"task_id": task_id, "status": status, "priority": priority, "outcome": outcome}
        more = {"tag": tag, "key": key, "parent_id": parent_id, "host": host, "q": text}
        begun = reader(types, since, snapshot, **filters, **more)
        watch = Watch(Follower(self._client._wire, begun, self._running))
        self._watches.add(watch)
        return watch

    async def tasks(
        self,
        status: Status | Sequence[Status] | None = None,
        priority: Priority | Sequence[Priority] | None = None,
        outcome: Outcome | Sequence[Outcome] | None = None,
        tag: str | Sequence[str] | None = None,
        key: str | None = None,
        parent_id: int | None = None,
        text: str | None = None,
        limit: int | None = None,
        **more: Unpack[MoreFilters],
    ) -> list[Task]:
        """The tasks that have all that is given, the oldest first unless ``sort`` says otherwise."""
        asked = partial(self._client.tasks, status, priority, outcome, tag, key, parent_id, text, limit, **more)
        return await self._call(asked)

    async def iter_tasks(self, page_size: int = PAGE_TASKS, **wanted: Unpack[TaskFilters]) -> AsyncIterator[Task]:
        """The same one by one, asked for in pages as they are needed."""
        pages = self._client.task_pages("json", page_size, **wanted)
        while (page := await self._call(next, pages, None)) is not None:
            for task in self._client._wire.decoded(list[Task], page):
                yield task

    async def count_tasks(self, **wanted: Unpack[TaskFilters]) -> int:
        """How many tasks have all that is given."""
        return await self._call(partial(self._client.count_tasks, **wanted))

    async def task_rows(self, fields: Sequence[str], **wanted: Unpack[TaskFilters]) -> list[dict[str, object]]:
        """Only some fields of the tasks."""
        return await self._call(partial(self._client.task_rows, fields, **wanted))

    async def task_table(
        self,
        format: TaskFormat = "parquet",  # noqa: A002  (what everybody calls it)
        fields: Sequence[str] | None = None,
        **wanted: Unpack[TaskFilters],
    ) -> bytes:
        """The tasks as the bytes of a CSV, NDJSON, JSON or Parquet file."""
        return await self._call(partial(self._client.task_table, format, fields, **wanted))

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
        host: str | None = None,
    ) -> Lanes:
        """The tasks of a window as bars in rows."""
        window = partial(self._client.lanes, after, before, width_pixels, rows)
        return await self._call(partial(window, text, status, outcome, tag, task_id, host))

    async def task(self, task_id: int) -> Task:
        """One task."""
        return await self._call(self._client.task, task_id)

    async def create(self, name: str, **fields: object) -> Task:
        """A new task, as the server stored it."""
        return await self._call(self._client.create, name, **fields)

    async def create_many(self, drafts: Iterable[Mapping[str, object]]) -> list[Task]:
        """New tasks, up to 500 at once, all of them or none."""
        return await self._call(self._client.create_many, drafts)

    async def update_many(self, task_ids: Iterable[int], **fields: object) -> list[Task]:
        """Sets the same fields of up to 500 tasks, of all or of none; the tasks, as they now are."""
        return await self._call(self._client.update_many, task_ids, **fields)

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

    async def performance(self, host: str | None = None) -> Sample:
        """The newest look at the machine."""
        return await self._call(self._client.performance, host)

    async def explain(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        metric: str = "cpu.percent",
        baseline_after: Moment | None = None,
        baseline_before: Moment | None = None,
        host: str | None = None,
    ) -> Explanation:
        """Which tasks and processes used what the machine used between two moments."""
        return await self._call(self._client.explain, after, before, metric, baseline_after, baseline_before, host)

    async def hosts(self) -> list[Host]:
        """The machines that report, and what each does now."""
        return await self._call(self._client.hosts)

    async def host(self, name: str) -> Host:
        """One machine."""
        return await self._call(self._client.host, name)

    async def forget_host(self, name: str) -> None:
        """Deletes a machine that is gone, and its history."""
        await self._call(self._client.forget_host, name)

    async def hosts_history(
        self,
        metric: str = "cpu.percent",
        after: Moment | None = None,
        before: Moment | None = None,
        points: int | None = None,
        top: int | None = None,
    ) -> HostsHistory:
        """One metric of all machines over time."""
        return await self._call(self._client.hosts_history, metric, after, before, points, top)

    async def notifications(
        self,
        limit: int = 50,
        before: int | None = None,
        *,
        level: Level | None = None,
        kind: str | None = None,
        quiet: bool | None = None,
        read: bool | None = None,
    ) -> list[Notification]:
        """The newest notifications, newest first: all, or those for which everything holds that is given."""
        return await self._call(
            self._client.notifications, limit, before, level=level, kind=kind, quiet=quiet, read=read
        )

    async def rules(self) -> list[ShownRule]:
        """All rules by name, each with who made it and for what it fires now."""
        return await self._call(self._client.rules)

    async def put_rule(self, rule: Rule) -> ShownRule:
        """Makes a rule, or replaces the one of its name."""
        return await self._call(self._client.put_rule, rule)

    async def delete_rule(self, name: str) -> None:
        """Forgets a rule that somebody made."""
        await self._call(self._client.delete_rule, name)

    async def test_rule(
        self,
        rule: Rule | str,
        after: Moment | None = None,
        before: Moment | None = None,
        host: str | None = None,
    ) -> Tested:
        """When a rule would have fired over the stored history."""
        return await self._call(self._client.test_rule, rule, after, before, host)

    async def firings(
        self, after: Moment | None = None, before: Moment | None = None, limit: int | None = None
    ) -> list[PastFiring]:
        """When rules fired in a window, newest first; without times, in the last day."""
        return await self._call(self._client.firings, after, before, limit)

    async def silences(self) -> list[Silence]:
        """Who is not to be told, now or later."""
        return await self._call(self._client.silences)

    async def silence(
        self,
        rules: Collection[str] | None = None,
        subject: str | None = None,
        *,
        seconds: float | None = None,
        until: str | datetime | None = None,
        recurring: Recurring | None = None,
        comment: str = "",
    ) -> Silence:
        """Tells nobody of these rules, for a time."""
        when = partial(self._client.silence, seconds=seconds, until=until, recurring=recurring, comment=comment)
        return await self._call(when, rules, subject)

    async def end_silence(self, silence_id: int) -> None:
        """Ends a silence before its time."""
        await self._call(self._client.end_silence, silence_id)

    async def acknowledge(self, notification_id: int) -> Notification:
        """Somebody takes care of what a rule tells: while it fires, it is not told again."""
        return await self._call(self._client.acknowledge, notification_id)

    async def _call(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **more))
