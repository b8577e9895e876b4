"""Writers and followers of several servers, which are killed under them: what was lost, missing or told twice.

``tests/several/test_kills.py`` has the short form, ``python -m benchmarks servers`` the long one.
"""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
from msgspec import Struct

from tests.several.checker import Followed, Log, lost, misnumbered, p50_p99, waits_ms
from tests.several.cluster import Cluster, get, in_database
from tests.several.writers import Written

ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 90.0
MOST_NAMED = 10
LISTED = "task_id,version,message,name"


class Phase(Struct):
    """Writing for a while. ``rate``: at most so many events a second, 0: any; ``kills`` of servers in this time.

    ``only``: to one server, instead of through nginx.
    """

    name: str
    seconds: float
    rate: float = 0.0
    kills: int = 0
    writers: int = 16
    batch: int = 20
    only: int | None = None


class Measured(Struct):
    """A phase, and what it gave."""

    phase: Phase
    written: Written
    seconds: float
    kills: int
    cut: int
    """Connections to the database that were ended."""
    per_second: float = 0.0
    visible_ms: list[tuple[float, float]] = []
    """p50 and p99 at each server while it stood, from an answer to its last event; below 0: the event came first."""

    @property
    def text(self) -> str:
        """One line."""
        done = f"{self.per_second:.0f} events/s for {self.seconds:.1f} s, {self.kills} kills, {self.cut} cut"
        asked = f"{self.written.repeated} repeated, slowest answer {self.written.slowest_seconds:.2f} s"
        visible = ", ".join(f"{p50:.1f}/{p99:.1f}" for p50, p99 in self.visible_ms)
        return f"{self.phase.name}: {done}, {asked}, visible p50/p99 ms {visible}"


class Outcome(Struct):
    """What became of all. Everything in ``flaws`` must not be."""

    phases: list[Measured]
    followed: list[Followed]
    events: int
    answered: int
    lost: int
    gaps: int
    doubles: int
    notices: list[str]
    """What vAIn told people meanwhile."""
    flaws: list[str]

    @property
    def text(self) -> str:
        """All of it, in lines."""
        counted = f"{self.lost} lost, {self.gaps} gaps, {self.doubles} doubles"
        lines = [f"{self.events} events, {self.answered} answers, {counted}", *(each.text for each in self.phases)]
        return "\n".join([*lines, *(each.text for each in self.followed), *self.notices, *self.flaws])


def storm(folder: Path, cluster: Cluster, phases: Sequence[Phase], seed: int = 0) -> Outcome:
    """Runs the phases one after the other, with the same followers, and judges them."""
    chance = random.Random(seed)
    with _followers(folder, cluster) as told:
        measured = [_measured(folder, cluster, phase, chance) for phase in phases]
        log = Log(in_database(cluster.database, _stored))
        followed = told(log.last)
    log = Log(in_database(cluster.database, _stored))
    for each in measured:
        numbers = log.numbers
        visible = [waits_ms(each.written.answered, numbers, steady) for steady in followed if steady.arrived]
        each.visible_ms = [p50_p99(waits) for waits in visible]
    return _judged(cluster, measured, followed, log)


@contextmanager
def _followers(folder: Path, cluster: Cluster) -> Iterator[Any]:
    """One at each server that stays, and others that come back through nginx again and again."""
    headers, _ = get(cluster.url(0) + "/tasks")
    file, port = folder / "followed.json", cluster.port
    kinds = [*(f"steady:{each}" for each in cluster.ports), f"flapping:{port}", f"flapping:{port}", f"events:{port}"]
    command = [sys.executable, "-m", "tests.several.followers", headers["X-Vain-Epoch"], str(file), *kinds]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)

    def told(last: int) -> list[Followed]:
        process.communicate(f"{last}\n", GRACE_SECONDS)
        return msgspec.json.decode(file.read_bytes(), type=list[Followed])

    try:
        yield told
    finally:
        process.kill()
        process.wait()


def _measured(folder: Path, cluster: Cluster, phase: Phase, chance: random.Random) -> Measured:
    file = folder / "written.json"
    port = cluster.port if phase.only is None else cluster.ports[phase.only]
    options = {"seconds": phase.seconds, "writers": phase.writers, "batch": phase.batch, "rate": phase.rate}
    named = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "tests.several.writers", str(port), str(file), *named]
    before, began = _head(cluster), time.monotonic()
    with subprocess.Popen(command, cwd=ROOT) as process:
        try:
            kills, cut = _disturbed(cluster, phase, chance) if phase.kills else (0, 0)
            assert process.wait(phase.seconds + GRACE_SECONDS) == 0
        finally:
            process.kill()
    seconds = time.monotonic() - began
    written = msgspec.json.decode(file.read_bytes(), type=Written)
    times = [each.at for each in written.answered]
    per_second = (_head(cluster) - before) / (max(times) - min(times))
    return Measured(phase, written, seconds, kills, cut, per_second)


