"""vAIn from asyncio: the calls of ``vain.Client`` as coroutines, and what happens as it happens.

>>> async with vain.AsyncClient() as c:
...     task = await c.create("train resnet", status="in-progress")
...     async for event in c.watch(["taskUpdate"]):
...         print(event.action, event.task.name, event.task.status)
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from types import AsyncGeneratorType, TracebackType
from typing import Literal, ParamSpec, Protocol, TypeVar, cast, get_args

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from vain.client import Client, Waiting
from vain.clock import Clock, utc
from vain.errors import Forbidden, Unauthenticated, Unavailable, VainError
from vain.flow.figures import Chart
from vain.lifecycle import changed_fields
from vain.samples import Sample
from vain.types import Action, Notification, Outcome, Priority, Status, Task, Time
from vain.wire import Problem

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)
socket_logger = logger.getChild("socket")
# On its lowest level the library logs every header, and with it the API key.
socket_logger.setLevel(logging.INFO)

THREADS = 4
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.2, 10.0
SILENT_SECONDS = 30.0
"""A connection on which nothing came for so long is asked whether it is still there."""
CLOSING_SECONDS = 0.5
LARGEST_MESSAGE_BYTES = 16 * 2**20
MOST_NOTIFICATIONS = 200
SAME_TIME_SECONDS = 2.0
"""Clocks that differ by less show the same time: the server's is only known to the second."""
REFUSALS: dict[int, type[VainError]] = {
    401: Unauthenticated,
    403: Forbidden,
    4401: Unauthenticated,
    4403: Forbidden,
}
"""A status of the handshake or a code of the end that would be the same the next time."""

EventType = Literal["taskUpdate", "notification", "performanceUpdate", "visualizationUpdate"]


class TaskChange(Struct, frozen=True):
    """A task was created, updated or deleted: as it then was, which fields differ, and its status before."""

    action: Action
    task: Task
    changed: list[str] = []
    previous_status: Status | None = None
    seq: int | None = None
    """The number of the event. None: found by reading the tasks when the connection was there again."""


class ChartsChange(Struct, frozen=True):
    """The charts of ``GET /visualizations`` that changed."""

    charts: list[Chart]


Event = TaskChange | Notification | Sample | ChartsChange


class Head(Struct, frozen=True):
    """What is read of a message before it is known what it is."""

    type: str
    seq: int | None = None
    action: Action = "updated"
    changed: list[str] = []
    previous_status: Status | None = None


class Seen:
    """What was delivered or read: so each version of a task comes once, and what was missed is found. Pure.

    ``began_at`` (canonical): what the server changed later is news to the first reading, all before is not.
    """

    def __init__(self, began_at: Time) -> None:
        self.began_at = began_at
        self._tasks: dict[int, Task] = {}
        self._reads = 0
        self._gone: set[int] = set()
        self._last_notification: int | None = None

    def tasks_read(self, tasks: Iterable[Task]) -> list[TaskChange]:
        """What must have happened, now that these are all tasks. What comes later may be older than they are."""
        before, self._tasks = self._tasks, {task.task_id: task for task in tasks}
        self._reads += 1
        if self._is_first:
            return self._first_changes()
        known = [(before.get(task.task_id), task) for task in self._latest()]
        found = [_found("updated" if old else "created", old, new) for old, new in known if _differ(old, new)]
        gone = [task for task_id, task in before.items() if task_id not in self._tasks]
        self._gone = {task.task_id for task in gone}
        return found + [TaskChange("deleted", task, previous_status=task.status) for task in gone]

    def news(self, change: TaskChange) -> TaskChange | None:
        """What this event, in its order, tells that was not told yet."""
        task, tasks = change.task, self._tasks
        known = tasks.get(task.task_id)
        if task.task_id in self._gone:
            return None
        is_unheard_of = known is None and not self._is_first
        if change.action == "deleted":
            tasks.pop(task.task_id, None)
            return None if is_unheard_of else change
        if known is not None and task.version <= known.version:
            return None
        tasks[task.task_id] = task
        # That it was created was told while nobody listened; that it is gone again may not have been.
        return msgspec.structs.replace(change, action="created") if is_unheard_of else change

    def notifications_read(self, newest: Collection[Notification]) -> list[Notification]:
        """Those of the newest that were not told yet, oldest first."""
        last = self._last_notification
        fresh = [
            each
            for each in newest
            if (each.timestamp >= self.began_at if last is None else each.notification_id > last)
        ]
        self._last_notification = max((each.notification_id for each in newest), default=0)
        return sorted(fresh, key=lambda each: each.notification_id)

    def is_new(self, notification: Notification) -> bool:
        """The same of one that came as an event."""
        if self._last_notification is not None and notification.notification_id <= self._last_notification:
            return False
        self._last_notification = notification.notification_id
        return True

    def _first_changes(self) -> list[TaskChange]:
        news = [task for task in self._latest() if _changed_at(task) >= self.began_at]
        # What a process tells late was created long ago, and is new all the same.
        return [
            _found("created" if task.version == 1 or task.created_at >= self.began_at else "updated", None, task)
            for task in news
        ]

    @property
    def _is_first(self) -> bool:
        """Whether the first connection stands, of which tasks that are known to nobody have a history."""
        return self._reads <= 1

    def _latest(self) -> list[Task]:
        """All tasks, in the order in which they were changed."""
        return sorted(self._tasks.values(), key=lambda task: (_changed_at(task), task.task_id))


