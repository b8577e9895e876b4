"""A thousand agents that report to one server over PostgreSQL, for as long as it takes to see that no lag grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from typing import NamedTuple

import psutil

from benchmarks import processes
from benchmarks.agent_clients import RAMP_SECONDS, Swarm, series_count, swarm
from benchmarks.report import Section, Table, Target
from tests.store.postgres_server import postgres_server

START_SECONDS = 2.0
"""That the agents' process takes to start."""
MOST_LATE_SECONDS = 1.0


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    count: int = 1_000
    seconds: int = 600
    fewer: tuple[int, ...] = (250, 500)
    fewer_seconds: int = 120
    ramp_seconds: float = RAMP_SECONDS


class Used(NamedTuple):
    """In a minute: percent of a core, and MiB of the server."""

    server: float
    postgres: float
    memory: float


FULL = Scale()
METHOD = f"""One server, and PostgreSQL with `fsync` and `synchronous_commit` on, on this machine; so are the agents,
which are made up, in a process of their own: {FULL.count:,} of them, each with {series_count()} series and a report a
second over a connection of its own, for {FULL.seconds // 60} minutes after a start of {RAMP_SECONDS:g} s. Minute by
minute what the server and PostgreSQL (all its processes) use, how long a report takes until it is answered, and how
late the latest of all was sent, since the one before it had not been answered. Then fewer agents, for what each costs,
and as many at two servers. At first each host's series get their numbers, host by host; that is what the first minute
shows."""


def measure(scale: Scale = FULL) -> Section:
    """About twenty minutes."""
    found, used = _run(scale, scale.count, scale.seconds)
    minutes = Table(
        ["minute", "server CPU (% of a core)", "PostgreSQL CPU (%)", "server memory (MiB)", "p50 (ms)", "p99 (ms)",
         "latest (s)"],
        [
            [
                str(number), f"{each.server:.0f}", f"{each.postgres:.0f}", f"{each.memory:,.0f}", f"{met.p50_ms:.1f}",
                f"{met.p99_ms:.0f}", f"{met.latest_seconds:.2f}",
            ]
            for number, (each, met) in enumerate(zip(used, found.minutes, strict=False), start=1)
        ],
    )  # fmt: skip
    rows = [_costs(count, 1, *_run(scale, count, scale.fewer_seconds)) for count in scale.fewer]
    rows.append(_costs(scale.count, 1, found, used))
    rows.append(_costs(scale.count, 2, *_run(scale, scale.count, scale.fewer_seconds, servers=2)))
    costs = Table(
        ["agents", "servers", "reports/s", "their CPU (% of a core)", "CPU a report (ms)", "of PostgreSQL (ms)", "MiB",
         "not on disk"],
        rows,
    )  # fmt: skip
    targets = [
        Target(f"seconds by which {scale.count:,} agents are late in the last minute", _late(found), MOST_LATE_SECONDS)
    ]
    return Section("agents-postgres", "A thousand machines over PostgreSQL", METHOD, [minutes, costs], targets)


def _late(found: Swarm) -> float:
    return found.minutes[-1].latest_seconds


def _costs(count: int, servers: int, found: Swarm, used: list[Used]) -> list[str]:
    if found.errors:
        raise RuntimeError(f"{found.errors} reports were answered with an error: the figures mean nothing")
    last = used[-1]  # when every history has begun
    return [
        f"{count:,}", str(servers), f"{found.reports_per_second:,.0f}", f"{last.server:.0f}",
        f"{10 * last.server / found.reports_per_second:.2f}", f"{10 * last.postgres / found.reports_per_second:.2f}",
        f"{last.memory:,.0f}", str(found.not_stored),
    ]  # fmt: skip


def _run(scale: Scale, count: int, seconds: int, servers: int = 1) -> tuple[Swarm, list[Used]]:
    with ExitStack() as ends:
        database = ends.enter_context(postgres_server(fsync=True))
        options = ("--request-rate", "0", "--max-connections", "20000", "--store", database.url)
        running = [ends.enter_context(processes.vain(*options)) for _ in range(servers)]
        others = ends.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
        reporting = others.submit(swarm, count, [each.port for each in running], float(seconds), scale.ramp_seconds)
        time.sleep(scale.ramp_seconds + START_SECONDS)
        used = _minutes(running, reporting, seconds)
        return reporting.result(120), used


def _minutes(servers: Sequence[processes.ServerProcess], reporting: Future[Swarm], seconds: int) -> list[Used]:
    found = []
    for number in range(0, seconds, 60):
        length = min(60, seconds - number)
        began, own, others = time.monotonic(), _of(servers), _of_postgres()
        # The last one ends before the agents do.
        time.sleep(length - (START_SECONDS if number + length >= seconds else 0.0))
        took = time.monotonic() - began
        used = 100 * (_of(servers) - own) / took, 100 * (_of_postgres() - others) / took
        found.append(Used(*used, sum(server.rss_mib() for server in servers)))
        if reporting.done():
            reporting.result()  # it failed, which is to be told
    return found


def _of(servers: Sequence[processes.ServerProcess]) -> float:
    return sum(server.cpu_seconds() for server in servers)


def _of_postgres() -> float:
    """CPU seconds of all processes of PostgreSQL that live."""
    times = [each.info["cpu_times"] for each in psutil.process_iter(["name", "cpu_times"]) if _is_postgres(each)]
    return float(sum(each.user + each.system for each in times if each is not None))


def _is_postgres(process: psutil.Process) -> bool:
    return str(process.info["name"]).startswith("postgres")
