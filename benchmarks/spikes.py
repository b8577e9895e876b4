"""Whether "what did that?" names the task that did it: loads made on purpose by one of five running tasks."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from benchmarks import processes
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import spread
from vain.client import Client
from vain.explaining import GROWTH, Explanation

WORKERS = 5
KINDS = {"cpu": "cpu.percent", "memory": GROWTH, "disk": "disk.written_bytes_per_second"}
LARGEST_MS = 60.0
SEEN_SECONDS = 30.0
SETTLE_SECONDS = 1.5
METHOD = f"""{WORKERS} processes report a task each and run on while one after the other makes a load: one core busy;
300 MiB that are written to and held; a file that is written and synced again and again. The fourth always holds
400 MiB, the fifth always uses a tenth of a core. Which task makes which load is drawn, with a fixed seed. After each
load `GET /performance/explain` is asked once about its time. It is right if it names the task that made the load first.
Nothing else on the machine is stopped for it."""
WORKER = """
import os, sys, tempfile, threading, time
import vain

steady = bytearray(400 << 20) if sys.argv[2] == "holds" else None
if steady:
    steady[::4096] = b"x" * len(steady[::4096])

def tick():
    while True:
        end = time.thread_time() + 0.02
        while time.thread_time() < end:
            pass
        time.sleep(0.18)

if sys.argv[2] == "ticks":
    threading.Thread(target=tick, daemon=True).start()

def cpu(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(range(1000))

def memory(seconds):
    held = bytearray(300 << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(seconds)

def disk(seconds):
    block, end = os.urandom(1 << 20), time.monotonic() + seconds
    with tempfile.TemporaryFile(dir=sys.argv[3]) as file:
        while time.monotonic() < end:
            for _ in range(8):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
            file.seek(0)

with vain.task(sys.argv[1]):
    for line in sys.stdin:
        kind, seconds = line.split()
        {"cpu": cpu, "memory": memory, "disk": disk}[kind](float(seconds))
        print("done", flush=True)
"""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 20
    load_seconds: float = 5.0


FULL = Scale()


class Round(NamedTuple):
    """One load, and what was answered."""

    kind: str
    worker: str
    answer: Explanation
    milliseconds: float

    @property
    def is_right(self) -> bool:
        """Whether the task that made the load is named first."""
        return bool(self.answer.tasks) and self.answer.tasks[0].name == self.worker

    @property
    def lead(self) -> float:
        """By how much the share of the first is more than that of the second."""
        shares = [task.share or 0.0 for task in self.answer.tasks[:2]]
        return shares[0] - shares[1] if len(shares) == 2 else 0.0


def measure(scale: Scale = FULL) -> Section:
    """About three minutes."""
    done = rounds(scale)
    rows = []
    for kind, metric in KINDS.items():
        of_kind = [each for each in done if each.kind == kind]
        if of_kind:
            rows.append(_row(kind, metric, of_kind))
    times = spread([each.milliseconds for each in done])
    targets = [
        Target("loads whose task is named first", sum(each.is_right for each in done), len(done), is_floor=True),
        Target("an answer over HTTP in ms", times.median, LARGEST_MS),
    ]
    header = ["load", "asked by", "named first", "its share", "more than the second", "ms for an answer"]
    return Section("spikes", "What did that?", METHOD, [Table(header, rows)], targets)


def rounds(scale: Scale) -> list[Round]:
    """Loads in turn, each by a task that is drawn."""
    drawn = random.Random(5)
    with processes.vain() as server, Client(f"http://127.0.0.1:{server.port}") as client, workers(client.url) as crew:
        _wait_until_seen(client)
        done = []
        for number in range(scale.rounds):
            kind = list(KINDS)[number % len(KINDS)]
            worker = drawn.choice(list(crew))
            done.append(_round(client, kind, worker, crew[worker], scale.load_seconds))
        return done


@contextmanager
def workers(url: str) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Processes of five tasks, by name, which wait for what to do."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="vain-benchmark-"))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
        environment = kept | {"VAIN_URL": url, "VAIN_SPOOL": f"{folder}/spool", "PYTHONPATH": str(processes.ROOT)}
        crew = {}
        for number in range(1, WORKERS + 1):
            name, habit = f"task {number}", {4: "holds", 5: "ticks"}.get(number, "none")
            command = [sys.executable, "-c", WORKER, name, habit, folder]
            crew[name] = stack.enter_context(_process(command, environment))
        yield crew


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=processes.ROOT
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def _wait_until_seen(client: Client) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        tasks = client.explain(-5).tasks
        if len(tasks) == WORKERS and all(task.cpu_seconds is not None for task in tasks):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the tasks were not seen within {SEEN_SECONDS:.0f} s")


def _round(client: Client, kind: str, name: str, worker: subprocess.Popen[str], seconds: float) -> Round:
    assert worker.stdin is not None and worker.stdout is not None
    time.sleep(SETTLE_SECONDS)
    began = time.time()
    worker.stdin.write(f"{kind} {seconds}\n")
    worker.stdin.flush()
    worker.stdout.readline()
    ended = time.time()
    asked = time.perf_counter()
    answer = client.explain(began, ended, KINDS[kind])
    return Round(kind, name, answer, 1000 * (time.perf_counter() - asked))


def _row(kind: str, metric: str, done: Sequence[Round]) -> list[str]:
    right = sum(each.is_right for each in done)
    shares = [_share_of(each) for each in done]
    return [
        kind,
        f"`{metric}`",
        f"{right} of {len(done)}",
        spread(shares).text(),
        spread([each.lead for each in done]).text(),
        spread([each.milliseconds for each in done]).text(1),
    ]


def _share_of(done: Round) -> float:
    return next((task.share or 0.0 for task in done.answer.tasks if task.name == done.worker), 0.0)


if __name__ == "__main__":
    for each in rounds(FULL):
        named = [(task.name, task.share) for task in each.answer.tasks]
        print(json.dumps([each.kind, each.worker, each.is_right, named]))
