"""Asks each of several servers, and looks at what it answers."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from typing import Any, NamedTuple

from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.several.cluster import SERVERS, Cluster


class Answer(NamedTuple):
    """What one server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def position(self) -> tuple[int, str]:
        return int(self.headers["X-Vain-Seq"]), self.headers["X-Vain-Epoch"]


class Asking:
    """One kept connection to each server."""

    def __init__(self, servers: Cluster) -> None:
        self.ports = servers.ports
        self._connections = [HTTPConnection("127.0.0.1", port, timeout=20) for port in servers.ports]

    def ask(self, server: int, method: str, path: str, body: object = None, **headers: str) -> Answer:
        """``If_Match`` is the header ``If-Match``; bytes are sent as text, all else as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection, sent = self._connections[server % SERVERS], None
        if body is not None:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            named |= {"Content-Type": "text/plain" if isinstance(body, bytes) else "application/json"}
        connection.request(method, path, sent, named)
        with connection.getresponse() as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())

    def everywhere(self, *asked: Any, **headers: str) -> list[Answer]:
        """The same of all servers at once."""
        with ThreadPoolExecutor(SERVERS) as threads:
            return list(threads.map(lambda server: self.ask(server, *asked, **headers), range(SERVERS)))

    def told(self, server: int, position: tuple[int, str], events: int = 0) -> list[dict[str, Any]]:
        """What a server tells who was here before: its answer to the subscription, and so many events."""
        address, (since, epoch) = f"ws://127.0.0.1:{self.ports[server % SERVERS]}/ws/tasks", position
        wanted = {"type": "subscribe", "since": since, "epoch": epoch, "streams": ["tasks", "notifications"]}
        with connect(address, subprotocols=[Subprotocol("vain.v1")], compression=None) as socket:
            socket.send(json.dumps(wanted))
            return [json.loads(socket.recv(10)) for _ in range(1 + events)]

    def sent_event(self, server: int, position: tuple[int, str]) -> dict[str, str]:
        """The fields of the first that ``GET /events`` has for who was here before."""
        since, epoch = position
        with closing(HTTPConnection("127.0.0.1", self.ports[server % SERVERS], timeout=20)) as connection:
            connection.request("GET", "/events?streams=tasks", headers={"Last-Event-ID": f"{epoch}:{since}"})
            with connection.getresponse() as answer:
                assert answer.status == 200
                fields: dict[str, str] = {}
                while (line := answer.readline().decode().strip()) or not fields:
                    name, colon, value = line.partition(": ")
                    fields |= {name: value} if name and colon else {}
                return fields

    def close(self) -> None:
        """The end of the connections."""
        for connection in self._connections:
            connection.close()
