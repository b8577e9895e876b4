"""What vAIn uses while nobody looks, and what it still uses after somebody has looked."""

from __future__ import annotations

import time

from benchmarks import processes
from benchmarks.browser import open_page
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import spread

SETTLE_SECONDS = 15.0
WINDOWS, WINDOW_SECONDS = 5, 15.0
PAGE_SECONDS, FORGET_SECONDS = 10.0, 40.0
LARGEST_PERCENT, LARGEST_MIB = 0.5, 120.0
METHOD = f"""`vain serve` with its defaults, sampling once a second. CPU time of the process in {WINDOWS} windows of
{WINDOW_SECONDS:g} s, resident memory at the end of each. The second row is what stays when the dashboard was open for
{PAGE_SECONDS:g} s and was closed {FORGET_SECONDS:g} s ago: the first page loads Panel, Bokeh and pandas, which then
stay loaded."""


def measure() -> Section:
    """About four minutes."""
    with processes.vain() as server:
        time.sleep(SETTLE_SECONDS)
        percents, memory = _windows(server)
        rows = [["idle", spread(percents).text(), spread(memory).text(0)]]
        with open_page(f"http://localhost:{server.port}/", PAGE_SECONDS):
            pass
        time.sleep(FORGET_SECONDS)
        later_percents, later_memory = _windows(server)
        rows.append(["after a page was open", spread(later_percents).text(), spread(later_memory).text(0)])
    targets = [
        Target("CPU of a core in %", spread(percents).median, LARGEST_PERCENT),
        Target("resident memory in MiB", spread(memory).median, LARGEST_MIB),
    ]
    table = Table(["", "CPU of one core in %", "resident memory in MiB"], rows)
    return Section("idle", "Idle", METHOD, [table], targets)


def _windows(server: ServerProcess) -> tuple[list[float], list[float]]:
    percents, memory = [], []
    for _ in range(WINDOWS):
        used, began = server.cpu_seconds(), time.monotonic()
        time.sleep(WINDOW_SECONDS)
        percents.append(100 * (server.cpu_seconds() - used) / (time.monotonic() - began))
        memory.append(server.rss_mib())
    return percents, memory
