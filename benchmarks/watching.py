"""What a look at the process trees of all tasks costs, beside what psutil takes to see the same."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import mean
from typing import NamedTuple

import psutil

from benchmarks.report import Section, Table, Target
from benchmarks.rounds import Spread, interleaved, ratios, spread
from vain.accounting import Watched
from vain.sampler.trees import ProcessTrees

TASKS, PROCESSES, OF_TASKS = 20, 500, 100
LARGEST_LOOK_MS, LARGEST_CORE_PERCENT = 5.0, 1.0
PERIOD_SECONDS = 1.0
CROWD = """
import subprocess, sys
children = [subprocess.Popen(["sleep", "3600"]) for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
sys.stdin.read()
for child in children:
    child.kill()
    child.wait()
"""
METHOD = f"""{TASKS} tasks among {PROCESSES} processes more than the machine has anyway, which sleep; their trees have
{OF_TASKS} of them, or all. A look of vAIn is one call of `ProcessTrees`: who is new and who is gone, CPU, memory,
bytes and threads of each tree, shares of the machine; in five seconds, once the busiest processes of all. psutil is
asked for `children(recursive=True)` of each task, and for `cpu_times`, `memory_info`, `io_counters` and `num_threads`
of each process in one `oneshot`, with nothing kept. Both see the same number of processes, or there is no figure. CPU
time of the thread, median of interleaved rounds; "1 Hz" is one look a second, with caches as cold as in a running
server, and says what share of a core that takes."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 7
    looks: int = 5
    """Of each side in a round, without a pause."""
    ticks: int = 20
    """Of the part with one look in a period."""
    period_seconds: float = PERIOD_SECONDS
    tasks: int = TASKS
    processes: int = PROCESSES
    of_tasks: int = OF_TASKS


FULL = Scale()


class Costs(NamedTuple):
    """CPU time of a look, in milliseconds."""

    psutil: Spread
    vain: Spread
    ratio: Spread
    slow: float
    """Of vAIn, when one look follows another after a period."""


def measure(scale: Scale = FULL) -> Section:
    """About a minute and a half."""
    some, everything = (costs(scale, members) for members in (scale.of_tasks, scale.processes))
    rows = [
        [f"{members} processes in {scale.tasks} tasks", *_cells(each)]
        for members, each in ((scale.of_tasks, some), (scale.processes, everything))
    ]
    table = Table(["", "psutil ms", "vAIn ms", "ratio", "vAIn at 1 Hz, ms", "% of a core"], rows)
    targets = [
        Target(f"a look in ms, {scale.of_tasks} of {scale.processes} processes in tasks", some.slow, LARGEST_LOOK_MS),
        Target(f"% of a core, {scale.of_tasks} of them in tasks", some.slow / 10, LARGEST_CORE_PERCENT),
        Target("% of a core, all of them in tasks", everything.slow / 10, LARGEST_CORE_PERCENT),
    ]
    return Section("watching", "A look at the processes of all tasks", METHOD, [table], targets)


def costs(scale: Scale, members: int) -> Costs:
    """Looks at so many processes of tasks."""
    with crowd(scale, members) as pids:
        trees = ProcessTrees()
        watched = [Watched(key=key, pid=pid, started_at=None, whole=True) for key, pid in enumerate(pids)]
        seen = sum(look.processes or 0 for look in trees.look(watched)[0])
        if not seen == _polled(pids) == members:
            raise RuntimeError(f"vAIn sees {seen} processes and psutil {_polled(pids)}, and there are {members}")
        sides = {
            "psutil": partial(_milliseconds, lambda: _polled(pids), scale.looks),
            "vain": partial(_milliseconds, lambda: _look(trees, watched), scale.looks),
        }
        rounds = interleaved(scale.rounds, sides)
        slow = []
        for _ in range(scale.ticks):
            time.sleep(scale.period_seconds)
            slow.append(_milliseconds(lambda: _look(trees, watched), 1))
        trees.close()
    return Costs(*map(spread, (rounds["psutil"], rounds["vain"])), ratios(rounds["psutil"], rounds["vain"]), mean(slow))


@contextmanager
def crowd(scale: Scale, members: int) -> Iterator[list[int]]:
    """Processes that sleep, so many of them in tasks; the numbers of the tasks' own processes."""
    below = members // scale.tasks - 1
    others = scale.processes - members
    with ExitStack() as stack:
        tasks = [stack.enter_context(_parent(below)) for _ in range(scale.tasks)]
        if others:
            stack.enter_context(_parent(others - 1))
        yield tasks


@contextmanager
def _parent(children: int) -> Iterator[int]:
    command = [sys.executable, "-S", "-c", CROWD, str(children)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdin is not None and parent.stdout is not None
        try:
            parent.stdout.readline()
            yield parent.pid
        finally:
            parent.stdin.close()


def _look(trees: ProcessTrees, watched: Sequence[Watched]) -> None:
    """As the server does it; in five seconds one look has the busiest processes of the machine in it."""
    trees.look(watched)
    trees.busiest()


def _polled(pids: Sequence[int]) -> int:
    """psutil's look: how many processes it saw."""
    seen = 0
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with process.oneshot():
                process.cpu_times(), process.memory_info(), process.io_counters(), process.num_threads()
                seen += 1
    return seen


def _milliseconds(look: Callable[[], object], count: int) -> float:
    began = time.thread_time()
    for _ in range(count):
        look()
    return 1000 * (time.thread_time() - began) / count


def _cells(each: Costs) -> list[str]:
    return [
        each.psutil.text(1),
        each.vain.text(2),
        each.ratio.text(0),
        f"{each.slow:.2f}",
        f"{each.slow * 100 / 1000:.2f}",
    ]
