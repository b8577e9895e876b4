"""Many WebSocket clients in one process that only read, and note how old each message is when it arrives.

    python -m benchmarks.readers --port N --pid N --clients N [--seconds S]

A message that is measured holds ``"message":"<monotonic nanoseconds>"``, written by its sender just before it was sent.
Prints one JSON object with what arrived between the end of the warm-up and the deadline.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from array import array
from typing import NamedTuple

from benchmarks.processes import ServerProcess, cpu_seconds, output_of
from benchmarks.rounds import percentile

WARM_UP_SECONDS = 1.0
GRACE_SECONDS = 40.0
MARK = b'"message":"'
RECEIVE_BYTES = 1 << 18
HANDSHAKE = (
    b"GET /ws/tasks HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Fanned(NamedTuple):
    """What all clients together received. Latencies in milliseconds, over all deliveries."""

    deliveries: int
    seconds: float
    p50_ms: float
    p99_ms: float
    server_cpu_seconds: float
    client_cpu_seconds: float


def read(server: ServerProcess, clients: int, seconds: float) -> Fanned:
    """Let that many clients read for a while, in a new process. Somebody else has to send."""
    flags = {"port": server.port, "pid": server.pid, "clients": clients, "seconds": seconds}
    arguments = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    printed = output_of(["-m", "benchmarks.readers", *arguments], WARM_UP_SECONDS + seconds + GRACE_SECONDS)
    return Fanned(**json.loads(printed))


def _connected(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(HANDSHAKE % port)
    head = b""
    while b"\r\n\r\n" not in head:
        received = client.recv(4096)
        if not received:
            raise RuntimeError("the server closed a connection while it was opened")
        head += received
    if b" 101 " not in head[:20]:
        raise RuntimeError(head.split(b"\r\n")[0].decode())
    client.setblocking(False)
    return client


def _sent_times(data: bytes) -> list[int]:
    """The times in these bytes. Of a message that was cut in two the time is lost, and the delivery not counted."""
    times, at = [], data.find(MARK)
    while at >= 0:
        at += len(MARK)
        end = data.find(b'"', at)
        digits = data[at:end] if end > 0 else b""
        if digits.isdigit():
            times.append(int(digits))
        at = data.find(MARK, at)
    return times


def _run(port: int, pid: int, count: int, seconds: float) -> Fanned:
    clients = {client.fileno(): client for client in (_connected(port) for _ in range(count))}
    poll = select.epoll()
    for number in clients:
        poll.register(number, select.EPOLLIN)
    began = time.monotonic() + WARM_UP_SECONDS
    until = began + seconds
    ages_ms, server, client = array("d"), 0.0, 0.0
    measuring = False
    while (now := time.monotonic()) < until:
        if not measuring and now >= began:
            measuring, server, client = True, cpu_seconds(pid), time.process_time()
        for number, _ in poll.poll(0.05):
            data = clients[number].recv(RECEIVE_BYTES)
            if not data:
                raise RuntimeError("the server closed a connection")
            if measuring:
                received = time.monotonic_ns()
                ages_ms.extend((received - sent) / 1e6 for sent in _sent_times(data))
    server, client = cpu_seconds(pid) - server, time.process_time() - client
    if not ages_ms:
        raise RuntimeError("nothing arrived")
    return Fanned(len(ages_ms), seconds, percentile(ages_ms, 50), percentile(ages_ms, 99), server, client)


def main() -> None:
    """Read for one round and print it."""
    parser = argparse.ArgumentParser(description="Read from many WebSockets, and print how old the messages were.")
    for name in ("port", "pid", "clients"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    print(json.dumps(_run(options.port, options.pid, options.clients, options.seconds)._asdict()))


if __name__ == "__main__":
    main()
