"""The events of a server as they happen, for a plain script: no event loop, of the user's or of its own.

The same ``Reader`` as in ``following.py`` decides what is news; the connection answers pings in a thread of its own, so
a program may take its time over an event.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress

from websockets.sync.client import ClientConnection, connect

from vain import joining, resuming
from vain.errors import Unavailable
from vain.happened import Event
from vain.joining import LOST, Outage, check_protocol, refusal_of, socket_address
from vain.resuming import Pauses, Reader
from vain.wire import Wire


class Line:
    """One watch's connection, made again whenever it is lost, until ``cut``."""

    def __init__(self, wire: Wire, reader: Reader) -> None:
        self.reader = reader
        self._wire = wire
        self._pauses, self._outage = Pauses(), Outage(wire.url)
        self._socket: ClientConnection | None = None
        self._cut = threading.Event()

    def cut(self) -> None:
        """Has ``events`` end, whatever it waits for; from any thread."""
        self._cut.set()
        socket = self._socket
        if socket is not None:
            socket.close()

    def events(self) -> Generator[Event | None, None, None]:
        """What happens, and None each time that a connection stands. Raises what ``Client.watch`` says."""
        while not self._cut.is_set():
            try:
                with self._connected() as self._socket:
                    # Whoever cuts sets the flag before looking for a socket: one of the two sees the other.
                    if not self._cut.is_set():
                        yield from self._told(self._socket)
            except LOST as exc:
                if self._cut.is_set():
                    return
                if refusal := refusal_of(exc):
                    raise refusal from exc
                self._outage.lost(exc)
            finally:
                self._socket = None
            self._cut.wait(self._pauses.next_seconds(self.reader.retry_seconds))

    def _connected(self) -> ClientConnection:
        connection: ClientConnection = connect(socket_address(self._wire.url), **joining.how_to_connect(self._wire))
        return connection

    def _told(self, socket: ClientConnection) -> Generator[Event | None, None, None]:
        check_protocol(socket.subprotocol, self._wire.url)
        socket.send(self.reader.subscription().decode())
        while True:
            was_placed = self.reader.is_placed
            message = socket.recv(resuming.SILENT_SECONDS)
            if self._cut.is_set():
                return
            event = self.reader.take(message)
            if self.reader.is_placed and not was_placed:
                self._pauses.reset()
                self._outage.over()
                yield None
            if event is not None:
                yield event


class BlockingWatch:
    """The events of a server, for ``for``; made by ``Client.watch``, which says what comes.

    Belongs to one thread, but for ``close``, which ends it from any other.
    """

    def __init__(self, line: Line) -> None:
        self._line = line
        # Only this object may hold the generator, so that a loop that is left by `break` ends it.
        self._events = line.events()
        self._is_open = False

    def __iter__(self) -> Iterator[Event]:
        return self

    def __next__(self) -> Event:
        while (event := next(self._events)) is None:
            self._is_open = True
        return event

    def __enter__(self) -> BlockingWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def position(self) -> str | None:
        """Where the watch is: after the event that it gave last. As ``since`` it goes on there, also another day.

        None before the first connection.
        """
        position = self._line.reader.position
        return None if position is None else str(position)

    def open(self) -> None:
        """Connects now, not with the first event: no change that comes after this returns is missed.

        Waits for the server as long as it takes. Raises what ``watch`` says; Unavailable if closed meanwhile.
        """
        if self._is_open:
            return
        try:
            next(self._events)
        except StopIteration:
            raise Unavailable("The watch was closed before it was open.") from None
        self._is_open = True

    def close(self) -> None:
        """Ends the connection, and the loop over the events if there is one, in whatever thread. Twice is once."""
        self._line.cut()
        # Of one that another thread is in, that thread sees the flag.
        with suppress(ValueError):
            self._events.close()
