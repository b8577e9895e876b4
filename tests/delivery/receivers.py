"""Receivers on loopback: HTTP that does as it is told, and a mail server."""

from __future__ import annotations

import asyncio
import email
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.message import Message
from email.policy import default
from pathlib import Path
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, Envelope, Session

from vain.codec import decode


class Received(NamedTuple):
    """A request, once its body was read whole."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def fields(self) -> dict[str, Any]:
        return decode(dict[str, Any], self.body)

    @property
    def number(self) -> int:
        return int(self.fields["notification_id"])


Answer = Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def answering(status: int, headers: str = "", body: bytes = b"thanks") -> Answer:
    """Answers so."""

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    return answer


async def hanging(request: Received, writer: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


async def breaking(request: Received, writer: asyncio.StreamWriter) -> None:
    """Closes the connection without an answer, though it has got everything."""
    writer.transport.abort()


class HttpReceiver:
    """Answers with what comes next in ``answers``, then with 204."""

    def __init__(self, *answers: Answer, certificate: Path | None = None) -> None:
        self.certificate = certificate
        self.answers = list(answers)
        self.received: list[Received] = []
        self.port = 0
        self._open: set[asyncio.Task[None]] = set()

    @property
    def numbers(self) -> list[int]:
        return [each.number for each in self.received]

    @property
    def url(self) -> str:
        return f"{'http' if self.certificate is None else 'https'}://127.0.0.1:{self.port}/hooks/token123"

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
            body = await reader.readexactly(int(headers["content-length"]))
            self.received.append(Received(lines[0].split()[1], headers, body))
            await (self.answers.pop(0) if self.answers else answering(204, body=b""))(self.received[-1], writer)
        except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(task)
            writer.close()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[HttpReceiver]:
        tls = None
        if self.certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(self.certificate)
        server = await asyncio.start_server(self.take, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)


class MailReceiver:
    """A mail server (aiosmtpd); ``replies`` are what it says to the next messages, then 250."""

    def __init__(self, *replies: str) -> None:
        self.mails: list[Message] = []
        self.replies = list(replies)
        self.port = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.mails.append(email.message_from_bytes(envelope.content, policy=default))
        return reply

    def url(self, more: str = "") -> str:
        return f"mailto://127.0.0.1:{self.port}/?from=vain@example.org&to=ops@example.org{more}"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[MailReceiver]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(self, loop=loop, hostname="here"), "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Waits until something is so. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110  (nothing tells)
            await asyncio.sleep(0.01)