def _disturbed(cluster: Cluster, phase: Phase, chance: random.Random) -> tuple[int, int]:
    """Kills servers and cuts connections to the database, spread over the time; how many of each."""
    began, ended, cuts = time.monotonic(), threading.Event(), list[str]()
    cutting = threading.Thread(target=_cut, args=(cluster, ended, cuts, random.Random(chance.random())))
    cutting.start()
    try:
        for kill in range(phase.kills):
            at = began + phase.seconds * (kill + chance.uniform(0.2, 0.8)) / phase.kills
            time.sleep(max(0.0, at - time.monotonic()))
            # Every fourth time two at once: one is left.
            down = chance.sample(range(len(cluster.ports)), 2 if kill % 4 == 3 else 1)
            for number in down:
                cluster.kill(number)
            time.sleep(chance.uniform(0, 1))
            for number in down:
                cluster.start(number)
    finally:
        ended.set()
        cutting.join()
    return phase.kills, len(cuts)


def _cut(cluster: Cluster, ended: threading.Event, cuts: list[str], chance: random.Random) -> None:
    while not ended.wait(chance.uniform(0.2, 1.2)):
        if (name := cluster.terminate_backend()) is not None:
            cuts.append(name)


def _judged(cluster: Cluster, measured: list[Measured], followed: list[Followed], log: Log) -> Outcome:
    answered = [answer for each in measured for answer in each.written.answered]
    missing = lost(answered, log.numbers)
    gone = [task for each in measured for task in each.written.deleted if task not in log.deletions]
    wrong = misnumbered(answered, log.numbers)
    flaws = [*log.flaws, *(f"change {change} stands twice in the log" for change in log.twice)]
    flaws += [f"the change {change} is lost" for change in missing[:MOST_NAMED]]
    flaws += [f"the deletion of {task} is lost" for task in gone[:MOST_NAMED]]
    flaws += [f"an answer names {each.seq}, and has what came after" for each in wrong[:MOST_NAMED]]
    flaws += [flaw for each in measured for flaw in each.written.flaws]
    flaws += [f"{each.kind} {flaw}" for each in followed for flaw in _misled(each, log)]
    flaws += _differences(cluster, measured)
    gaps, doubles = sum(each.gaps for each in followed), sum(each.doubles for each in followed)
    number = len(missing) + len(gone)
    return Outcome(measured, followed, log.last, len(answered), number, gaps, doubles, log.notices, flaws)


def _misled(each: Followed, log: Log) -> Iterator[str]:
    """What is wrong with what one follower was told."""
    yield from each.flaws
    if each.resets:
        yield f"had to begin anew: {each.resets}"
    if each.last < log.last:
        yield f"came to {each.last} of {log.last}"
    if not log.agrees(each):
        yield f"was not told what the log has, up to {each.last}"


def _differences(cluster: Cluster, measured: list[Measured]) -> Iterator[str]:
    """What is wrong with the tasks, as each server lists them."""
    lists = [get(f"{cluster.url(number)}/tasks?fields={LISTED}")[1] for number in range(len(cluster.ports))]
    if any(each != lists[0] for each in lists):
        yield f"the servers have different tasks: {[len(each) for each in lists]}"
    tasks = {task["task_id"]: task for task in lists[0]}
    names = [task["name"] for task in lists[0]]
    if len(set(names)) != len(names):
        yield f"{len(names) - len(set(names))} tasks were made twice"
    for each in measured:
        wrong = [task for task, message in each.written.messages.items() if tasks[task]["message"] != message]
        if wrong:
            yield f"{each.phase.name}: {len(wrong)} tasks are not as it was answered, {wrong[:5]} first"
        if there := [task for task in each.written.deleted if task in tasks]:
            yield f"{each.phase.name}: {there[:5]} were deleted, and are there"


def _head(cluster: Cluster) -> int:
    return int(in_database(cluster.database, lambda it: it.fetchval("SELECT coalesce(max(seq), 0) FROM events")))


async def _stored(connection: asyncpg.Connection) -> list[tuple[int, bytes]]:
    """All events, in order."""
    rows = await connection.fetch("SELECT seq, body::text FROM events ORDER BY seq")
    return [(seq, body.encode()) for seq, body in rows]
