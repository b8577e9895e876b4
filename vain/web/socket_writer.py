"""Ready frames to a WebSocket's own socket: the one place that knows what Tornado does not document.

``write_message`` costs two and a half times as much for each message. Here many frames go out in one send, which RFC
6455 allows, since a server's frames are not masked; no compression was agreed on. One write is under way at a time, and
while it lasts nothing is queued. Where the connection has no ``stream`` (another Tornado), ``write_message`` is used.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

from tornado.iostream import IOStream, StreamClosedError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

SEND_BUFFER_BYTES = 128 << 10
"""Kept small, so that old figures do not wait in the kernel for a slow reader."""


class SocketWriter:
    """Writes for one handler. ``freed`` is called on the event loop when what was left of a write has been taken."""

    __slots__ = ("_busy_since", "_connection", "_freed", "_handler", "_plain", "_send")

    def __init__(self, handler: WebSocketHandler, freed: Callable[[], None]) -> None:
        self._handler, self._freed = handler, freed
        self._connection: Any = handler.ws_connection
        self._busy_since: float | None = None
        self._plain: IOStream | None = None
        handler.set_nodelay(True)
        if (stream := self.stream) is not None:
            limit_buffer(stream)
            if type(stream) is IOStream and stream.socket is not None:
                # TLS has rules of its own for a write that is taken in part.
                self._plain, self._send = stream, stream.socket.send

    @property
    def stream(self) -> IOStream | None:
        """The connection's stream; None once it is closing."""
        connection: Any = self._handler.ws_connection
        return None if connection is None or connection.is_closing() else getattr(connection, "stream", None)

    @property
    def is_free(self) -> bool:
        """Whether everything that was written has been taken."""
        return self._busy_since is None

    @property
    def is_open(self) -> bool:
        """Whether it can be written to: neither side has begun to close."""
        connection: Any = self._handler.ws_connection
        return connection is not None and not connection.is_closing()

    def waited_seconds(self) -> float:
        """For how long the last write has not been taken; 0 if it has."""
        return 0.0 if self._busy_since is None else time.monotonic() - self._busy_since

    def write(self, frames: bytes) -> bool:
        """Write whole frames; whether the socket took all of them at once.

        What it did not take is left to the stream; nothing is, once one side has begun to close.
        """
        plain, connection, taken = self._plain, self._connection, 0
        if plain is not None and not (connection.client_terminated or connection.server_terminated or plain.writing()):
            try:
                taken = self._send(frames)
            except BlockingIOError:
                pass
            except OSError:
                plain.close()
            if taken == len(frames):
                return True
        self._leave(frames, taken)
        return False

    def cut(self, code: int, reason: str) -> None:
        """Close, and cut the connection: the close frame would wait behind what is not taken."""
        stream = self.stream
        self._handler.close(code, reason)
        if stream is not None:
            stream.close()

    def _leave(self, frames: bytes, taken: int) -> None:
        """Have the stream write the rest when it can.

        Within the call that sent the first part: a ping or close frame must not get in between the two.
        """
        stream = self.stream
        if stream is not None:
            with suppress(StreamClosedError):
                self._own(stream.write(memoryview(frames)[taken:]))
        elif self.is_open:
            self._own(self._messages(frames))
        else:
            self._busy_since = time.monotonic()

    def _own(self, written: Awaitable[None]) -> None:
        self._busy_since = time.monotonic()
        asyncio.ensure_future(self._wait(written)).add_done_callback(lambda _: self._freed())

    async def _wait(self, written: Awaitable[None]) -> None:
        try:
            await written
        except (StreamClosedError, WebSocketClosedError):
            return
        self._busy_since = None

    async def _messages(self, frames: bytes) -> None:
        for payload in payloads(frames):
            await self._handler.write_message(payload)


def limit_buffer(stream: IOStream) -> None:
    """Have the kernel hold little of what is not taken."""
    if stream.socket is not None:
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)


def payloads(frames: bytes) -> Iterator[bytes]:
    """The texts in frames as ``vain.hub.text_frame`` makes them."""
    at = 0
    while at < len(frames):
        length, head = frames[at + 1], 2
        if length == 126:
            length, head = struct.unpack_from("!H", frames, at + 2)[0], 4
        elif length == 127:
            length, head = struct.unpack_from("!Q", frames, at + 2)[0], 10
        yield frames[at + head : at + head + length]
        at += head + length
