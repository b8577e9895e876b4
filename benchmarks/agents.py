"""Other machines: what an agent costs its machine, and what many of them cost the server."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks import processes
from benchmarks.agent_clients import RAMP_SECONDS, Swarm, backlog, series_count, swarm
from benchmarks.agent_fleet import WINDOWS, told
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import spread
from vain.agent.spool import AgentSpool

MEBIBYTE = 1 << 20
MOST_MEMORY_MIB, MOST_CPU_PERCENT = 40.0, 0.5
MOST_BYTES, MOST_LATE_SECONDS = 1.5, 1.0
MOST_FIRST, MOST_PAN = 2.0, 0.3
HOUR_SECONDS = 3_600


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    counts: tuple[int, ...] = (100, 300, 500)
    seconds: float = 60.0
    agent_rounds: int = 5
    agent_seconds: float = 20.0
    hosts: int = 5
    hours: int = 3
    fleet: int = 1_000
    fleet_rounds: int = 3


FULL = Scale()
METHOD = f"""`vain agent` once a second on this machine, beside a server on it: CPU time and resident memory of its
process, in rounds of {FULL.agent_seconds:g} s, the first of them after it had run for as long. Then agents that are
made up, in a process of their own, each with {series_count()} series and a report a second over a connection of its
own, for {FULL.seconds:g} s after a start of {RAMP_SECONDS:g} s: CPU and memory of the server (SQLite, a file for each
host), how long a report takes, how late the latest report of all was in the last third, and how many samples of one
host were not on disk at the end (an agent keeps them until they are). Last, {FULL.hosts} hosts that bring
{FULL.hours} hours which they had kept: how fast the server takes them, and what they are on disk once sealed.
At the end {FULL.fleet:,} hosts with a month of minutes and hours: how long `GET /performance/hosts` takes, when no
history is open (a server that was just started and to which no agent has reported yet), and then, each time another
window, so that nothing is told from memory."""


def measure(scale: Scale = FULL) -> Section:
    """About ten minutes."""
    cpu, memory = _agent(scale)
    agent = Table(
        ["`vain agent`", "CPU of one core (%)", "memory (MiB)", "disk while the server is away (bytes/s)"],
        [["once a second", spread(cpu).text(2), spread(memory).text(1), f"{_spooled(scale.agent_seconds):,.0f}"]],
    )
    rows, targets = [], []
    for count in scale.counts:
        found, used, resident = _many(count, scale.seconds)
        rows.append([
            f"{count:,}", f"{found.reports_per_second:,.0f}", f"{used:.0f}", f"{resident:,.0f}",
            f"{found.p50_ms:.1f}", f"{found.p99_ms:.0f}", f"{found.latest_seconds:.2f}", str(found.not_stored),
        ])  # fmt: skip
        if found.errors:
            raise RuntimeError(f"{found.errors} reports were answered with an error: the figures mean nothing")
        targets.append(Target(f"seconds by which {count:,} agents are late", found.latest_seconds, MOST_LATE_SECONDS))
    many = Table(
        ["agents", "reports/s", "server CPU (% of a core)", "memory (MiB)", "p50 (ms)", "p99 (ms)", "late (s)",
         "not on disk"],
        rows,
    )  # fmt: skip
    rate, size = _kept(scale)
    kept = Table(["brought after an outage", "samples/s", "bytes a value"], [["", f"{rate:,.0f}", f"{size:.2f}"]])
    targets = [
        Target("MiB of an agent", spread(memory).median, MOST_MEMORY_MIB),
        Target("percent of a core of an agent", spread(cpu).median, MOST_CPU_PERCENT),
        *targets,
        Target("bytes a value on disk", size, MOST_BYTES),
    ]
    fleet = told(scale.fleet, scale.fleet_rounds)
    then = {name: spread(fleet.then[name]) for name in WINDOWS}
    moved = {name: spread(fleet.moved[name]) for name in WINDOWS}
    rows = [[name, then[name].text(2), moved[name].text(2)] for name in WINDOWS]
    shown = Table(
        [f"{scale.fleet:,} hosts, one metric", "first (s)", "moved by a fifth (s)"],
        [["30 d, no history open", f"{fleet.first:.2f}", ""], *rows],
    )
    targets += [
        Target(f"seconds until 30 d of {scale.fleet:,} hosts are told", then["30 d"].median, MOST_FIRST),
        Target(f"seconds until 30 d of {scale.fleet:,} hosts are told, moved", moved["30 d"].median, MOST_PAN),
    ]
    return Section("agents", "Other machines", METHOD, [agent, many, kept, shown], targets)


@contextmanager
def _running_agent(port: int, folder: Path) -> Iterator[int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
    command = [sys.executable, "-m", "vain", "agent", "--server", f"http://127.0.0.1:{port}", "--data", str(folder)]
    process = subprocess.Popen(command, env={**environment, "VAIN_HOSTNAME": "other"}, stderr=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(15)


def _agent(scale: Scale) -> tuple[list[float], list[float]]:
    cpu, memory = [], []
    with (
        tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder,
        processes.vain() as server,
        _running_agent(server.port, Path(folder)) as agent,
    ):
        time.sleep(scale.agent_seconds)
        for _ in range(scale.agent_rounds):
            before, began = processes.cpu_seconds(agent), time.monotonic()
            time.sleep(scale.agent_seconds)
            cpu.append(100 * (processes.cpu_seconds(agent) - before) / (time.monotonic() - began))
            memory.append(psutil.Process(agent).memory_info().rss / MEBIBYTE)
    return cpu, memory


def _spooled(seconds: float) -> float:
    """Bytes a second that an agent writes whose server is not there."""
    with tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        with _running_agent(processes.free_port(), Path(folder)):
            time.sleep(seconds)
        spool = AgentSpool(Path(folder) / "agent", 1 << 30)
        size = sum(path.stat().st_size for path in Path(folder, "agent").glob("*.z"))
        if spool.newest < seconds / 2:
            raise RuntimeError(f"{spool.newest} samples in {seconds:g} s: the figures mean nothing")
        return size / spool.newest


def _many(count: int, seconds: float) -> tuple[Swarm, float, float]:
    with (
        processes.vain("--request-rate", "0", "--max-connections", "20000") as server,
        ProcessPoolExecutor(1, get_context("spawn")) as others,
    ):
        running = others.submit(swarm, count, server.port, seconds)
        time.sleep(RAMP_SECONDS + 2)  # a process takes some time to start
        before, began = server.cpu_seconds(), time.monotonic()
        time.sleep(seconds - 5)
        used = 100 * (server.cpu_seconds() - before) / (time.monotonic() - began)
        return running.result(seconds + 120), used, server.rss_mib()


def _kept(scale: Scale) -> tuple[float, float]:
    """Samples a second, and bytes a value of what was sealed."""
    with tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        end = time.time() // HOUR_SECONDS * HOUR_SECONDS  # whole hours, all of them over
        with processes.vain("--request-rate", "0", folder=Path(folder)) as server:
            rate = backlog(server.port, scale.hosts, scale.hours * HOUR_SECONDS, end)
            backlog(server.port, scale.hosts, 2, time.time())  # the hour under way, so that the last one is sealed
            time.sleep(15)
        sizes = [path.stat().st_size for path in Path(folder, "hosts").rglob("metrics.db")]
    if len(sizes) != scale.hosts:
        raise RuntimeError(f"{len(sizes)} of {scale.hosts} hosts are on disk: the figures mean nothing")
    return rate, sum(sizes) / (scale.hosts * scale.hours * HOUR_SECONDS * series_count())
