"""Pages that are open without a browser, in a process of their own: the page's HTML, its WebSocket, its document.

    python -m benchmarks.viewers --port N --pid N --pages N [--seconds S] [--path P] [--cycles N]

Without ``--cycles``: opens that many pages, reads what comes, and prints one JSON object with what it cost the server
between the end of the warm-up and the deadline. With it: opens and closes so many pages, ``--pages`` at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple
from urllib.request import urlopen

from websockets.asyncio.client import ClientConnection, connect

from benchmarks.processes import ServerProcess, cpu_seconds, output_of

WARM_UP_SECONDS = 4.0
OPEN_SECONDS = 6.0
"""So long one page may take to open before it is an error."""
ASK = ('{"msgid":"1","msgtype":"PULL-DOC-REQ"}', "{}", "{}")
_EVENT = {"type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}}
_SENT = {"events": [{"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": _EVENT}]}
READY = ('{"msgid":"2","msgtype":"PATCH-DOC"}', "{}", json.dumps(_SENT))
"""What a browser says when it has drawn the document; Panel sends nothing before."""
MOST_BYTES = 1 << 25
WAIT_SECONDS = 60
"""For one answer: pages that are built at the same time wait for each other."""


class Viewed(NamedTuple):
    """What the pages got together in ``seconds``, and what it cost; ``build_ms`` is the server's CPU to open one."""

    pages: int
    seconds: float
    server_cpu_seconds: float
    build_ms: float
    messages: int
    bytes: int


def view(server: ServerProcess, pages: int, seconds: float, path: str = "/") -> Viewed:
    """Keep that many pages open for a while."""
    flags = {"port": server.port, "pid": server.pid, "pages": pages, "seconds": seconds, "path": path}
    limit_seconds = WARM_UP_SECONDS + seconds + OPEN_SECONDS * (pages + 10)
    return Viewed(**json.loads(output_of(_arguments(flags), limit_seconds)))


def churn(server: ServerProcess, cycles: int, path: str = "/") -> None:
    """Open and close that many pages, four at a time."""
    flags = {"port": server.port, "pid": server.pid, "pages": 4, "cycles": cycles, "path": path}
    output_of(_arguments(flags), OPEN_SECONDS * (cycles + 10))


def _arguments(flags: dict[str, object]) -> list[str]:
    return ["-m", "benchmarks.viewers", *(part for name, value in flags.items() for part in (f"--{name}", str(value)))]


@asynccontextmanager
async def _opened(port: int, path: str) -> AsyncIterator[ClientConnection]:
    """One page as a browser opens it, without what it shows: its document has been sent when this is entered."""
    html = await asyncio.to_thread(_page, f"http://127.0.0.1:{port}{path}")
    found = re.search(r'"token":"([^"]+)"', html)
    if found is None:
        raise RuntimeError(f"there is no page at {path}")
    address = f"ws://127.0.0.1:{port}{path.rstrip('/')}/ws"
    protocols = ["bokeh", found[1]]
    opening = connect(
        address,
        subprotocols=protocols,  # type: ignore[arg-type]
        max_size=MOST_BYTES,
        compression=None,
        open_timeout=WAIT_SECONDS,
    )
    async with opening as socket:
        await _heard(socket, '"ACK"')
        await _say(socket, ASK)
        await _heard(socket, '"PULL-DOC-REPLY"')
        await _say(socket, READY)
        yield socket


async def _say(socket: ClientConnection, message: Iterable[str]) -> None:
    for part in message:
        await socket.send(part)


async def _heard(socket: ClientConnection, kind: str) -> None:
    """Reads until the head of a message of that kind has come."""
    while kind not in str(await socket.recv()):
        pass


def _page(url: str) -> str:
    with urlopen(url, timeout=WAIT_SECONDS) as answer:
        return str(answer.read(), "utf-8")


class _Count:
    def __init__(self) -> None:
        self.messages = self.bytes = 0

    async def read(self, socket: ClientConnection) -> None:
        """Reads until it is cancelled."""
        async for message in socket:
            self.messages += 1
            self.bytes += len(message)


async def _view(options: argparse.Namespace) -> Viewed:
    count = _Count()
    async with AsyncExitStack() as stack:
        began = cpu_seconds(options.pid)
        tasks = []
        for _ in range(options.pages):
            socket = await stack.enter_async_context(_opened(options.port, options.path))
            # At once: a page that does not read what it is sent holds the server back.
            tasks.append(asyncio.create_task(count.read(socket)))
        built = cpu_seconds(options.pid) - began
        await asyncio.sleep(WARM_UP_SECONDS)
        used, at, known = cpu_seconds(options.pid), time.perf_counter(), (count.messages, count.bytes)
        await asyncio.sleep(options.seconds)
        used, seconds = cpu_seconds(options.pid) - used, time.perf_counter() - at
        if any(task.done() for task in tasks):
            raise RuntimeError("the server closed a page")
        for task in tasks:
            task.cancel()
        messages, size = count.messages - known[0], count.bytes - known[1]
    return Viewed(options.pages, seconds, used, 1000 * built / options.pages, messages, size)


async def _churn(options: argparse.Namespace) -> None:
    left = iter(range(options.cycles))

    async def one_after_the_other() -> None:
        for _ in left:
            async with _opened(options.port, options.path) as socket:
                await socket.recv()

    await asyncio.gather(*(one_after_the_other() for _ in range(options.pages)))


def main() -> None:
    """Open pages, and print what they took."""
    parser = argparse.ArgumentParser(description="Open pages without a browser.")
    for name in ("port", "pid", "pages"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--path", default="/")
    parser.add_argument("--cycles", type=int, default=0)
    options = parser.parse_args()
    if options.cycles:
        asyncio.run(_churn(options))
    else:
        print(json.dumps(asyncio.run(_view(options))._asdict()))


if __name__ == "__main__":
    main()
