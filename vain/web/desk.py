"""What every exchange needs, and which exchanges and WebSockets there are."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from tornado.iostream import IOStream

from vain.web.gate import Gate, Identity
from vain.web.mounts import Mounts
from vain.web.routes import Routes
from vain.web.services import Services

CLOSE_UNADMITTED = b"\x88\x02" + (4401).to_bytes(2, "big")
"""A WebSocket's close frame with the code that says: sign in (again)."""


class Awaited(Protocol):
    """An exchange whose message is still to come."""

    def give_up(self) -> None:
        """Close the connection."""


class Desk:
    """What every exchange needs: routes, gate, the mounts of other applications; and the exchanges under way."""

    def __init__(self, routes: Routes, gate: Gate, mounts: Mounts, services: Services) -> None:
        self.routes, self.gate, self.mounts, self.services = routes, gate, mounts, services
        self.under_way: set[object] = set()
        """The exchanges that are being answered."""
        self._waiting: asyncio.Future[None] | None = None
        self._sockets: dict[IOStream, Identity] = {}
        self._awaited: dict[object, tuple[float, Awaited]] = {}
        self.draining = False
        """Set while the server stops: what was begun is answered, nothing new is taken."""

    def await_message(self, connection: object, exchange: Awaited, seconds: float) -> None:
        """On this connection a message is to come, or to be whole, within this time; see ``end_overdue``."""
        self._awaited[connection] = time.monotonic() + seconds, exchange

    def no_longer_await(self, connection: object) -> None:
        """The message is whole, or the connection gone."""
        self._awaited.pop(connection, None)

    def end_overdue(self) -> None:
        """Close the connections on which nothing came for too long.

        Tornado can do this with a timer for each message, at a tenth of the cost of a whole request.
        """
        now = time.monotonic()
        for connection, (due_at, exchange) in tuple(self._awaited.items()):
            if due_at < now:
                self.no_longer_await(connection)
                exchange.give_up()

    def begin(self, exchange: object) -> None:
        """An exchange is being answered."""
        self.under_way.add(exchange)

    def end(self, exchange: object) -> None:
        """An exchange was answered, or its client is gone."""
        self.under_way.discard(exchange)
        if self._waiting is not None and not self.under_way and not self._waiting.done():
            self._waiting.set_result(None)

    def watch(self, stream: IOStream, identity: Identity) -> None:
        """A WebSocket was opened by somebody who may lose the right to it."""
        self._sockets[stream] = identity

    def end_unadmitted(self) -> None:
        """Close the WebSockets of those whose key has ended, or who need one by now."""
        for stream, identity in tuple(self._sockets.items()):
            if not stream.closed() and not self.gate.still_admits(identity):
                stream.write(CLOSE_UNADMITTED)
                stream.close()
            if stream.closed():
                del self._sockets[stream]

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        if self.under_way:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
