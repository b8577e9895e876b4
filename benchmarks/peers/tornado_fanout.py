"""A Tornado server that sends each change to every client with ``write_message``: the peer of ``benchmarks/fanout.py``.

    python -m benchmarks.peers.tornado_fanout PORT FOLDER

It stores nothing and checks nothing. What is put is filled up to about the size of vAIn's message.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress

from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClosedError, WebSocketHandler

FILLING = {"type": "taskUpdate", "task_id": 1, "status": "pending", "filling": "x" * 800}
clients: set[Events] = set()


class Events(WebSocketHandler):
    def open(self, *args: str, **kwargs: str) -> None:
        self.set_nodelay(True)
        clients.add(self)

    def on_message(self, message: str | bytes) -> None:
        pass

    def on_close(self) -> None:
        clients.discard(self)


class Change(RequestHandler):
    def put(self) -> None:
        message = json.dumps(FILLING | json.loads(self.request.body), separators=(",", ":"))
        for client in tuple(clients):
            # One that has just gone raises, and must not keep the message from the others.
            with suppress(WebSocketClosedError):
                client.write_message(message)
        self.write({})


async def main() -> None:
    """Serve until a signal comes."""
    Application([(r"/ws/tasks", Events), (r"/tasks/1", Change)]).listen(int(sys.argv[1]), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
