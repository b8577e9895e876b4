"""The client that loads a server, in a process of its own: HTTP/1.1 on kept connections, parsed no more than needed.

    python -m benchmarks.load crud|get --port N --pid N [--path P] [--connections N] [--seconds S]

``crud`` runs chains of create, read, update (``{"status": "in-progress"}``), delete; ``get`` asks for one path. Each
connection sends its next request when the last answer is whole. Prints one JSON object: what happened between the end
of the warm-up and the deadline, with the CPU that the server ``--pid`` used in exactly this time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from array import array
from collections.abc import Callable, Generator
from functools import partial
from typing import NamedTuple, cast

from benchmarks.processes import ServerProcess, cpu_seconds, output_of
from benchmarks.rounds import percentile

WARM_UP_SECONDS = 0.5
GRACE_SECONDS = 20.0
CRUD = ("create", "read", "update", "delete")
BODY = b'{"name":"Back up the photos","priority":"high"}'
CHANGE = b'{"status":"in-progress"}'
EXPECTED = {"create": 201, "read": 200, "update": 200, "delete": 204, "get": 200}

Steps = Generator[tuple[str, bytes], bytes, None]
"""Name and bytes of one request after the other; a reply's body is sent in with ``send``."""


class Load(NamedTuple):
    """What one round of load gave. Latencies in milliseconds, as (p50, p99) by kind of request."""

    operations: int
    errors: int
    seconds: float
    server_cpu_seconds: float
    client_cpu_seconds: float
    latency_ms: dict[str, tuple[float, float]]

    @property
    def per_second(self) -> float:
        """Successful operations in a second."""
        return self.operations / self.seconds

    @property
    def cpu_microseconds(self) -> float:
        """What an operation costs the server."""
        return self.server_cpu_seconds / self.operations * 1e6


def crud(server: ServerProcess, connections: int, seconds: float) -> Load:
    """Run chains of create, read, update, delete, in a new process."""
    return _in_process(["crud", *_arguments(server, connections, seconds)], seconds)


def get(server: ServerProcess, path: str, connections: int, seconds: float) -> Load:
    """Ask for one path over and over, in a new process."""
    return _in_process(["get", "--path", path, *_arguments(server, connections, seconds)], seconds)


def _arguments(server: ServerProcess, connections: int, seconds: float) -> list[str]:
    flags = {"port": server.port, "pid": server.pid, "connections": connections, "seconds": seconds}
    return [part for name, value in flags.items() for part in (f"--{name}", str(value))]


def _in_process(arguments: list[str], seconds: float) -> Load:
    printed = output_of(["-m", "benchmarks.load", *arguments], WARM_UP_SECONDS + seconds + GRACE_SECONDS)
    return Load(**json.loads(printed))


def _request(method: str, path: bytes, body: bytes = b"") -> bytes:
    head = b"%s %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAccept: */*\r\n" % (method.encode(), path, _port)
    if body:
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return head + b"\r\n" + body


_port = 0


def _chains() -> Steps:
    create = _request("POST", b"/tasks", BODY)
    while True:
        created: bytes = yield "create", create
        at = created.index(b'"task_id":') + 10
        path = b"/tasks/%d" % int(created[at : created.index(b",", at)])
        yield "read", _request("GET", path)
        yield "update", _request("PUT", path, CHANGE)
        yield "delete", _request("DELETE", path)


def _gets(path: str) -> Callable[[], Steps]:
    def steps() -> Steps:
        request = _request("GET", path.encode())
        while True:
            yield "get", request

    return steps


class Meter:
    """Counts what ends within the window, for all connections together."""

    def __init__(self, began: float, until: float) -> None:
        self.began, self.until = began, until
        self.errors = 0
        self.latencies: dict[str, array[float]] = {}

    def note(self, kind: str, status: int, sent: float, received: float) -> None:
        """Take in one answer."""
        if not self.began <= sent or received > self.until:
            return
        if status == EXPECTED[kind]:
            self.latencies.setdefault(kind, array("d")).append((received - sent) * 1000)
        else:
            self.errors += 1


class Connection(asyncio.Protocol):
    """One connection. Ends at the first whole chain after the window, so that nothing is left behind in the server."""

    def __init__(self, steps: Steps, meter: Meter, ended: asyncio.Future[None]) -> None:
        self._steps, self._meter, self._ended = steps, meter, ended
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is not a subclass
        self._ask(next(self._steps))

    def data_received(self, data: bytes) -> None:
        """Wait for the whole answer, then send the next request."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = self._received.lower().find(b"content-length:", 0, end)
        length = int(self._received[at + 15 : self._received.index(b"\r\n", at)]) if at > 0 else 0
        if len(self._received) < end + 4 + length:
            return
        now, body = time.perf_counter(), self._received[end + 4 :]
        self._meter.note(self._kind, int(self._received[9:12]), self._sent, now)
        self._received = b""
        if now > self._meter.until and self._kind in ("delete", "get"):
            self._transport.close()
            return
        self._ask(self._steps.send(body))

    def connection_lost(self, exc: Exception | None) -> None:
        """Ended by us, or broken by the server."""
        if time.perf_counter() < self._meter.until:
            self._meter.errors += 1
        if not self._ended.done():
            self._ended.set_result(None)

    def _ask(self, step: tuple[str, bytes]) -> None:
        self._kind, request = step
        self._sent = time.perf_counter()
        self._transport.write(request)


async def _run(steps: Callable[[], Steps], pid: int, connections: int, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    began = time.perf_counter() + WARM_UP_SECONDS
    meter = Meter(began, began + seconds)
    ends = [loop.create_future() for _ in range(connections)]
    for ended in ends:
        await loop.create_connection(partial(Connection, steps(), meter, ended), "127.0.0.1", _port)
    await asyncio.sleep(began - time.perf_counter())
    server, client = cpu_seconds(pid), time.process_time()
    await asyncio.sleep(meter.until - time.perf_counter())
    server, client = cpu_seconds(pid) - server, time.process_time() - client
    await asyncio.gather(*ends)
    latencies = {kind: (percentile(all_, 50), percentile(all_, 99)) for kind, all_ in meter.latencies.items()}
    return Load(sum(map(len, meter.latencies.values())), meter.errors, seconds, server, client, latencies)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def main() -> None:
    """Run one round and print it."""
    global _port
    parser = argparse.ArgumentParser(description="Load a server, and print what it took.")
    parser.add_argument("kind", choices=("crud", "get"))
    parser.add_argument("--path", default="/performance")
    for name in ("port", "pid"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2.0)
    options = parser.parse_args()
    _port = options.port
    steps = _chains if options.kind == "crud" else _gets(options.path)
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        load = runner.run(_run(steps, options.pid, options.connections, options.seconds))
    print(json.dumps(load._asdict()))


if __name__ == "__main__":
    main()
