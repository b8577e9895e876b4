"""What a receiver of notifications that does not take them does to those who ask the server: nothing, it should be."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import NamedTuple

from benchmarks import load, processes
from benchmarks.load import CRUD, Load
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import Spread, interleaved, ratios, spread

CONNECTIONS, FAILURES_PER_SECOND = 4, 20
LARGEST_RATIO = 1.2
REFUSAL = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
NOBODY, HANGING, REFUSING = "no channel", "a webhook that hangs", "a webhook that answers 500"
METHOD = f"""Three servers, each with {FAILURES_PER_SECOND} tasks a second that fail, which is a notification each. The
webhook of one takes the connection and never answers, that of another answers 500; the third has none. Meanwhile
{CONNECTIONS} connections create, read, update and delete tasks, as in "Tasks over REST". The ratio is that of the same
round."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 5
    seconds: float = 4.0


FULL = Scale()


def measure(scale: Scale = FULL) -> Section:
    """About a minute and a half."""
    with ExitStack() as stack:
        addresses = {HANGING: stack.enter_context(receiver(b"")), REFUSING: stack.enter_context(receiver(REFUSAL))}
        servers = {NOBODY: stack.enter_context(processes.vain())} | {
            name: stack.enter_context(processes.vain("--webhook", address)) for name, address in addresses.items()
        }
        sides = {name: partial(_round, server, scale.seconds) for name, server in servers.items()}
        measured = interleaved(scale.rounds, sides)
    beside = [_p99(result) for result in measured[NOBODY]]
    of_nobody = {name: ratios([_p99(result) for result in results], beside) for name, results in measured.items()}
    rows = [_row(name, results, of_nobody[name]) for name, results in measured.items()]
    targets = [
        Target(f"p99 of REST beside {name}, of that without", of_nobody[name].median, LARGEST_RATIO)
        for name in addresses
    ]
    header = ["20 failing tasks a second, and", "operations/s", "p99 of a change in ms", "ratio to no channel"]
    return Section("delivery", "Receivers that do not take", METHOD, [Table(header, rows)], targets)


def _row(name: str, results: list[Load], ratio: Spread) -> list[str]:
    rate = spread([result.per_second for result in results])
    return [name, rate.text(0), spread([_p99(result) for result in results]).text(), ratio.text()]


@contextmanager
def receiver(answer: bytes) -> Iterator[str]:
    """The address of one that takes connections, and answers so or, with nothing to say, never."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_take, args=(listening, answer, taken), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
            for each in taken:
                each.close()


def _take(listening: socket.socket, answer: bytes, taken: list[socket.socket]) -> None:
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        if answer:
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)
        else:
            taken.append(connection)


def _round(server: ServerProcess, seconds: float) -> Load:
    with _failing(server.port):
        return load.crud(server, CONNECTIONS, seconds)


@contextmanager
def _failing(port: int) -> Iterator[None]:
    """Tasks that fail, all the while."""
    ended = threading.Event()
    thread = threading.Thread(target=_fail, args=(port, ended))
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _fail(port: int, ended: threading.Event) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    body = json.dumps({"name": "nightly", "status": "completed", "outcome": "failed"})
    due = time.monotonic()
    while not ended.is_set():
        connection.request("POST", "/tasks", body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        due += 1 / FAILURES_PER_SECOND
        ended.wait(max(0.0, due - time.monotonic()))
    connection.close()


def _p99(result: Load) -> float:
    """The worst of the kinds that change something, in milliseconds."""
    if result.errors:
        raise RuntimeError(f"{result.errors} requests were answered with an error: the figures mean nothing")
    return max(result.latency_ms[kind][1] for kind in CRUD if kind != "read")
