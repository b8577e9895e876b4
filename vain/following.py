"""The events of a server as they happen, for asyncio: through lost connections and restarts, each once and in order.

``Reader`` decides, pure, what is news and where to go on; here are the connection and the waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from types import AsyncGeneratorType
from typing import TypeVar, cast

from websockets.asyncio.client import ClientConnection, connect

from vain import joining, resuming
from vain.errors import Unavailable
from vain.happened import Event
from vain.joining import LOST, Outage, check_protocol, refusal_of, socket_address
from vain.resuming import Pauses, Reader
from vain.wire import Wire

T = TypeVar("T")


class Closed(Exception):
    """The watch was closed while it waited."""


class Follower:
    """One watch's connection, made again whenever it is lost. Every wait in it can be ended by ``interrupt``."""

    def __init__(self, wire: Wire, reader: Reader, running: set[Follower]) -> None:
        self.ended = asyncio.Event()
        self.reader = reader
        self._wire, self._running = wire, running
        self._pauses, self._outage = Pauses(), Outage(wire.url)
        self._socket: ClientConnection | None = None
        self._limit: asyncio.Timeout | None = None
        self._closing = False

    async def events(self) -> AsyncGenerator[Event | None, None]:
        """What happens, and None each time that a connection stands. Raises what ``AsyncClient.watch`` says."""
        self._running.add(self)
        try:
            while True:
                try:
                    await self._until_closed(self._connect)
                    while True:
                        was_placed = self.reader.is_placed
                        event = self.reader.take(await self._message())
                        if self.reader.is_placed and not was_placed:
                            self._stands()
                            yield None
                        if event is not None:
                            yield event
                except LOST as exc:
                    if refusal := refusal_of(exc):
                        raise refusal from exc
                    self._outage.lost(exc)
                await self._hang_up()
                pause = self._pauses.next_seconds(self.reader.retry_seconds)
                await self._until_closed(partial(asyncio.sleep, pause))
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

    def _stands(self) -> None:
        self._pauses.reset()
        self._outage.over()

    async def _connect(self) -> None:
        self._socket = socket = await _Connect(socket_address(self._wire.url), **joining.how_to_connect(self._wire))
        check_protocol(socket.subprotocol, self._wire.url)
        await socket.send(self.reader.subscription().decode())

    async def _message(self) -> str | bytes:
        """The next message. Raises TimeoutError if the server says nothing any more."""
        socket = self._socket
        assert socket is not None  # noqa: S101  # only called once connected
        return await self._until_closed(socket.recv, resuming.SILENT_SECONDS)

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

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def position(self) -> str | None:
        """Where the watch is: after the event that it gave last. As ``since`` it goes on there, also another day.

        None before the first connection.
        """
        position = self._follower.reader.position
        return None if position is None else str(position)

    async def open(self) -> None:
        """Connects now, not with the first event: no change that comes after this returns is missed.

        Waits for the server as long as it takes. Raises what ``watch`` says; Unavailable if closed meanwhile.
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
