"""What reporting costs a job: ``update``, ``track``, ``vain run``, and a server that is not well."""

from __future__ import annotations

import json
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import processes
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread

LARGEST_UPDATE_MICROSECONDS, LARGEST_TRACK_RATIO = 20.0, 2.0
LARGEST_RUN_SECONDS, LARGEST_RUN_MIB = 0.15, 30.0
LARGEST_WORK_RATIO, LARGEST_EXIT_SECONDS = 1.05, 1.0
TIMEOUT_SECONDS = 120.0
KILLED_SHARE = 0.4
"""Of the time that the job takes with nothing reported."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 5
    updates: int = 200_000
    iterations: int = 2_000_000
    commands: int = 7
    steps: int = 6_000


FULL = Scale()
METHOD = f"""Each figure is from a process of its own, timed inside it in wall-clock time, so that what the sending
thread takes from the job is counted in. tqdm draws into `/dev/null`; the floor of an update is an attribute that is
stored. `vain run -- true` stands beside `true` and an interpreter that does nothing, all compiled before, as an
installed package is; its memory is the kernel's peak (`wait4`), which shows nothing smaller than the small process
that starts it. The job squares numbers for about a
quarter of a millisecond a step, reports each step and logs every tenth; "off" is the same job with `VAIN_REPORT=0` and
no call. Its server is up; or down (nothing listens); or silent (takes connections and never answers); or killed when
about {100 * KILLED_SHARE:g} % of the job is done. Each ends with exit code 0, or there is no figure. "whole" has the
start of the interpreter in it, and what is waited for at the end. {FULL.rounds} rounds."""

Measured = dict[str, float]
Sides = Mapping[str, Callable[[], Measured]]


def measure(scale: Scale = FULL) -> Section:
    """About five minutes."""
    with processes.vain() as server, tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        up = ["--url", f"http://127.0.0.1:{server.port}", "--spool", folder]
        calls, call_targets = _calls(up, scale)
        runs, run_targets = _runs([*up, "--bytecode", f"{folder}/bytecode"], scale)
        jobs, job_targets = _jobs(up, folder, scale)
    targets = [*call_targets, *run_targets, *job_targets]
    return Section("reporting", "Reporting from a job", METHOD, [calls, runs, jobs], targets)


def _calls(up: list[str], scale: Scale) -> tuple[Table, list[Target]]:
    sides = {
        "update: an attribute is stored": partial(_job, "update", "attribute", scale.updates),
        "update: tqdm": partial(_job, "update", "tqdm", scale.updates),
        "update: vAIn": partial(_job, "update", "vain", scale.updates, *up),
        "update: vAIn, with a message": partial(_job, "update", "vain-message", scale.updates, *up),
        "loop: bare": partial(_job, "track", "plain", scale.iterations),
        "loop: tqdm": partial(_job, "track", "tqdm", scale.iterations),
        "loop: vAIn": partial(_job, "track", "vain", scale.iterations, *up),
    }
    seconds = _seconds(sides, scale.rounds)
    rows = []
    for name, values in seconds.items():
        peer = seconds["update: tqdm" if name.startswith("update") else "loop: tqdm"]
        micros = spread([1e6 * value for value in values])
        rows.append([name, micros.text(3), ratios(values, peer).text()])
    message = 1e6 * spread(seconds["update: vAIn, with a message"]).median
    loop = ratios(seconds["loop: vAIn"], seconds["loop: tqdm"]).median
    return Table(["one call, one iteration", "µs", "ratio to tqdm"], rows), [
        Target("µs of `t.update` with a message", message, LARGEST_UPDATE_MICROSECONDS),
        Target("an iteration of `vain.track`, in tqdm's", loop, LARGEST_TRACK_RATIO),
    ]


def _runs(up: list[str], scale: Scale) -> tuple[Table, list[Target]]:
    sides: Sides = {
        "true": partial(_job, "command", "true", scale.commands, *up),
        "python -c pass": partial(_job, "command", "python", scale.commands, *up),
        "vain run -- true": partial(_job, "command", "vain", scale.commands, *up),
    }
    measured = interleaved(scale.rounds, sides)
    seconds = {name: spread([each["seconds"] for each in rounds]) for name, rounds in measured.items()}
    cpu = {name: spread([each["cpu_seconds"] for each in rounds]) for name, rounds in measured.items()}
    memory = {name: spread([each["mebibytes"] for each in rounds]) for name, rounds in measured.items()}
    peaks = {name: "–" if name == "true" else memory[name].text(1) for name in sides}
    rows = [[name, seconds[name].text(3), cpu[name].text(3), peaks[name]] for name in sides]
    added = seconds["vain run -- true"].median - seconds["true"].median
    return Table(["command", "seconds", "CPU seconds", "peak MiB"], rows), [
        Target("seconds that `vain run` adds to `true`", added, LARGEST_RUN_SECONDS),
        Target("peak MiB of `vain run -- true`", memory["vain run -- true"].median, LARGEST_RUN_MIB),
    ]


def _jobs(up: list[str], folder: str, scale: Scale) -> tuple[Table, list[Target]]:
    off = partial(_whole, "off", scale.steps)
    killed_after = KILLED_SHARE * off()["seconds"]
    with _silent() as silent:
        down = f"http://127.0.0.1:{processes.free_port()}"
        sides: Sides = {
            "off": off,
            "up": partial(_whole, "vain", scale.steps, *up),
            "down": partial(_whole, "vain", scale.steps, "--url", down, "--spool", f"{folder}/down"),
            "silent": partial(_whole, "vain", scale.steps, "--url", silent, "--spool", f"{folder}/silent"),
            "killed midway": partial(_killed, scale.steps, killed_after, Path(folder)),
        }
        measured = interleaved(scale.rounds, sides)
    inside = {name: [each["seconds"] for each in rounds] for name, rounds in measured.items()}
    whole = {name: [each["whole"] for each in rounds] for name, rounds in measured.items()}
    rows = [[name, spread(inside[name]).text(), ratios(inside[name], inside["off"]).text(),
             spread(whole[name]).text(), spread(_later(measured, name)).text()] for name in sides]  # fmt: skip
    slower = max(ratios(inside[name], inside["off"]).median for name in sides)
    later = max(spread(_later(measured, name)).median for name in sides)
    header = ["server", "the job, s", "ratio to off", "whole, s", "start and end beyond off, s"]
    return Table(header, rows), [
        Target("the slowest job, in that which reports nothing", slower, LARGEST_WORK_RATIO),
        Target("seconds that start and end add at most", later, LARGEST_EXIT_SECONDS),
    ]


def _later(measured: dict[str, list[Measured]], name: str) -> list[float]:
    """What a process takes outside of its job, beyond what it takes with reporting off."""
    pairs = zip(measured[name], measured["off"], strict=True)
    return [(one["whole"] - one["seconds"]) - (off["whole"] - off["seconds"]) for one, off in pairs]


def _seconds(sides: Sides, rounds: int) -> dict[str, list[float]]:
    return {name: [each["seconds"] for each in results] for name, results in interleaved(rounds, sides).items()}


def _job(what: str, side: str, count: int, *options: str) -> Measured:
    arguments = ["-m", "benchmarks.reporting_job", what, side, "--count", str(count), *options]
    found: Measured = json.loads(processes.output_of(arguments, TIMEOUT_SECONDS))
    return found


def _whole(side: str, count: int, *options: str) -> Measured:
    """A job that also says how long its process took from outside."""
    began = time.perf_counter()
    inside = _job("work", side, count, *options)
    return inside | {"whole": time.perf_counter() - began}


def _killed(count: int, after_seconds: float, folder: Path) -> Measured:
    """The same, with a server that is killed so long after the job's process was started."""
    with processes.vain() as server:
        url, spool = f"http://127.0.0.1:{server.port}", str(folder / "killed")
        timer = threading.Timer(after_seconds, os.kill, (server.pid, signal.SIGKILL))
        timer.start()
        try:
            return _whole("vain", count, "--url", url, "--spool", spool)
        finally:
            timer.join()


@contextmanager
def _silent() -> Iterator[str]:
    """The address of a server that never answers: the kernel takes its connections, and nobody reads."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
