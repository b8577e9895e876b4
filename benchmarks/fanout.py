"""Task events to many clients, beside ``websockets.broadcast()``, mosquitto, and a loop over ``write_message``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from benchmarks import fanout_sides, processes, senders
from benchmarks.fanout_sides import BROADCAST, FLOOR, MOSQUITTO, OURS, SERVER, TASK_EVENT_BYTES, WRITE_MESSAGE, Side
from benchmarks.readers import Fanned
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import Spread, interleaved, ratios, spread
from vain.hub import RING_FRAMES

LARGEST_RATIO, LARGEST_OF_MOSQUITTO = 0.8, 1.0
LARGEST_CONNECTION_KIB, LARGEST_P50_MS, LARGEST_CORE_PERCENT = 20.0, 10.0, 40.0
LARGEST_STALLED_KIB, LARGEST_P99_RATIO = 1024.0, 1.5
ALONE = "nobody"


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 4
    seconds: float = 3.0
    clients: tuple[int, ...] = (500, 1_000)
    events_per_second: int = 50
    event_bytes: int = 300
    crowd: int = 100
    """Clients of the fast stream, and those beside the stalled."""
    fast_per_second: int = 2_000
    requests_per_second: int = 50
    stalled: tuple[int, ...] = (1, 20)
    stalled_seconds: float = 6.0
    stalled_per_second: int = 500


FULL = Scale()
METHOD = f"""Every client is told of every event. *Fan-out alone*: `vain.hub`, `vain.web.events` and `/ws/tasks` with
events of {FULL.event_bytes} bytes that are made where they are sent and stored nowhere, {FULL.events_per_second} a
second; beside it servers that do the same with `websockets.broadcast()` (no compression), with one `write_message` for
each client, and with one `socket.send` of a prebuilt frame for each and nothing else, all on the same event loop
(uvloop); and mosquitto, which is sent the events by a publisher, with quality of service 0 and `TCP_NODELAY`.
mosquitto takes part where it is installed (`MOSQUITTO` may name the command). *The whole server*: `vain serve`, each
event a `PUT`, committed and synced; its peers send about as many bytes, and store nothing.

