"""A bare Tornado RequestHandler: the floor of ``benchmarks/performance.py``.

    python -m benchmarks.peers.tornado_bytes PORT FOLDER FILE

Every GET is answered with the bytes of the file, read once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tornado.web import Application, RequestHandler


class Answer(RequestHandler):
    def initialize(self, body: bytes) -> None:
        self._body = body

    def get(self) -> None:
        self.set_header("Content-Type", "application/json")
        self.write(self._body)


async def serve(port: int, body: bytes) -> None:
    """Serve until a signal comes."""
    Application([(r"/performance", Answer, {"body": body})]).listen(port, "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    given_port, _, file = sys.argv[1:]
    asyncio.run(serve(int(given_port), Path(file).read_bytes()))
