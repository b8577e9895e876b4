"""The events of a server as they happen, through lost connections and restarts: each version of a task once.

A connection is made first and its events wait in it; then the tasks are read, which tells what was missed; then the
events follow. ``Seen`` decides, pure, what is news.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection
from contextlib import suppress
from email.utils import parsedate_to_datetime
from functools import partial
from types import AsyncGeneratorType
from typing import Literal, ParamSpec, Protocol, TypeVar, cast

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from vain.client import Client
from vain.clock import Clock, utc
from vain.errors import Forbidden, Unauthenticated, Unavailable, VainError
from vain.flow.figures import Chart
from vain.samples import Sample
from vain.seen import Seen, TaskChange
from vain.types import Action, Notification, Status, Task
from vain.wire import Problem

P = ParamSpec("P")
T = TypeVar("T")

logger = logging.getLogger(__name__)
socket_logger = logger.getChild("socket")
# On its lowest level the library logs every header, and with it the API key.
socket_logger.setLevel(logging.INFO)

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


class _Connect(connect):
    """Follows no redirect: a key is sent to the server that was named alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def _answered(socket: ClientConnection) -> None:
    """Waits for the answer to a ping."""
    await (await socket.ping())


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
