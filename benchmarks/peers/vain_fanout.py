"""vAIn's fan-out alone: the hub, ``web/events.py`` and ``/ws/tasks``.

    python -m benchmarks.peers.vain_fanout PORT FOLDER EVENTS_PER_SECOND EVENT_BYTES

The events are made here, and stored nowhere.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

from benchmarks.stamps import publish, stamped
from vain.hub import Hub
from vain.store.database import Store
from vain.store.keys import KeyRing
from vain.store.sqlite_engine import SqliteEngine
from vain.types import Event
from vain.web.event_socket import socket_application
from vain.web.events import Fanout
from vain.web.gate import Gate
from vain.web.loop import run

KNOWN_BY = "Host"
"""A header that every client sends, so that none has to say who it is."""


async def main() -> None:
    """Serve until a signal comes."""
    port, folder, per_second, size_bytes = int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    with closing(Store(SqliteEngine(folder), lambda events: None)) as store, closing(KeyRing.open(folder)) as keys:
        hub = Hub(store.epoch, store.seq)
        fanout = Fanout(hub, store, Gate(("127.0.0.1",), port, keys))
        socket_application(fanout, KNOWN_BY, KNOWN_BY).listen(port, "127.0.0.1")
        await publish(per_second, lambda: hub.publish([Event(hub.seq + 1, "taskUpdate", stamped(size_bytes))]))


if __name__ == "__main__":
    run(main())
