"""The same changes over both engines, and what PostgreSQL itself takes for a commit."""

from __future__ import annotations

import asyncio
import time
from functools import partial

import asyncpg

from benchmarks import load, processes
from benchmarks.load import CRUD, Load
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread
from tests.store.postgres_server import postgres_server

ROUNDS, SECONDS = 5, 3.0
CONNECTIONS = (1, 16, 64)
CHANGES_OF_FOUR = 3
"""Of a POST, GET, PUT and DELETE."""
FEWEST_RATIO = 1.0
BODY = "x" * 1_500
"""About what a task and its event take."""
SQLITE, POSTGRES, BARE = "vAIn, SQLite", "vAIn, PostgreSQL", "bare commits"
METHOD = f"""As in "Tasks over REST, durable". PostgreSQL, with `fsync` and `synchronous_commit` on, runs on the machine
of the server and its clients and on the same disk, so its processes take from the same cores. A bare commit is one
`INSERT` of {len(BODY):,} bytes by asyncpg, each in a transaction of its own, on as many connections: what a server gets
that writes each change by itself. {ROUNDS} rounds of {SECONDS:g} s."""


def measure() -> Section:
    """About three minutes."""
    rows, latencies, targets = [], [], []
    with (
        postgres_server(fsync=True) as database,
        processes.vain() as over_file,
        processes.vain("--store", database.url) as over_postgres,
    ):
        asyncio.run(_table(database.url))
        for connections in CONNECTIONS:
            sides = {
                SQLITE: partial(_changes, over_file, connections),
                POSTGRES: partial(_changes, over_postgres, connections),
                BARE: partial(bare, database.url, connections, SECONDS),
            }
            measured = interleaved(ROUNDS, sides)
            rates = {name: [each[0] for each in results] for name, results in measured.items()}
            for name, found in rates.items():
                of_file, of_bare = ratios(found, rates[SQLITE]), ratios(found, rates[BARE])
                rows.append([f"{connections}, {name}", spread(found).text(0), of_file.text(), of_bare.text()])
                if name == POSTGRES and connections > 1:
                    claim = f"changes over PostgreSQL, of bare commits at {connections}"
                    targets.append(Target(claim, of_bare.median, FEWEST_RATIO, is_floor=True))
            p99 = {name: [each[1] for each in measured[name]] for name in (SQLITE, POSTGRES)}
            latencies.append([str(connections), *(spread(found).text() for found in p99.values())])
    header = ["connections, side", "changes/s", "ratio to SQLite", "ratio to bare commits"]
    tables = [Table(header, rows), Table(["connections: p99 of a change in ms", SQLITE, POSTGRES], latencies)]
    return Section("postgres", "Over PostgreSQL", METHOD, tables, targets)


def _changes(server: processes.ServerProcess, connections: int) -> tuple[float, float]:
    result: Load = load.crud(server, connections, SECONDS)
    if result.errors:
        raise RuntimeError(f"{result.errors} requests were answered with an error: the figures mean nothing")
    worst = max(result.latency_ms[kind][1] for kind in CRUD if kind != "read")
    return result.per_second * CHANGES_OF_FOUR / 4, worst


def bare(url: str, connections: int, seconds: float) -> tuple[float, float]:
    """Commits a second on so many connections; the second is not measured."""
    return asyncio.run(_bare(url, connections, seconds)), 0.0


async def _table(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS bare (number bigserial PRIMARY KEY, body text NOT NULL)")
    await connection.close()


async def _bare(url: str, connections: int, seconds: float) -> float:
    known = [await asyncpg.connect(url) for _ in range(connections)]
    until = time.monotonic() + seconds

    async def commit(connection: asyncpg.Connection) -> int:
        count = 0
        while time.monotonic() < until:
            await connection.execute("INSERT INTO bare (body) VALUES ($1)", BODY)
            count += 1
        return count

    counts = await asyncio.gather(*map(commit, known))
    for connection in known:
        await connection.close()
    return sum(counts) / seconds
