"""Everybody who follows the stream: WebSockets and readers of ``/events``, over one ring, each from its own position.

One write is under way for a client at a time, of at most about 64 KiB; while it lasts nothing is queued for that
client. One that falls out of the ring is brought forward from the log, so that durable events are never dropped.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Protocol

from tornado.iostream import IOStream

from vain.errors import Unavailable
from vain.hub import Behind, Hub, Position, as_frame
from vain.store.database import Store
from vain.web.feed import Feed
from vain.web.gate import Gate, Identity
from vain.web.places import address_of
from vain.web.socket_writer import SocketWriter
from vain.web.stream_reader import Reader

MOST_CLIENTS = 2_000
MOST_STRANGERS = 100
"""Connections that have not said yet who they are."""
MOST_STRANGERS_EACH = 20
"""Of one address, or it could keep all others out. This machine may have any."""
PAUSE_SECONDS = 0.01
"""The first news goes out at once, what follows within this time goes out together."""
RETRY_SECONDS = 5.0
"""Within this time all come back after a restart, each at a moment of its own."""


class Client(Protocol):
    """Somebody who follows."""

    kind: str
    """How they are connected: ``websocket`` or ``sse``."""

    def pump(self) -> None:
        """Send what is new, unless an earlier piece is still on its way."""

    def remind(self) -> None:
        """Say how far everything is that was sent."""

    def check(self) -> None:
        """End if nothing was taken for too long."""

    def end(self, retry_seconds: float) -> None:
        """The server stops: say so, and when to come back; then end."""


class Fanout:
    """All clients. The server's: it calls ``check`` and ``remind`` now and then, and ``close`` at the end.

    ``watch`` is told of each WebSocket that has said by a message who it is.
    """

    def __init__(self, hub: Hub, store: Store, gate: Gate) -> None:
        self.feed, self.gate = Feed(hub, store), gate
        self.watch: Callable[[IOStream, Identity], None] = _unwatched
        self.clients: set[Client] = set()
        self.strangers: dict[Client, str] = {}
        """By the address that each comes from."""
        self.level: dict[Client, tuple[Reader, SocketWriter]] = {}
        """WebSockets that were sent all there was, and wait for nothing. Whoever is asked to pump joins anew."""
        self.is_closing = False
        self._hub = hub
        self._stop_listening = hub.listen(self._news)
        self._timer: asyncio.TimerHandle | None = None

    def check_room(self) -> None:
        """Raises Unavailable when there are as many clients as can be, or the server stops."""
        if self.is_closing:
            raise Unavailable("The server is stopping.")
        if len(self.clients) >= MOST_CLIENTS:
            raise Unavailable("Too many clients follow the stream; try again in a moment.")

    def add_stranger(self, client: Client, peer: str) -> None:
        """Keep somebody who has yet to say who they are. Raises Unavailable if there are many, or of this address."""
        address, is_own = address_of(peer)
        own = 0 if is_own else sum(each == address for each in self.strangers.values())
        if len(self.strangers) >= MOST_STRANGERS or own >= MOST_STRANGERS_EACH:
            raise Unavailable("Too many clients have not said who they are; try again in a moment.")
        self.strangers[client] = address

    def count_clients(self) -> dict[str, int]:
        """How many follow it now, by the way they are connected."""
        kinds = [client.kind for client in self.clients]
        return {kind: kinds.count(kind) for kind in ("websocket", "sse")}

    def remind(self) -> None:
        """Have every client that wants to know it told how far it is."""
        for client in tuple(self.clients):
            client.remind()

    def check(self) -> None:
        """End the clients that have taken nothing for too long."""
        for client in (*self.clients, *self.strangers):
            client.check()

    def close_streams(self) -> None:
        """End those of ``/events``: each is an exchange that would be waited for."""
        self.is_closing = True
        self._end([client for client in self.clients if client.kind == "sse"])

    def close(self) -> None:
        """Tell every client that the server is going, and end."""
        self.is_closing = True
        self._stop_listening()
        if self._timer is not None:
            self._timer.cancel()
        self._end([*self.clients, *self.strangers])

    def _end(self, clients: list[Client]) -> None:
        for client in clients:
            client.end(random.uniform(0, RETRY_SECONDS))  # noqa: S311  (only to spread them)

    def _news(self) -> None:
        if self._timer is None and self.clients:
            self._timer = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._after_pause, self._hub.now())
            self._send()

    def _after_pause(self, told: Position) -> None:
        self._timer = None
        if self._hub.has_news(told):
            self._news()

    def _send(self) -> None:
        self.feed.forget()
        self._send_to_level()
        for client in self.clients.difference(self.level):
            client.pump()
        self.feed.forget()

    def _send_to_level(self) -> None:
        """What pumping them would do: most follow the same, and touching little of each is what makes it cheap."""
        position, subscription, piece, after, is_all = None, None, b"", None, False
        for client, (reader, writer) in tuple(self.level.items()):
            if reader.position is not position or reader.subscription is not subscription:
                position, subscription = reader.position, reader.subscription
                piece, after, is_all = self._step(reader)
            if not is_all:
                client.pump()
                continue
            reader.position = after
            if piece and not writer.write(piece):
                client.pump()

    def _step(self, reader: Reader) -> tuple[bytes, Position | None, bool]:
        """The next piece, the position after it, and whether that is all."""
        position, subscription = reader.position, reader.subscription
        if position is None or subscription is None:
            return b"", position, False
        try:
            piece, after = self.feed.chunk(position, subscription, as_frame)
            return piece, after, self.feed.chunk(after, subscription, as_frame) == (b"", after)
        except Behind:
            return b"", position, False


def _unwatched(stream: IOStream, identity: Identity) -> None:
    """Nobody can lose the right that they came in with."""