The latency runs from just before the event is made (the `PUT` is sent) until a client has it, *last* until the last
one has it: the median of the events. The server's CPU is all of it, in user and kernel, with the requests. One process
of Python reads for all clients, on the other core, and is a part of each latency; what it takes for a delivery is in
the last column, and the row of `socket.send` is the least that can be seen through it. KiB are resident memory of
the server for each connection beyond the first twenty. Each server is started anew for each of {FULL.rounds} rounds
of {FULL.seconds:g} s."""


def measure(scale: Scale = FULL) -> Section:
    """About twelve minutes."""
    tables, targets = list[Table](), list[Target]()
    for part in (_alone, _whole, _fast, _beside_stalled):
        table, found = part(scale)
        tables.append(table)
        targets += found
    notes = "" if fanout_sides.mosquitto_command() else "Not installed, so not measured: mosquitto."
    return Section("fanout", "Events to many clients", METHOD, tables, targets, notes)


def _alone(scale: Scale) -> tuple[Table, list[Target]]:
    rows, targets = list[list[str]](), list[Target]()
    names = (OURS, BROADCAST, WRITE_MESSAGE, FLOOR)
    for clients in scale.clients:
        sides = fanout_sides.peers(names, clients, scale.seconds, scale.events_per_second, scale.event_bytes)
        measured = interleaved(scale.rounds, sides)
        rows += _rows(clients, measured)
        targets += _cpu_targets("", clients, OURS, measured)
        if clients == scale.clients[0] and MOSQUITTO in measured:
            of_mosquitto = _times(_last(measured[OURS]), _last(measured[MOSQUITTO]))
            claim = f"last of {clients} clients, of mosquitto's"
            targets.append(Target(claim, of_mosquitto, LARGEST_OF_MOSQUITTO))
    targets.append(_memory_target("a connection in KiB, fan-out alone", measured[OURS]))
    return Table(_header(f"fan-out alone, {scale.event_bytes} bytes"), rows), targets


def _whole(scale: Scale) -> tuple[Table, list[Target]]:
    rows, targets = list[list[str]](), list[Target]()
    for clients in scale.clients:
        pace = clients, scale.seconds, scale.events_per_second
        measured = interleaved(
            scale.rounds, fanout_sides.whole(*pace) | fanout_sides.peers((BROADCAST,), *pace, TASK_EVENT_BYTES)
        )
        rows += _rows(clients, measured)
        targets += _cpu_targets("the whole server: ", clients, SERVER, measured)
        if clients == scale.clients[0]:
            p50 = spread([result.p50_ms for result in measured[SERVER]]).median
            claim = f"ms from before the `PUT` to receipt, p50 at {clients}"
            targets.append(Target(claim, p50, LARGEST_P50_MS))
    targets.append(_memory_target("a connection in KiB, the whole server", measured[SERVER]))
    return Table(_header("the whole server"), rows), targets


def _fast(scale: Scale) -> tuple[Table, list[Target]]:
    pace = scale.crowd, scale.seconds, scale.fast_per_second
    batched = f"the whole server, {scale.requests_per_second} requests/s that change many tasks"
    sides: dict[str, Side] = {
        f"fan-out alone, {scale.event_bytes} bytes": fanout_sides.peers((OURS,), *pace, scale.event_bytes)[OURS],
        batched: partial(fanout_sides.in_batches, *pace, scale.requests_per_second),
    }
    measured = interleaved(scale.rounds, sides)
    rows = [
        [name, _rate(results, scale.crowd), _spread_of(results, "core_percent").text(1), *_times_ms(results),
         _spread_of(results, "cpu_microseconds").text(), _spread_of(results, "bytes_each").text(0)]
        for name, results in measured.items()
    ]  # fmt: skip
    title = f"{scale.fast_per_second:,} events/s to {scale.crowd} clients"
    header = [title, "delivered", "CPU of a core in %", "p50 ms", "p99 ms", "CPU µs/delivery", "bytes"]
    targets = [
        Target(f"{title}, {name}: % of a core", _spread_of(results, "core_percent").median, LARGEST_CORE_PERCENT)
        for name, results in measured.items()
    ]
    return Table(header, rows), targets


def _beside_stalled(scale: Scale) -> tuple[Table, list[Target]]:
    names = {ALONE: 0} | {f"{count} of {scale.crowd + count}": count for count in scale.stalled}
    per_request = scale.stalled_per_second // scale.requests_per_second
    with processes.vain() as server, senders.changing(server.port, per_request) as change:
        senders.fill_ring(server.port, RING_FRAMES)
        run = partial(
            fanout_sides.beside_stalled, server, change, scale.crowd, scale.stalled_seconds, scale.requests_per_second
        )
        run(0)  # what the server loads and keeps once, it does now
        measured = interleaved(scale.rounds, {name: partial(run, count) for name, count in names.items()})
    p99_alone = [result.p99_ms for result in measured[ALONE]]
    rows, targets = list[list[str]](), list[Target]()
    for name, results in measured.items():
        of_alone = ratios([result.p99_ms for result in results], p99_alone)
        grown = _spread_of(results, "grown_kib")
        rows.append([name, _rate(results, scale.crowd), *_times_ms(results), of_alone.text(), grown.text(0)])
        if name != ALONE:
            beyond = grown.median - _spread_of(measured[ALONE], "grown_kib").median
            targets += [
                Target(
                    f"{name} stalled, KiB for each beyond the growth without", beyond / names[name], LARGEST_STALLED_KIB
                ),
                Target(f"{name} stalled, p99 of the others, of theirs without", of_alone.median, LARGEST_P99_RATIO),
            ]
    header = ["does not read", "delivered to the others", "p50 ms", "p99 ms", "p99, of alone", "memory grew by KiB"]
    return Table(header, rows), targets


def _header(title: str) -> list[str]:
    cpu = ["CPU µs/delivery", "ratio to broadcast()"]
    return [title, "delivered", *cpu, "p50 ms", "p99 ms", "last, p50 ms", "bytes", "KiB/connection", "reader µs"]


def _rows(clients: int, measured: Mapping[str, list[Fanned]]) -> list[list[str]]:
    below = [result.cpu_microseconds for result in measured[BROADCAST]]
    rows = []
    for name, results in measured.items():
        cpu = [result.cpu_microseconds for result in results]
        lasts = [value for value in _last(results) if value is not None]
        kib = [result.connection_kib for result in results if result.connection_kib is not None]
        rows.append([
            f"{clients:,}, {name}", _rate(results, clients), spread(cpu).text(1), ratios(cpu, below).text(),
            *_times_ms(results), spread(lasts).text(1) if lasts else "–", _spread_of(results, "bytes_each").text(0),
            f"{spread(kib).median:.1f}" if kib else "–", f"{_spread_of(results, 'client_microseconds').median:.1f}",
        ])  # fmt: skip
    return rows


def _cpu_targets(prefix: str, clients: int, ours: str, measured: Mapping[str, list[Fanned]]) -> list[Target]:
    limits = {BROADCAST: LARGEST_RATIO, MOSQUITTO: LARGEST_OF_MOSQUITTO}
    above = [result.cpu_microseconds for result in measured[ours]]
    targets = []
    for peer, limit in limits.items():
        if peer in measured:
            ratio = ratios(above, [result.cpu_microseconds for result in measured[peer]])
            targets.append(Target(f"{prefix}CPU of {peer} at {clients:,}", ratio.median, limit))
    return targets


def _memory_target(claim: str, results: list[Fanned]) -> Target:
    kib = [result.connection_kib for result in results if result.connection_kib is not None]
    return Target(claim, spread(kib).median, LARGEST_CONNECTION_KIB)


def _last(results: list[Fanned]) -> list[float | None]:
    return [result.last_p50_ms for result in results]


def _times(above: list[float | None], below: list[float | None]) -> float:
    pairs = [(a, b) for a, b in zip(above, below, strict=True) if a is not None and b is not None]
    return spread([a / b for a, b in pairs]).median


def _spread_of(results: list[Fanned], name: str) -> Spread:
    return spread([getattr(result, name) for result in results])


def _rate(results: list[Fanned], clients: int) -> str:
    return f"{spread([result.deliveries / result.seconds / clients for result in results]).median:,.0f} /s each"


def _times_ms(results: list[Fanned]) -> list[str]:
    return [_spread_of(results, name).text(1) for name in ("p50_ms", "p99_ms")]
