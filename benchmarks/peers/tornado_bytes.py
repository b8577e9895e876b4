"""A bare Tornado RequestHandler that answers every GET with the bytes of a file: the floor of ``benchmarks/performance.py``.

    python -m benchmarks.peers.tornado_bytes PORT FOLDER FILE
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


async def main() -> None:
    """Serve until a signal comes."""
    port, _, file = sys.argv[1:]
    handler = (r"/performance", Answer, {"body": Path(file).read_bytes()})
    Application([handler]).listen(int(port), "127.0.0.1")
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
