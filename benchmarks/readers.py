"""Many clients in one process that only read, and note how old each message is when it arrives.

    python -m benchmarks.readers --port N --pid N --clients N [--kind bare|tasks|mqtt] [--stalled N] [--seconds S] …

A bare client sends nothing, ``tasks`` subscribes to the events of tasks alone, ``mqtt`` is a broker's subscriber. Those
that are stalled come after the others, and never read. A message that is measured says when it was sent
(``benchmarks/stamps.py``). Prints one JSON object with what arrived between the end of the warm-up and the deadline.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import time
from array import array
from collections import Counter
from typing import NamedTuple

from benchmarks import mqtt
from benchmarks.processes import ServerProcess, cpu_seconds, output_of
from benchmarks.rounds import percentile
from benchmarks.stamps import stamps_in

WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 0.2
"""Between the moment when the stalled come and the measurement."""
GRACE_SECONDS = 60.0
FIRST_CLIENTS = 20
"""So many come before the memory of the others is measured: they have the server load what it loads once."""
RECEIVE_BYTES = 64 << 10
STALLED_BUFFER_BYTES = 4 << 10
HANDSHAKE = (
    b"GET /ws/tasks HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SUBSCRIBE = b'{"type":"subscribe","streams":["tasks"],"snapshot":false}'
KINDS = ("bare", "tasks", "mqtt")


class Fanned(NamedTuple):
    """What all clients together received. Latencies in milliseconds."""

    deliveries: int
    seconds: float
    p50_ms: float
    p99_ms: float
    """Over all deliveries."""
    last_p50_ms: float | None
    """Until the last client has a message, the median of the messages; None if no message came to all."""
    bytes_each: float
    """On the wire, for each delivery."""
    server_cpu_seconds: float
    client_cpu_seconds: float
    connection_kib: float | None
    """Resident memory of the server for each connection; None if there were too few."""
    grown_kib: float
    """By how much the server's resident memory grew, from just before the stalled came until the end."""

    @property
    def cpu_microseconds(self) -> float:
        """What a delivery costs the server."""
        return self.server_cpu_seconds / self.deliveries * 1e6

    @property
    def client_microseconds(self) -> float:
        """What a delivery costs who reads."""
        return self.client_cpu_seconds / self.deliveries * 1e6

    @property
    def core_percent(self) -> float:
        """What share of a core the server used."""
        return self.server_cpu_seconds / self.seconds * 100


def read(server: ServerProcess, clients: int, seconds: float, kind: str = "bare", stalled: int = 0) -> Fanned:
    """Let that many clients read for a while, in a new process. Somebody else has to send."""
    flags: dict[str, object] = {"port": server.port, "pid": server.pid, "clients": clients, "seconds": seconds}
    flags |= {"kind": kind, "stalled": stalled, "warm-up": min(WARM_UP_SECONDS, seconds)}
    arguments = [part for name, value in flags.items() for part in (f"--{name}", str(value))]
    printed = output_of(["-m", "benchmarks.readers", *arguments], WARM_UP_SECONDS + seconds + GRACE_SECONDS)
    return Fanned(**json.loads(printed))


def _connected(port: int, kind: str, number: int = 0, buffer_bytes: int | None = None) -> socket.socket:
    client = socket.socket()
    client.settimeout(10)
    if buffer_bytes is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    client.connect(("127.0.0.1", port))
    if kind == "mqtt":
        _join_broker(client, number)
    else:
        _upgrade(client, port)
    if kind == "tasks":
        # Masked with zeros, as a client's frame has to be masked.
        client.sendall(struct.pack("!BB4x", 0x81, 0x80 | len(SUBSCRIBE)) + SUBSCRIBE)
    client.setblocking(False)
    return client


def _upgrade(client: socket.socket, port: int) -> None:
    client.sendall(HANDSHAKE % port)
    head = b""
    while b"\r\n\r\n" not in head:
        received = client.recv(4096)
        if not received:
            raise RuntimeError("the server closed a connection while it was opened")
        head += received
    if b" 101 " not in head[:20]:
        raise RuntimeError(head.split(b"\r\n")[0].decode())


def _join_broker(client: socket.socket, number: int) -> None:
    for packet, length in (
        (mqtt.connect(f"reader-{number}"), mqtt.CONNACK_BYTES),
        (mqtt.subscribe(), mqtt.SUBACK_BYTES),
    ):
        client.sendall(packet)
        answer = client.recv(length, socket.MSG_WAITALL)
        # Both end with a code, and 0 is: accepted.
        if len(answer) < length or answer[-1]:
            raise RuntimeError("the broker refused a client")