class Caller(Protocol):
    """Has a call run in a thread."""

    def __call__(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> Awaitable[T]:
        """What the call gives."""


class Hole(Exception):
    """An event is missing: what follows it cannot be trusted to be all."""


class Closed(Exception):
    """The watch was closed while it waited."""


class Follower:
    """One watch's connection, made again whenever it is lost. Every wait in it can be ended by ``interrupt``."""

    def __init__(
        self, client: Client, call: Caller, types: Collection[str], running: set[Follower], wall: Clock
    ) -> None:
        self.ended = asyncio.Event()
        self._client, self._call, self._types, self._running, self._wall = client, call, types, running, wall
        self._began_at = 0.0
        self._seen = Seen("")
        self._is_first = True
        self._seq: int | None = None
        self._socket: ClientConnection | None = None
        self._limit: asyncio.Timeout | None = None
        self._closing = False

    async def events(self) -> AsyncGenerator[Event | None, None]:
        """What happens, and None each time that a connection stands. Raises Unauthenticated and Forbidden."""
        self._running.add(self)
        self._began_at = self._wall()
        wait_seconds = SHORTEST_WAIT_SECONDS
        try:
            while True:
                try:
                    missed = await self._connected()
                    wait_seconds = SHORTEST_WAIT_SECONDS
                    yield None
                    for event in missed:
                        yield event
                    while True:
                        news = self._event(await self._message())
                        if news is not None:
                            yield news
                except (OSError, WebSocketException, VainError, msgspec.MsgspecError, Hole) as exc:
                    _raise_refusal(exc)
                    logger.warning("connection to %s lost: %s", self._client.url, _reason(exc))
                await self._hang_up()
                # Full jitter: a hundred watchers must not all come back in the same moment after a restart.
                await self._until_closed(partial(asyncio.sleep, random.uniform(0, wait_seconds)))  # noqa: S311
                wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)
        except Closed:
            return
        finally:
            try:
                await self._hang_up()
            finally:
                self._running.discard(self)
                self.ended.set()

    def interrupt(self) -> None:
        """Has ``events`` end at the wait that it is in."""
        self._closing = True
        if self._limit is not None:
            self._limit.reschedule(0)

    def abort(self) -> None:
        """The same for one who cannot wait: the connection is cut."""
        self.interrupt()
        if self._socket is not None:
            self._socket.transport.abort()

    async def _connected(self) -> list[Event]:
        """Connects, and then reads what happened meanwhile: what comes from now on waits in the connection."""
        await self._until_closed(self._connect)
        found: list[Event] = []
        if "taskUpdate" in self._types:
            found += self._seen.tasks_read(await self._until_closed(partial(self._call, self._client.tasks)))
        if "notification" in self._types:
            read = partial(self._call, self._client.notifications, MOST_NOTIFICATIONS)
            found += self._seen.notifications_read(await self._until_closed(read))
        self._is_first = False
        return found

    async def _connect(self) -> None:
        self._seq = None
        self._socket = await _Connect(
            "ws" + self._client.url.removeprefix("http") + "/ws/tasks",
            additional_headers=self._client.authorization,
            open_timeout=self._client.timeout_seconds,
            close_timeout=CLOSING_SECONDS,
            # A task of its own for pings would have to be awaited; ``_message`` asks when it hears nothing.
            ping_interval=None,
            max_size=LARGEST_MESSAGE_BYTES,
            compression=None,
            proxy=None,
            logger=socket_logger,
        )
        if self._is_first:
            self._seen.began_at = utc(self._began_at + self._ahead_seconds(self._socket))

    def _ahead_seconds(self, socket: ClientConnection) -> float:
        """How much later it is by the server's clock; 0 as long as both may show the same."""
        written = socket.response.headers.get("Date") if socket.response else None
        try:
            ahead_seconds = parsedate_to_datetime(written or "").timestamp() - self._wall()
        except ValueError:
            return 0.0
        return ahead_seconds if abs(ahead_seconds) > SAME_TIME_SECONDS else 0.0

    async def _message(self) -> str | bytes:
        """The next message. Raises TimeoutError if the server does not even answer a ping."""
        socket = self._socket
        assert socket is not None  # noqa: S101  # only called once connected
        while True:
            try:
                return await self._until_closed(socket.recv, SILENT_SECONDS)
            except TimeoutError:
                await self._until_closed(partial(_answered, socket), SILENT_SECONDS)

    def _event(self, message: str | bytes) -> Event | None:
        """What a message tells, if it is news and wanted. Raises Hole."""
        head = msgspec.json.decode(message, type=Head)
        if head.seq is not None:
            last, self._seq = self._seq, head.seq
            if last is not None and head.seq <= last:
                self._seq = last
                return None
            if last is not None and head.seq > last + 1:
                raise Hole(f"event {head.seq} came after {last}")
        return self._decoded(head, message) if head.type in self._types else None

    def _decoded(self, head: Head, message: str | bytes) -> Event | None:
        if head.type == "taskUpdate":
            task = msgspec.json.decode(message, type=Task)
            change = TaskChange(head.action, task, head.changed, head.previous_status, head.seq)
            return self._seen.news(change)
        if head.type == "notification":
            notification = msgspec.json.decode(message, type=Notification)
            return notification if self._seen.is_new(notification) else None
        if head.type == "performanceUpdate":
            return msgspec.json.decode(message, type=Sample)
        return msgspec.json.decode(message, type=ChartsChange)

    async def _until_closed(self, work: Callable[[], Awaitable[T]], seconds: float | None = None) -> T:
        """What the work gives. Raises Closed once the watch is closed, and TimeoutError after so many seconds."""
        if self._closing:
            raise Closed
        try:
            async with asyncio.timeout(seconds) as self._limit:
                result = await work()
        except TimeoutError:
            if not self._closing:
                raise
        finally:
            self._limit = None
        # Also if the result came in the same moment: whoever closes waits for the end, and nobody may ask for more.
        if self._closing:
            raise Closed
        return result

    async def _hang_up(self) -> None:
        socket, self._socket = self._socket, None
        if socket is None:
            return
        try:
            await socket.close()
        finally:
            # If the wait for the other side's goodbye is cut short, the connection must not stay.
            socket.transport.abort()


