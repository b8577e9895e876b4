"""One sample beside a bare psutil loop that reads the same, in the same run.

    python benchmarks/sample.py [--check]

CPU time of the reading thread, in microseconds, medians over interleaved rounds. "tight" calls each many times in a
row; "1 Hz" calls each once a second, half a second apart, so that caches are as cold as in a running server: that row
is what counts. The psutil side reads less: it has no pressure, no container limits, and builds no sample.
With ``--check`` the exit status is 1 if a sample costs more than 1.2 times the bare loop in either row. Takes 20 s.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from statistics import median

import psutil

from vain.sampler import Sampler
from vain.types import TaskCounts

LARGEST_RATIO = 1.2
TIGHT_ROUNDS, TIGHT_CALLS = 20, 50
COLD_ROUNDS, COLD_PERIOD_SECONDS = 16, 1.0


def bare_loop(mounts: list[str]) -> Callable[[], object]:
    process = psutil.Process()

    def read() -> object:
        with process.oneshot():
            own = process.cpu_times(), process.memory_info().rss, process.num_threads()
        return (
            own,
            psutil.cpu_times(),
            psutil.cpu_times(percpu=True),
            psutil.getloadavg(),
            psutil.virtual_memory(),
            psutil.swap_memory(),
            [psutil.disk_usage(mount) for mount in mounts],
            psutil.disk_io_counters(perdisk=True, nowrap=False),
            psutil.net_io_counters(pernic=True, nowrap=False),
            psutil.boot_time(),
        )

    return read


def cpu_microseconds(read: Callable[[], object], calls: int = 1) -> float:
    began = time.thread_time_ns()
    for _ in range(calls):
        read()
    return (time.thread_time_ns() - began) / calls / 1000


def tight(reads: list[Callable[[], object]]) -> list[float]:
    rounds = [[cpu_microseconds(read, TIGHT_CALLS) for read in reads] for _ in range(TIGHT_ROUNDS)]
    return [median(column) for column in zip(*rounds, strict=True)]


def cold(reads: list[Callable[[], object]]) -> list[float]:
    rounds = []
    for _ in range(COLD_ROUNDS):
        costs = []
        for read in reads:
            time.sleep(COLD_PERIOD_SECONDS / len(reads))
            costs.append(cpu_microseconds(read))
        rounds.append(costs)
    return [median(column) for column in zip(*rounds, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description="One sample beside a bare psutil loop.")
    parser.add_argument("--check", action="store_true", help=f"fail above {LARGEST_RATIO} times")
    check = parser.parse_args().check
    sampler, tasks = Sampler(), TaskCounts()
    mounts = [disk.mount for disk in sampler.read(tasks).disks if disk.reachable]
    reads: list[Callable[[], object]] = [bare_loop(mounts), lambda: sampler.read(tasks)]
    cpu_microseconds(reads[0], 20), cpu_microseconds(reads[1], 20)
    print(f"{'':8}{'psutil us':>12}{'vAIn us':>12}{'ratio':>8}")
    ratios = []
    for name, measure in (("tight", tight), ("1 Hz", cold)):
        bare, ours = measure(reads)
        ratios.append(ours / bare)
        print(f"{name:8}{bare:12.0f}{ours:12.0f}{ratios[-1]:8.2f}")
    sampler.close()
    return int(check and max(ratios) > LARGEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
