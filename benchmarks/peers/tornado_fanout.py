"""A Tornado server that sends each event to every client with ``write_message``: a peer of ``benchmarks/fanout.py``.

    python -m benchmarks.peers.tornado_fanout PORT FOLDER EVENTS_PER_SECOND EVENT_BYTES

The events are made here, and stored nowhere.
"""

from __future__ import annotations

import sys
from contextlib import suppress

from tornado.web import Application
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from benchmarks.stamps import publish, stamped
from vain.web.loop import run

clients: set[Events] = set()


class Events(WebSocketHandler):
    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        clients.add(self)

    def on_message(self, message: str | bytes) -> None:
        pass

    def on_close(self) -> None:
        clients.discard(self)


def send(size_bytes: int) -> None:
    message = stamped(size_bytes).decode()
    for client in tuple(clients):
        # One that has just gone raises, and must not keep the message from the others.
        with suppress(WebSocketClosedError):
            client.write_message(message)


async def main() -> None:
    """Serve until a signal comes."""
    port, per_second, size_bytes = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    Application([("/ws/tasks", Events)]).listen(port, "127.0.0.1")
    await publish(per_second, lambda: send(size_bytes))


if __name__ == "__main__":
    run(main())
