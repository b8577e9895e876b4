"""Who makes the events that the clients of ``benchmarks/readers.py`` are told of: a thread beside the measurement."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection

from benchmarks import mqtt
from benchmarks.stamps import Pace, stamped

NAME = "Encode the video"
LARGEST_BATCH = 500


@contextmanager
def sending(send: Callable[[], object], per_second: int) -> Iterator[None]:
    """Call ``send`` at this rate meanwhile. Raises what it raised: a round with a refused change is none."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(_send, send, per_second, ended)
        try:
            yield
        finally:
            ended.set()
        sent.result()


@contextmanager
def changing(port: int, tasks: int | None = None) -> Iterator[Callable[[], object]]:
    """One change of one task of vAIn, on a connection that is kept; or one of each of so many tasks, in one request."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        call = partial(_answer, connection)
        numbers = [task["task_id"] for task in json.loads(call("POST", "/tasks/bulk", [{"name": NAME}] * (tasks or 1)))]
        if tasks is None:
            yield lambda: call("PUT", f"/tasks/{numbers[0]}", {"message": _stamp()})
        else:
            yield lambda: call("POST", "/tasks/bulk-update", {"ids": numbers, "patch": {"message": _stamp()}})


def fill_ring(port: int, events: int) -> None:
    """So many changes as fast as they are taken."""
    with changing(port, LARGEST_BATCH) as change:
        for _ in range(events // LARGEST_BATCH + 1):
            change()


@contextmanager
def publishing(port: int, size_bytes: int) -> Iterator[Callable[[], object]]:
    """One event of this size, published at a broker of MQTT."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as publisher:
        publisher.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        publisher.sendall(mqtt.connect("publisher"))
        publisher.recv(mqtt.CONNACK_BYTES, socket.MSG_WAITALL)
        yield lambda: publisher.sendall(mqtt.publish(stamped(size_bytes)))


def _send(send: Callable[[], object], per_second: int, ended: threading.Event) -> None:
    pace = Pace(per_second)
    while not ended.wait(pace.wait_seconds()):
        for _ in range(pace.due()):
            send()


def _stamp() -> str:
    return str(time.monotonic_ns())


def _answer(connection: HTTPConnection, method: str, path: str, content: object) -> bytes:
    connection.request(method, path, json.dumps(content), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path} on port {connection.port} was answered with {answer.status}")
    return body
