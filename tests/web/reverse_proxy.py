"""A reverse proxy that ends TLS, as small as one can be: each connection carries one request, and is then a pipe.

It is a program, for what it leaves open ends with its process. ``tests/data/loopback.pem`` is its key and
certificate, made for these tests and for nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PEM = Path(__file__).resolve().parents[1] / "data" / "loopback.pem"


class ReverseProxy:
    """``strips``: it takes the prefix off and sends its own ``Host``; else both go on as they came."""

    def __init__(self, port: int, upstream_port: int, prefix: str, strips: bool) -> None:
        self.port, self.upstream_port, self.prefix, self.strips = port, upstream_port, prefix, strips

    async def serve(self) -> None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(PEM)
        server = await asyncio.start_server(self._take, "127.0.0.1", self.port, ssl=tls)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await server.serve_forever()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await self._forward(reader, writer)
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
def reverse_proxy(port: int, upstream_port: int, prefix: str, *, strips: bool) -> Iterator[str]:
    """The outer address of one that runs until the block ends."""
    kind = "strips" if strips else "keeps"
    command = [sys.executable, "-m", "tests.web.reverse_proxy", str(port), str(upstream_port), prefix, kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=PEM.parents[2]) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            yield f"https://localhost:{port}{prefix}"
        finally:
            process.kill()


if __name__ == "__main__":
    _, own, upstream, path, kind = sys.argv
    asyncio.run(ReverseProxy(int(own), int(upstream), path, strips=kind == "strips").serve())
