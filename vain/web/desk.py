"""What every exchange needs, and which exchanges and WebSockets there are."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol
from weakref import WeakSet

from tornado.iostream import IOStream

from vain.web.compression import Compressor
from vain.web.gate import Gate, Identity
from vain.web.limits import Limits
from vain.web.mounts import Mounts
from vain.web.proxies import Proxies
from vain.web.routes import Routes
from vain.web.services import Services
from vain.web.tally import Tally

CLOSE_UNADMITTED = b"\x88\x02" + (4401).to_bytes(2, "big")
"""A WebSocket's close frame with the code that says: sign in (again)."""


class Awaited(Protocol):
    """An exchange whose message is still to come."""

    def give_up(self) -> None:
        """Close the connection."""


class Desk:
    """What every exchange needs: routes, gate, the mounts of other applications; and the exchanges under way."""

    def __init__(
        self,
        routes: Routes,
        gate: Gate,
        mounts: Mounts,
        services: Services,
        tally: Tally,
        limits: Limits,
        proxies: Proxies,
    ) -> None:
        self.routes, self.gate, self.mounts, self.services, self.tally = routes, gate, mounts, services, tally
        self.limits, self.compressor = limits, Compressor()
        self.proxies = proxies
        self.crowded: WeakSet[IOStream] = WeakSet()
        """The connections for which there is no place: they are told so."""
        self.newcomers: WeakSet[IOStream] = WeakSet()
        """Those that were opened in this turn of the loop."""
        self.under_way: set[object] = set()
        """The exchanges that are being answered."""
        self._waiting: asyncio.Future[None] | None = None
        self._watched: dict[IOStream, tuple[Identity, bytes]] = {}
        self._awaited: dict[object, tuple[float, Awaited]] = {}
        self.draining = False
        """Set while the server stops: what was begun is answered, nothing new is taken."""

    def take_connection(self, stream: IOStream, peer: str) -> bool:
        """Whether a new connection may stay: to be served, or, if there are too many, at least to be told so."""
        limits, peer = self.limits, self.proxies.counted_as(peer)
        self.newcomers.add(stream)
        if limits.connections.take(stream, peer):
            return True
        if limits.crowd.take(stream, peer):
            self.crowded.add(stream)
            return True
        return False

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

    def watch(self, stream: IOStream, identity: Identity, farewell: bytes = CLOSE_UNADMITTED) -> None:
        """Somebody follows on this connection, who may lose the right to it: ``farewell`` is sent then.

        The last who said on it who they are counts.
        """
        self._watched[stream] = identity, farewell

    def end_unadmitted(self) -> None:
        """Close the connections of those whose key has ended, or who need one by now."""
        for stream, (identity, farewell) in tuple(self._watched.items()):
            if not stream.closed() and not self.gate.still_admits(identity):
                stream.write(farewell)
                stream.close()
            if stream.closed():
                del self._watched[stream]

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        if self.under_way:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
