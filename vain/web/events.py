"""``/ws/tasks``: everybody reads the same ring of frames, each from a position of its own.

One write is under way for a client at a time, of at most about 64 KiB; while it lasts nothing is queued for that
client. A client that falls out of the ring is brought forward from the log, so that durable events are never dropped,
and one that takes nothing for ``STALLED_SECONDS`` is closed. Frames are built once for all (RFC 6455 leaves a server's
frames unmasked) and written to the socket directly, since ``write_message`` costs two and a half times as much.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections import deque
from collections.abc import Awaitable
from functools import partial
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from vain.errors import VainError
from vain.hub import Behind, Hub, Position, text_frame
from vain.store import reading
from vain.store.database import Store

logger = logging.getLogger(__name__)

LARGEST_MESSAGE = 64 << 10
MESSAGES_PER_SECOND = 20
MOST_CLIENTS = 2_000
PAUSE_SECONDS = 0.01
"""The first news goes out at once, what follows within this time goes out together."""
STALLED_SECONDS = 30.0
CATCH_UP_EVENTS = 16
SEND_BUFFER_BYTES = 128 << 10
"""Kept small, so that old figures do not wait in the kernel for a slow reader."""

CLOSE_RESTART, CLOSE_OVERLOADED, CLOSE_STALLED, CLOSE_TOO_MANY = 1012, 1013, 4408, 4429


class Fanout:
    """All clients of ``/ws/tasks``. The server's: it calls ``check`` every few seconds and ``close`` at the end."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self.hub, self.store = hub, store
        self.clients: set[EventSocket] = set()
        self._stop_listening = hub.listen(self._news)
        self._timer: asyncio.TimerHandle | None = None
        self._joined: dict[Position, tuple[bytes, Position]] = {}

    def application(self) -> Application:
        """The Tornado application that the gate hands ``/ws/tasks`` to."""
        return Application(
            [(r"/ws/tasks", EventSocket, {"fanout": self})],
            websocket_ping_interval=20,
            websocket_ping_timeout=20,
            websocket_max_message_size=LARGEST_MESSAGE,
        )

    def chunk(self, position: Position) -> tuple[bytes, Position]:
        """What follows a position, joined into one piece; clients at the same position share it. Raises Behind."""
        found = self._joined.get(position)
        if found is None:
            frames, after = self.hub.read(position)
            found = self._joined[position] = b"".join(frames), after
        return found

    def check(self) -> None:
        """Close the clients that have taken nothing for too long."""
        for client in tuple(self.clients):
            client.close_if_stalled()

    def close(self) -> None:
        """Tell every client that the server is going, and end."""
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
        for client in tuple(self.clients):
            client.close(CLOSE_RESTART, "vAIn is restarting")

    def _news(self) -> None:
        if self._timer is None and self.clients:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._after_pause, self.hub.now())
            self._send()

    def _after_pause(self, told: Position) -> None:
        self._timer = None
        if self.hub.has_news(told):
            self._news()

    def _send(self) -> None:
        self._joined.clear()
        for client in tuple(self.clients):
            client.pump()
        self._joined.clear()


class EventSocket(WebSocketHandler):
    """One client. What it sends is read over: the stream needs nothing from it."""

    def initialize(self, fanout: Fanout) -> None:
        self._fanout = fanout
        self._busy_since: float | None = None
        self._catching_up: asyncio.Task[None] | None = None
        self._received: deque[float] = deque(maxlen=MESSAGES_PER_SECOND)

    def check_origin(self, origin: str) -> bool:
        """The gate in front has checked it, together with the host."""
        return True

    def open(self, *args: str, **kwargs: str) -> None:
        """From now on: the client gets what happens after this moment."""
        if len(self._fanout.clients) >= MOST_CLIENTS:
            self.close(CLOSE_OVERLOADED, "too many clients")
            return
        self.set_nodelay(True)
        stream = self._stream()
        if stream is not None and stream.socket is not None:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._position = self._fanout.hub.now()
        self._fanout.clients.add(self)

    def on_message(self, message: str | bytes) -> None:
        """Nothing is expected; too much of it ends the connection."""
        now = time.monotonic()
        if len(self._received) == MESSAGES_PER_SECOND and now - self._received[0] < 1.0:
            self.close(CLOSE_TOO_MANY, "too many messages")
        self._received.append(now)

    def on_close(self) -> None:
        """The client is gone."""
        self._fanout.clients.discard(self)
        if self._catching_up is not None:
            self._catching_up.cancel()

    def pump(self) -> None:
        """Send what is new, unless an earlier piece is still on its way."""
        while self._busy_since is None and self._catching_up is None:
            try:
                data, after = self._fanout.chunk(self._position)
            except Behind:
                self._catching_up = asyncio.ensure_future(self._catch_up())
                return
            if not data:
                return
            self._position = after
            self._send(data)

    def close_if_stalled(self) -> None:
        """Close, if the last piece has not been taken for too long."""
        if self._busy_since is not None and time.monotonic() - self._busy_since > STALLED_SECONDS:
            stream = self._stream()
            self.close(CLOSE_STALLED, "no progress")
            if stream is not None:
                # The close frame waits behind what was not taken, so the connection itself has to go.
                stream.close()

    def _stream(self) -> IOStream | None:
        connection: Any = self.ws_connection
        return None if connection is None or connection.is_closing() else connection.stream

    def _send(self, data: bytes) -> None:
        """Write ready frames in order; what the socket does not take at once is left to the stream, and awaited."""
        stream = self._stream()
        if stream is None:
            self._busy_since = time.monotonic()  # closing: nothing more is sent
            return
        taken = 0
        if type(stream) is IOStream and not stream.writing():
            try:
                taken = stream.socket.send(data)
            except BlockingIOError:
                pass
            except OSError:
                stream.close()
                return
        if taken < len(data):
            self._busy_since = time.monotonic()
            try:
                # Within this call: a ping or close frame must not get in between the two parts.
                written = stream.write(data[taken:])
            except StreamClosedError:
                return
            asyncio.ensure_future(self._wait(written)).add_done_callback(lambda _: self.pump())

    async def _wait(self, written: Awaitable[None]) -> None:
        try:
            await written
        except StreamClosedError:
            return
        self._busy_since = None

    async def _catch_up(self) -> None:
        """From the log, until the ring has the next event."""
        fanout = self._fanout
        try:
            while self._position.seq < fanout.hub.seq:
                events = await fanout.store.read(
                    partial(reading.events_after, seq=self._position.seq, limit=CATCH_UP_EVENTS)
                )
                stream = self._stream()
                if not events or stream is None:
                    return
                self._busy_since = time.monotonic()
                await stream.write(b"".join(text_frame(event.body) for event in events))
                self._busy_since = None
                self._position = Position(events[-1].seq, self._position.revisions)
                try:
                    fanout.hub.read(self._position)
                    break
                except Behind:
                    continue
        except StreamClosedError:
            return
        except VainError as error:
            logger.warning("A client could not be brought forward: %s", error)
            self.close(CLOSE_OVERLOADED, "try again")
            return
        finally:
            self._catching_up = None
        self.pump()