class Watch:
    """The events of a server, for ``async for``; made by ``AsyncClient.watch``, which says what comes."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        # Only this object may hold the generator, so that a loop that is left by `break` ends it.
        self._events = cast("AsyncGeneratorType[Event | None, None]", follower.events())
        self._is_open = False

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> Event:
        while (event := await anext(self._events)) is None:
            self._is_open = True
        return event

    async def open(self) -> None:
        """Connects now, not with the first event: no change that comes after this returns is missed.

        Waits for the server as long as it takes. Raises Unauthenticated, Forbidden; Unavailable if closed meanwhile.
        """
        if self._is_open:
            return
        try:
            await anext(self._events)
        except StopAsyncIteration:
            raise Unavailable("The watch was closed before it was open.") from None
        self._is_open = True

    async def close(self) -> None:
        """Ends the connection, and the loop over the events if there is one. Twice is once."""
        if self._events.ag_running:
            self._follower.interrupt()
            await self._follower.ended.wait()
        else:
            await self._events.aclose()
            self._follower.ended.set()


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

    async def wait(self, *task_ids: int, timeout_seconds: float | None = None, any_: bool = False) -> list[Task]:
        """The tasks once all of them are completed, or with ``any_`` those that are once one is. Raises TimedOut."""
        waiting = Waiting(self._client, task_ids, timeout_seconds)
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

    async def notifications(self, limit: int = 50) -> list[Notification]:
        """The newest notifications, newest first."""
        return await self._call(self._client.notifications, limit)

    async def _call(self, call: Callable[P, T], *args: P.args, **more: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(call, *args, **more))


class _Connect(connect):
    """Follows no redirect: a key is sent to the server that was named alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _answered(socket: ClientConnection) -> None:
    """Waits for the answer to a ping."""
    await (await socket.ping())


def _differ(before: Task | None, now: Task) -> bool:
    # Not "is newer": a backup that was put in the place of the tasks takes them back.
    return before is None or before.version != now.version


def _found(action: Action, before: Task | None, now: Task) -> TaskChange:
    """The change that must have led from one to the other, in one."""
    return TaskChange(action, now, changed_fields(before, now), before.status if before else None)


def _changed_at(task: Task) -> Time:
    return task.updated_at or task.created_at


def _raise_refusal(exc: Exception) -> None:
    """Raises what would be the same the next time."""
    code = None
    if isinstance(exc, InvalidStatus):
        code = exc.response.status_code
    elif isinstance(exc, ConnectionClosed) and exc.rcvd is not None:
        code = exc.rcvd.code
    if code in REFUSALS:
        raise REFUSALS[code](_detail(exc)) from exc
    if isinstance(exc, Unauthenticated | Forbidden):
        raise exc


def _detail(exc: Exception) -> str:
    """What the server itself says, if it does."""
    if isinstance(exc, InvalidStatus):
        with suppress(msgspec.MsgspecError):
            return msgspec.json.decode(exc.response.body or b"", type=Problem).detail or _reason(exc)
    return _reason(exc)


def _reason(exc: Exception) -> str:
    if isinstance(exc, InvalidStatus):
        return f"the server answered {exc.response.status_code}"
    return str(exc) or type(exc).__name__
