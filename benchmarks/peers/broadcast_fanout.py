"""``websockets.broadcast()``, without compression: a peer of ``benchmarks/fanout.py``.

    python -m benchmarks.peers.broadcast_fanout PORT FOLDER EVENTS_PER_SECOND EVENT_BYTES

The events are made here, and stored nowhere.
"""

from __future__ import annotations

import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

from benchmarks.stamps import publish, stamped
from vain.web.loop import run

clients: set[ServerConnection] = set()


async def follow(client: ServerConnection) -> None:
    clients.add(client)
    try:
        await client.wait_closed()
    finally:
        clients.discard(client)


async def main() -> None:
    """Serve until a signal comes."""
    port, per_second, size_bytes = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    async with serve(follow, "127.0.0.1", port, compression=None):
        await publish(per_second, lambda: broadcast(clients, stamped(size_bytes), text=True))


if __name__ == "__main__":
    run(main())
