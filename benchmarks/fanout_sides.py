"""What ``benchmarks/fanout.py`` compares: each server, started anew for a round, with its clients and who sends."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial

from benchmarks import processes, readers, senders
from benchmarks.processes import ServerProcess
from benchmarks.readers import Fanned

OURS, BROADCAST, WRITE_MESSAGE = "vAIn, fan-out alone", "websockets broadcast()", "Tornado write_message"
MOSQUITTO, FLOOR = "mosquitto", "bare socket.send"
SERVER, SERVER_BARE = "vAIn, `streams: [tasks]`", "vAIn, bare client"
MODULES = {
    OURS: "vain_fanout",
    BROADCAST: "broadcast_fanout",
    WRITE_MESSAGE: "tornado_fanout",
    FLOOR: "floor_fanout",
}
TASK_EVENT_BYTES = 750
"""What the event of a small task has, and so what the peers of the whole server send."""

Side = Callable[[], Fanned]


def mosquitto_command() -> str | None:
    """The broker, if there is one."""
    return os.environ.get("MOSQUITTO") or shutil.which("mosquitto")


def peers(names: tuple[str, ...], clients: int, seconds: float, per_second: int, size_bytes: int) -> dict[str, Side]:
    """Servers that make their events themselves; mosquitto, if it is there, is sent them."""
    sides: dict[str, Side] = {
        name: partial(_alone, MODULES[name], clients, seconds, per_second, size_bytes) for name in names
    }
    if (command := mosquitto_command()) is not None:
        sides[MOSQUITTO] = partial(_broker, command, clients, seconds, per_second, size_bytes)
    return sides


def whole(clients: int, seconds: float, per_second: int) -> dict[str, Side]:
    """``vain serve`` with one ``PUT`` for each event, and the two kinds of clients."""
    return {
        SERVER: partial(_changed, clients, seconds, per_second, "tasks"),
        SERVER_BARE: partial(_changed, clients, seconds, per_second, "bare"),
    }


def in_batches(clients: int, seconds: float, per_second: int, requests_per_second: int) -> Fanned:
    """``vain serve`` with so many ``POST /tasks/bulk-update``, which make the events."""
    with (
        processes.vain() as server,
        senders.changing(server.port, per_second // requests_per_second) as change,
        senders.sending(change, requests_per_second),
    ):
        return readers.read(server, clients, seconds, "tasks")


def beside_stalled(server: ServerProcess, change: Callable[[], object], clients: int, seconds: float,
                   requests_per_second: int, stalled: int) -> Fanned:  # fmt: skip
    """What the others receive while so many clients do not read."""
    with senders.sending(change, requests_per_second):
        return readers.read(server, clients, seconds, "tasks", stalled)


def _alone(module: str, clients: int, seconds: float, per_second: int, size_bytes: int) -> Fanned:
    with processes.peer(module, str(per_second), str(size_bytes)) as server:
        return readers.read(server, clients, seconds)


def _broker(command: str, clients: int, seconds: float, per_second: int, size_bytes: int) -> Fanned:
    with (
        processes.peer("mosquitto", command) as server,
        senders.publishing(server.port, size_bytes) as publish,
        senders.sending(publish, per_second),
    ):
        return readers.read(server, clients, seconds, "mqtt")


def _changed(clients: int, seconds: float, per_second: int, kind: str) -> Fanned:
    with (
        processes.vain() as server,
        senders.changing(server.port) as change,
        senders.sending(change, per_second),
    ):
        return readers.read(server, clients, seconds, kind)
