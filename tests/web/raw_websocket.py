"""WebSocket frames as bytes, right and wrong ones, and a client that sends them and says what became of it."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Iterator
from io import BufferedReader
from typing import Literal, NamedTuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MASK = b"\x37\xfa\x21\x3d"
KEY, ACCEPT = "dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The example of RFC 6455, 1.3."""
PROBE = b"still there?"
BOUND_SECONDS = 8.0
"""Beyond Tornado's five for a client that does not answer a close frame."""


class Outcome(NamedTuple):
    """What a server made of some frames. ``messages`` were handed on; None: this server does not tell."""

    end: Literal["goes on", "closed", "hangs"]
    codes: tuple[int | None, ...] = ()
    """Of the close frames that it sent; None: one without a code."""
    pongs: tuple[bytes, ...] = ()
    messages: int | None = None


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length_bytes: int | None = None,
) -> bytes:
    """A frame; by default masked, as a client's has to be, its length in as few bytes (0, 2 or 8) as possible."""
    if length_bytes is None:
        length_bytes = 0 if len(payload) < 126 else 2 if len(payload) < 65_536 else 8
    short = {0: len(payload), 2: 126, 8: 127}[length_bytes]
    head = bytes([fin << 7 | reserved << 4 | opcode, (mask is not None) << 7 | short])
    head += len(payload).to_bytes(length_bytes, "big") if length_bytes else b""
    return head + (payload if mask is None else mask + _masked(payload, mask))


def fragments(opcode: int, *parts: bytes, between: bytes = b"") -> bytes:
    """One message in so many frames, and between every two of them these bytes."""
    last = len(parts) - 1
    return between.join(
        frame(CONTINUATION if index else opcode, part, fin=index == last) for index, part in enumerate(parts)
    )


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason)


def upgrade(host: str, *lines: str, first: str = "GET /ws/tasks HTTP/1.1") -> bytes:
    """The head of a handshake, with these lines instead of those of the same name; one without a value is left out."""
    named = {
        "Host": host,
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": KEY,
    }
    instead = {line.partition(":")[0] for line in lines}
    kept = [f"{name}: {value}" for name, value in named.items() if name not in instead]
    given = [line for line in lines if line.partition(":")[2]]
    return "\r\n".join([first, *kept, *given, "", ""]).encode()


def outcome(port: int, head: bytes, sent: bytes, piece: int = 0, is_probed: bool = True) -> Outcome:
    """Open a WebSocket, send this, in pieces of so many bytes, and see.

    If it is probed, a ping follows: the server goes on if that is answered. A close frame is answered with its like.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=BOUND_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head)
        with connection.makefile("rb") as stream:
            answer = answered(stream)
            assert answer.startswith("HTTP/1.1 101 ") and ACCEPT in answer
            _send(connection, sent + (frame(PING, PROBE) if is_probed else b""), piece)
            return _seen(connection, stream, is_probed)


def answered(stream: BufferedReader) -> str:
    """The head of the answer."""
    lines = []
    while (line := stream.readline()) not in (b"\r\n", b""):
        lines.append(line)
    return b"".join(lines).decode("latin-1")


def _masked(payload: bytes, mask: bytes) -> bytes:
    length = len(payload)
    key = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")


def _send(connection: socket.socket, sent: bytes, piece: int) -> None:
    step = piece or max(1, len(sent))
    try:
        for at in range(0, len(sent), step):
            connection.sendall(sent[at : at + step])
    except OSError:
        return  # it has closed: what it had said before is still to be read


def _seen(connection: socket.socket, stream: BufferedReader, is_probed: bool) -> Outcome:
    codes: list[int | None] = []
    pongs: list[bytes] = []
    messages = 0
    deadline = time.monotonic() + BOUND_SECONDS
    end: Literal["goes on", "closed", "hangs"] = "closed"
    try:
        for opcode, payload in _frames(stream):
            assert not codes, f"a frame (opcode {opcode}) after the close frame"
            if opcode == PONG and payload == PROBE and is_probed:
                end = "goes on"
                break
            if opcode == PONG:
                pongs.append(payload)
            elif opcode == CLOSE:
                codes.append(struct.unpack("!H", payload[:2])[0] if payload else None)
                if is_probed:
                    _send(connection, frame(CLOSE, payload), 0)
            elif opcode == TEXT:
                messages += json.loads(payload)["type"] == "error"
            connection.settimeout(max(0.01, deadline - time.monotonic()))
    except TimeoutError:
        end = "hangs"
    except OSError:
        pass
    return Outcome(end, tuple(codes), tuple(pongs), messages)


def _frames(stream: BufferedReader) -> Iterator[tuple[int, bytes]]:
    """The server's frames, each held against the RFC, until it closes."""
    while len(start := stream.read(2)) == 2:
        first, length = start
        assert first & 0xF0 == 0x80 and first & 0x0F in (TEXT, CLOSE, PING, PONG), f"a first byte of {first:#x}"
        assert not length & 0x80, "a server's frames are not masked"
        is_control = first & 0x08
        assert not is_control or length < 126, "a control frame is short"
        if length > 125:
            least = 126 if length == 126 else 65_536
            length = int.from_bytes(stream.read(2 if length == 126 else 8), "big")
            assert length >= least, "a length takes as few bytes as possible"
        payload = stream.read(length)
        assert len(payload) == length, "half a frame"
        if first & 0x0F == CLOSE:
            assert length != 1
            payload[2:].decode()
        elif not is_control:
            payload.decode()
        yield first & 0x0F, payload
