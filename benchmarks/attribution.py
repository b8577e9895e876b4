"""What a process tree used, as vAIn saw it, beside what the kernel says in the end and what polling psutil sees."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil

from benchmarks import attribution_programs as programs
from benchmarks.processes import MEBIBYTE, ROOT
from benchmarks.report import Section, Table, Target
from vain.accounting import Look, Watched
from vain.costs import with_usage
from vain.sampler.trees import ProcessTrees
from vain.types import Resources, Usage

PERIOD_SECONDS = 1.0
LARGEST_ERROR_PERCENT = 5.0
TITLES = {
    "busy": "two busy loops",
    "storm": "fork storm, children of 20 ms",
    "pipeline": "shell pipelines",
    "build": "make -j2",
    "orphan": "double-forked orphan",
    "pool": "multiprocessing pool",
}
NEEDS = {"build": ("make", "cc")}
METHOD = f"""Each program is looked at once in {PERIOD_SECONDS:g} s from outside, as a server looks at a job that it
was told of; the program itself is asked nothing. When it has ended, a reaper above it that waited for all of its
processes, orphans too, says what the kernel counted (`wait4`). "looks" is what was seen that way; what is used after
the last look, up to a second of each core, is missing there. "task" is what a task has under `vain run`, which adds
what `wait4` says of its own child where that is more. "psutil" is what the peers do at the same instants:
`children(recursive=True)`, and of each process that was seen what it had used when it was seen last. The kernel tells
the memory of the largest process only; the peaks of vAIn and psutil are sums over the
tree. Written bytes are those on their way to storage (`write_bytes`); there psutil counts twice, since a parent has
what its children wrote, too."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    seconds: float = 25.0
    """Of CPU time, for each program; the storm has fifty children for each."""
    names: Sequence[str] = tuple(programs.PROGRAMS)
    period_seconds: float = PERIOD_SECONDS


FULL = Scale()


class Figures(NamedTuple):
    """What was used."""

    cpu_seconds: float
    peak_bytes: float
    """Of resident memory."""
    written_bytes: float


class Measured(NamedTuple):
    """One program: what the kernel says, and what was seen."""

    kernel: Figures
    task: Figures
    """With what the program's parent measured, as ``vain run`` reports it."""
    vain: Figures
    """From looks alone."""
    polled: Figures


def measure(scale: Scale = FULL) -> Section:
    """About two and a half minutes."""
    names = [name for name in scale.names if all(map(shutil.which, NEEDS.get(name, ())))]
    measured = {name: measured_program(name, scale) for name in names}
    cpu = Table(
        ["CPU seconds", "kernel", "vAIn, task", "error", "vAIn, looks", "error", "psutil", "error"],
        [_cpu_row(TITLES[name], each) for name, each in measured.items()],
    )
    memory = Table(
        ["", "largest process MiB", "vAIn's peak MiB", "psutil's peak MiB", "written MiB", "vAIn", "psutil"],
        [_memory_row(TITLES[name], each) for name, each in measured.items()],
    )
    targets = [
        Target(f"CPU error of a task in %, {TITLES[name]}", abs(_error(each.task, each.kernel)), LARGEST_ERROR_PERCENT)
        for name, each in measured.items()
    ]
    return Section("attribution", "What a process tree cost", METHOD, [cpu, memory], targets)


def measured_program(name: str, scale: Scale) -> Measured:
    """Run one program to its end and look at it all the time."""
    command = [sys.executable, "-m", "benchmarks.attribution_programs", "judge", name, str(scale.seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as judge:
        assert judge.stdout is not None
        watched = Watched(key=1, pid=int(judge.stdout.readline()), started_at=None, run_id=programs.RUN_ID, whole=True)
        looks, poll = _watch(watched, scale.period_seconds)
        kernel = json.loads(judge.stdout.readline())
    if judge.returncode:
        raise RuntimeError(f"the program {name} failed")
    seen = Figures(
        max(look.cpu_seconds or 0.0 for look in looks),
        max(look.rss_bytes or 0 for look in looks),
        max(look.written_bytes or 0 for look in looks),
    )
    task = with_usage(Resources(cpu_seconds=seen.cpu_seconds), Usage(cpu_seconds=kernel["own_cpu_seconds"]))
    return Measured(
        Figures(kernel["cpu_seconds"], kernel["largest_kib"] * 1024, kernel["written_bytes"]),
        seen._replace(cpu_seconds=task.cpu_seconds or 0.0),
        seen,
        Figures(sum(poll.cpu_seconds.values()), poll.peak_bytes, sum(poll.written_bytes.values())),
    )


class Poll:
    """The peers' method: who is below the root now, and how much each has used until now."""

    def __init__(self, pid: int) -> None:
        self._processes = {pid: psutil.Process(pid)}
        self._root = self._processes[pid]
        self.cpu_seconds: dict[int, float] = {}
        self.written_bytes: dict[int, int] = {}
        self.peak_bytes = 0

    def look(self) -> None:
        """Once more."""
        try:
            there = [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        resident = 0
        for process in there:
            try:
                with process.oneshot():
                    times = process.cpu_times()
                    self.cpu_seconds[process.pid] = times.user + times.system
                    self.written_bytes[process.pid] = process.io_counters().write_bytes
                    resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak_bytes = max(self.peak_bytes, resident)


def _watch(watched: Watched, period_seconds: float) -> tuple[list[Look], Poll]:
    trees, poll = ProcessTrees(), Poll(watched.pid)
    looks: list[Look] = []
    deadline = time.monotonic()
    while not looks or looks[-1].alive is not False:
        looks += trees.look([watched])[0]
        poll.look()
        deadline += period_seconds
        time.sleep(max(0.0, deadline - time.monotonic()))
    trees.close()
    return looks, poll


def _error(seen: Figures, kernel: Figures) -> float:
    return 100 * (seen.cpu_seconds - kernel.cpu_seconds) / kernel.cpu_seconds


def _cpu_row(title: str, each: Measured) -> list[str]:
    cells = [title, f"{each.kernel.cpu_seconds:.2f}"]
    for seen in (each.task, each.vain, each.polled):
        error = f"{_error(seen, each.kernel):+.1f} %".replace("-", "−")
        cells += [f"{seen.cpu_seconds:.2f}", error]
    return cells


def _memory_row(title: str, each: Measured) -> list[str]:
    shown = each.kernel, each.vain, each.polled
    memory = [f"{figures.peak_bytes / MEBIBYTE:,.0f}" for figures in shown]
    return [title, *memory, *(f"{figures.written_bytes / MEBIBYTE:,.1f}" for figures in shown)]
