"""Durable create, read, update, delete, beside a plain FastAPI server on SQLite."""

from __future__ import annotations

from functools import partial
from statistics import median

from benchmarks import load, processes
from benchmarks.load import CRUD, Load
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import Spread, interleaved, ratios, spread

ROUNDS, SECONDS = 5, 3.0
FEWEST_RATIO = {1: 1.0, 16: 1.5}
"""How many times the operations of the peer are aimed at, by connections."""
CONNECTIONS = (1, 16, 64)
METHOD = f"""Chains of POST, GET, PUT `{{"status": "in-progress"}}`, DELETE; a connection sends its next request when
the last answer is whole. Both servers answer a change only when it is synced to disk (`synchronous=FULL`), on the
same disk. The peer (`benchmarks/peers/fastapi_tasks.py`) runs on uvicorn with uvloop and httptools and keeps five
fields; vAIn keeps the whole task, its event and the log of events, and passes its gate. Of FastAPI's two ways the
faster one is the peer: `async def`, with SQLite on the loop; `def` runs in its pool of threads. {ROUNDS} rounds of
{SECONDS:g} s."""


def measure() -> Section:
    """About three minutes."""
    header = ["connections, server", "operations/s", "ratio to FastAPI", "CPU µs/op", "client µs/op"]
    rates, latencies, targets = [], [], []
    with (
        processes.vain() as ours,
        processes.peer("fastapi_tasks") as on_loop,
        processes.peer("fastapi_tasks", "threads") as in_threads,
    ):
        servers = {"vAIn": ours, "FastAPI": on_loop, "FastAPI, threads": in_threads}
        for connections in CONNECTIONS:
            sides = {name: partial(load.crud, server, connections, SECONDS) for name, server in servers.items()}
            measured = interleaved(ROUNDS, sides)
            peer = [result.per_second for result in measured["FastAPI"]]
            for name, results in measured.items():
                _refuse_errors(name, results)
                ratio = ratios([result.per_second for result in results], peer)
                rates.append([f"{connections}, {name}", *_rate_cells(results, ratio)])
                latencies.append([f"{connections}, {name}", *_latency_cells(results)])
                if name == "vAIn" and connections in FEWEST_RATIO:
                    claim = f"operations of FastAPI at {connections}"
                    targets.append(Target(claim, ratio.median, FEWEST_RATIO[connections], is_floor=True))
    tables = [Table(header, rates), Table(["p50 / p99 in ms", *CRUD], latencies)]
    return Section("crud", "Tasks over REST, durable", METHOD, tables, targets)


def _refuse_errors(name: str, results: list[Load]) -> None:
    errors = sum(result.errors for result in results)
    if errors:
        raise RuntimeError(f"{name} answered {errors} requests with an error: its figures mean nothing")


def _rate_cells(results: list[Load], ratio: Spread) -> list[str]:
    rate = spread([result.per_second for result in results])
    cpu = spread([result.cpu_microseconds for result in results])
    client = median(result.client_cpu_seconds / result.operations * 1e6 for result in results)
    return [rate.text(0), ratio.text(), cpu.text(0), f"{client:.0f}"]


def _latency_cells(results: list[Load]) -> list[str]:
    pairs = [[median(result.latency_ms[kind][at] for result in results) for at in (0, 1)] for kind in CRUD]
    return [f"{p50:.2f} / {p99:.2f}" for p50, p99 in pairs]
