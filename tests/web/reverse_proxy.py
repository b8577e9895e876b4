"""A reverse proxy that ends TLS, as small as one can be: each connection carries one request, and is then a pipe.

``tests/data/loopback.pem`` is its key and certificate, made for these tests and for nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEM = Path(__file__).resolve().parents[1] / "data" / "loopback.pem"


class ReverseProxy:
    """``strips``: it takes the prefix off and sends its own ``Host``; else both go on as they came."""

    def __init__(self, upstream_port: int, prefix: str, strips: bool) -> None:
        self.upstream_port, self.prefix, self.strips = upstream_port, prefix, strips
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}{self.prefix}"

    async def serve(self, started: threading.Event, ended: asyncio.Event) -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(PEM)
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await ended.wait()
        server.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self._forward(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        inner_writer.write(self._inner(head.decode("latin-1"), writer.get_extra_info("peername")[0]))
        up = asyncio.ensure_future(_pipe(reader, inner_writer))
        try:
            await _pipe(inner_reader, writer)
        finally:
            up.cancel()
            inner_writer.close()

    def _inner(self, head: str, peer: str) -> bytes:
        outer_host = re.search(r"(?im)^host: *(.*?)\r$", head)
        assert outer_host is not None
        told = f"X-Forwarded-For: {peer}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: {outer_host[1]}\r\n"
        if self.strips:
            head = head.replace(f" {self.prefix}/", " /", 1)
            head = re.sub(r"(?im)^host: .*\r$", f"Host: 127.0.0.1:{self.upstream_port}\r", head)
            told += f"X-Forwarded-Prefix: {self.prefix}\r\n"
        if not re.search(r"(?im)^upgrade: ", head):
            head = re.sub(r"(?im)^connection: .*\r\n", "", head)
            told += "Connection: close\r\n"
        return (head[:-2] + told + "\r\n").encode("latin-1")


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while part := await reader.read(1 << 16):
        writer.write(part)
        await writer.drain()


@contextmanager
def reverse_proxy(proxy: ReverseProxy) -> Iterator[ReverseProxy]:
    """It runs in a thread of its own until the block ends."""
    started, loop, ended = threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(proxy.serve(started, ended)))
    thread.start()
    try:
        assert started.wait(10)
        yield proxy
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)
        loop.close()
