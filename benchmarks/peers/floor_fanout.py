"""One ``socket.send`` of a prebuilt frame for each client, and nothing else: the floor of ``benchmarks/fanout.py``.

    python -m benchmarks.peers.floor_fanout PORT FOLDER EVENTS_PER_SECOND EVENT_BYTES

The events are made here, and stored nowhere.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

from benchmarks.stamps import publish, stamped
from vain.hub import text_frame
from vain.web.loop import run

ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
HEAD_BYTES = 4096
clients: list[socket.socket] = []


async def accept(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while True:
        client, _ = await loop.sock_accept(listener)
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError):
            await loop.sock_recv(client, HEAD_BYTES)
            await loop.sock_sendall(client, ANSWER)
            clients.append(client)


def send(size_bytes: int) -> None:
    frame = text_frame(stamped(size_bytes))
    for client in tuple(clients):
        try:
            client.send(frame)
        except BlockingIOError:
            continue
        except OSError:
            clients.remove(client)


async def main() -> None:
    """Serve until a signal comes."""
    port, per_second, size_bytes = int(sys.argv[1]), int(sys.argv[3]), int(sys.argv[4])
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        listener.setblocking(False)
        accepting = asyncio.ensure_future(accept(listener))
        try:
            await publish(per_second, lambda: send(size_bytes))
        finally:
            accepting.cancel()


if __name__ == "__main__":
    run(main())
