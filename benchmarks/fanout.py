"""Task events to many WebSocket clients, beside a Tornado handler that calls ``write_message`` for each."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection

from benchmarks import processes, readers
from benchmarks.processes import ServerProcess
from benchmarks.readers import Fanned
from benchmarks.report import Section, Table
from benchmarks.rounds import interleaved, ratios, spread

ROUNDS, SECONDS = 4, 4.0
CLIENTS = (100, 500)
EVENTS_PER_SECOND = 50
METHOD = f"""At most {EVENTS_PER_SECOND} changes a second, each a `PUT /tasks/1` that every client is told of. The
latency runs from just before the PUT is sent until each client has the message: in vAIn that includes the durable
commit, in the peer nothing is stored. The peer sends its messages, of about the same size, with `write_message` in a
loop. The server's CPU is all of it, requests included. One process reads for all clients; at 500 it is a part of the
latency. {ROUNDS} rounds of {SECONDS:g} s. No target."""


def measure() -> Section:
    """About two minutes."""
    rows = []
    with processes.vain() as ours, processes.peer("tornado_fanout") as bare:
        _put(HTTPConnection("127.0.0.1", ours.port, timeout=10), "POST", "/tasks", {"name": "Encode the video"})
        servers = {"vAIn": ours, "Tornado write_message": bare}
        for clients in CLIENTS:
            sides = {name: partial(_round, server, clients) for name, server in servers.items()}
            measured = interleaved(ROUNDS, sides)
            floor = [_cpu_microseconds(result) for result in measured["Tornado write_message"]]
            for name, results in measured.items():
                cpu = [_cpu_microseconds(result) for result in results]
                cells = [*_cells(results, clients), spread(cpu).text(1), ratios(cpu, floor).text()]
                rows.append([f"{clients}, {name}", *cells])
    header = ["clients, server", "delivered", "p50 ms", "p99 ms", "CPU µs/delivery", "ratio to write_message"]
    return Section("fanout", "Events to many clients", METHOD, [Table(header, rows)])


def _round(server: ServerProcess, clients: int) -> Fanned:
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(_send, server.port, ended)
        try:
            result = readers.read(server, clients, SECONDS)
        finally:
            ended.set()
        sending.result()  # raises what the sender raised: a round with a refused change is none
    return result


def _send(port: int, ended: threading.Event) -> None:
    """Change the task at a steady rate. A server that is late is not asked faster to make up for it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    due = time.monotonic()
    while not ended.wait(max(0.0, due - time.monotonic())):
        due = max(due + 1 / EVENTS_PER_SECOND, time.monotonic())
        _put(connection, "PUT", "/tasks/1", {"message": str(time.monotonic_ns())})


def _put(connection: HTTPConnection, method: str, path: str, content: object) -> None:
    connection.request(method, path, json.dumps(content), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path} on port {connection.port} was answered with {answer.status}")


def _cpu_microseconds(result: Fanned) -> float:
    return result.server_cpu_seconds / result.deliveries * 1e6


def _cells(results: list[Fanned], clients: int) -> list[str]:
    rate = spread([result.deliveries / result.seconds / clients for result in results])
    p50, p99 = (spread([getattr(result, name) for result in results]) for name in ("p50_ms", "p99_ms"))
    return [f"{rate.median:.0f} /s each", p50.text(1), p99.text(1)]
