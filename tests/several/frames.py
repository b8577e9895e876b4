"""The stream over a bare socket: frames are taken apart here, since it has to keep up with several servers at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from tests.web.raw_websocket import CLOSE, PING, PONG, TEXT, frame, upgrade


class Stream(asyncio.Protocol):
    """One connection. ``messages`` has what came and was not taken yet; None at its end."""

    def __init__(self, host: str, subscription: dict[str, Any]) -> None:
        self._host, self._subscription = host, subscription
        self._received = bytearray()
        self._is_open = False
        self.messages: asyncio.Queue[list[bytes] | None] = asyncio.Queue()
        self.status = ""

    @classmethod
    async def opened(cls, port: int, subscription: dict[str, Any]) -> Stream:
        """Connects; the handshake is under way. Raises OSError."""
        host = f"127.0.0.1:{port}"
        _, stream = await asyncio.get_running_loop().create_connection(
            lambda: cls(host, subscription), "127.0.0.1", port
        )
        return stream

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask, and say at once what is wanted."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._transport.write(upgrade(self._host, "Sec-WebSocket-Protocol: vain.v1"))

    def data_received(self, data: bytes) -> None:
        """Whole frames are handed on together."""
        self._received += data
        if not self._is_open and not self._opens():
            return
        messages = self._taken()
        if messages:
            self.messages.put_nowait(messages)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.messages.put_nowait(None)

    def abort(self) -> None:
        """As a train in a tunnel does it: without a goodbye."""
        self._transport.abort()

    def _opens(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.status = self._received[:end].split(b"\r\n", 1)[0].decode()
        del self._received[: end + 4]
        if " 101 " not in self.status:
            self._transport.abort()
            return False
        self._is_open = True
        self._transport.write(frame(TEXT, json.dumps({"type": "subscribe", **self._subscription}).encode()))
        return True

    def _taken(self) -> list[bytes]:
        buffer, at, messages = self._received, 0, []
        while len(buffer) - at >= 2:
            opcode, length, start = buffer[at] & 0x0F, buffer[at + 1], at + 2
            if length > 125:
                more = 2 if length == 126 else 8
                length = int.from_bytes(buffer[start : start + more], "big") if len(buffer) >= start + more else 1 << 62
                start += more
            if len(buffer) < start + length:
                break
            payload = bytes(buffer[start : start + length])
            at = start + length
            if opcode == TEXT:
                messages.append(payload)
            elif opcode == PING:
                self._transport.write(frame(PONG, payload))
            elif opcode == CLOSE:
                self.status = f"closed with {int.from_bytes(payload[:2], 'big')}"
                self._transport.abort()
                break
        del buffer[:at]
        return messages