class _Reading:
    """Clients, and what came to them while it was measured."""

    def __init__(self, server: ServerProcess, kind: str) -> None:
        self._server, self._kind = server, kind
        self._clients: dict[int, socket.socket] = {}
        self._poll = select.epoll()
        self._sent, self._received = array("q"), array("q")
        self._bytes = 0

    def connect(self, count: int, warm_up_seconds: float) -> float | None:
        """Let so many come, and warm up. What each costs the server, in KiB; None if there are too few to tell."""
        self._join(min(count, FIRST_CLIENTS))
        self.take(SETTLE_SECONDS)
        before, rest = self._server.rss_mib(), count - len(self._clients)
        self._join(rest)
        self.take(warm_up_seconds)
        return (self._server.rss_mib() - before) * 1024 / rest if rest >= FIRST_CLIENTS else None

    def take(self, seconds: float, measures: bool = False) -> None:
        """Read for a while. Raises RuntimeError when the server closes a connection."""
        until = time.monotonic() + seconds
        clients, poll = self._clients, self._poll
        known, stamps = b"", list[int]()
        while time.monotonic() < until:
            for number, _ in poll.poll(0.05):
                data = clients[number].recv(RECEIVE_BYTES)
                if measures:
                    received = time.monotonic_ns()
                    if data != known:  # else it is what the client before was sent
                        known, stamps = data, stamps_in(data)
                    self._bytes += len(data)
                    self._sent.extend(stamps)
                    self._received.extend([received] * len(stamps))
                if not data:
                    raise RuntimeError("the server closed a connection")

    def measured(self, seconds: float, connection_kib: float | None, rss_mib_before: float) -> Fanned:
        """Read for a while, and tell of it. Raises RuntimeError if nothing came."""
        server, client, begun = cpu_seconds(self._server.pid), time.process_time(), time.monotonic()
        self.take(seconds, measures=True)
        server, client = cpu_seconds(self._server.pid) - server, time.process_time() - client
        seconds = time.monotonic() - begun
        if not self._sent:
            raise RuntimeError("nothing arrived")
        ages = [(received - sent) / 1e6 for sent, received in zip(self._sent, self._received, strict=True)]
        grown = (self._server.rss_mib() - rss_mib_before) * 1024
        return Fanned(
            len(ages), seconds, percentile(ages, 50), percentile(ages, 99), self._last_p50_ms(),
            self._bytes / len(ages), server, client, connection_kib, grown,
        )  # fmt: skip

    def _join(self, count: int) -> None:
        for _ in range(count):
            client = _connected(self._server.port, self._kind, len(self._clients))
            self._clients[client.fileno()] = client
            self._poll.register(client.fileno(), select.EPOLLIN)

    def _last_p50_ms(self) -> float | None:
        counts = Counter(self._sent)
        # The last one to have each: they were received in this order.
        last = dict(zip(self._sent, self._received, strict=True))
        waited = [(last[sent] - sent) / 1e6 for sent, count in counts.items() if count >= len(self._clients)]
        return percentile(waited, 50) if waited else None


def _run(server: ServerProcess, kind: str, count: int, stalled: int, warm_up_seconds: float, seconds: float) -> Fanned:
    reading = _Reading(server, kind)
    connection_kib = reading.connect(count, warm_up_seconds)
    before = server.rss_mib()
    kept = [_connected(server.port, kind, count + number, STALLED_BUFFER_BYTES) for number in range(stalled)]
    reading.take(SETTLE_SECONDS)
    result = reading.measured(seconds, connection_kib, before)
    for client in kept:
        client.close()
    return result


def main() -> None:
    """Read for one round and print it."""
    parser = argparse.ArgumentParser(description="Let many clients read, and print how old the messages were.")
    for name in ("port", "pid", "clients"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--kind", choices=KINDS, default="bare")
    parser.add_argument("--stalled", type=int, default=0)
    parser.add_argument("--warm-up", type=float, default=WARM_UP_SECONDS)
    parser.add_argument("--seconds", type=float, default=4.0)
    asked = parser.parse_args()
    server = ServerProcess(asked.pid, asked.port)
    result = _run(server, asked.kind, asked.clients, asked.stalled, asked.warm_up, asked.seconds)
    print(json.dumps(result._asdict()))


if __name__ == "__main__":
    main()
