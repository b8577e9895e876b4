"""What the machine in the pictures did before they were taken: a month of tasks, a day of history with a gap in it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from benchmarks import history_data
from vain.clock import utc
from vain.store.database import Store
from vain.store.metrics.store import MetricStore
from vain.store.sqlite_engine import SqliteEngine
from vain.store.transaction import Transaction
from vain.types import Outcome, Priority, Resources, Task, TaskError

DAYS, TASK_DAYS = 1, 28
GAP_BEGAN_SECONDS, GAP_ENDED_SECONDS = 200, 155
"""Before the pictures: vAIn was stopped in between."""
MEBIBYTE = 1 << 20


class Job(NamedTuple):
    """Something that runs again and again. ``spread``: how different its runs are; ``bad``: the share that fails."""

    name: str
    key: str
    every_hours: float
    minutes: float
    tags: tuple[str, ...]
    priority: Priority = "medium"
    spread: float = 0.15
    bad: float = 0.03
    cores: float = 0.6
    memory_mib: float = 700.0


JOBS = (
    Job("backup photos", "backup-photos", 24, 14, ("backup", "nightly"), "low", bad=0.08, cores=0.2, memory_mib=180),
    Job("etl orders", "etl-orders", 6, 9, ("etl",), cores=1.3, memory_mib=2_400),
    Job("train resnet50 on imagenet", "train-resnet50", 52, 150, ("gpu", "train"), "high", bad=0.1, cores=1.7),
    Job("evaluate resnet50", "evaluate-resnet50", 52, 12, ("gpu",), cores=0.9),
    Job("encode lecture video", "encode-video", 31, 38, ("media",), cores=1.9, memory_mib=900),
    Job("build docs", "build-docs", 9, 2, ("ci",), bad=0.1, cores=1.1),
)
WRONG = TaskError("OSError", "[Errno 28] No space left on device: '/mnt/backup/2026/photos.tar'")


def fill(folder: Path, now: float) -> None:
    """Fill the empty ``folder``, up to ``now`` (Unix seconds)."""
    store = MetricStore(folder)
    for t, columns in history_data.days(DAYS, int(now)):
        ages = now - t / 1000
        keep = ~((ages < GAP_BEGAN_SECONDS) & (ages > GAP_ENDED_SECONDS))
        known = {name: column[keep] for name, column in columns.items() if name != history_data.NOISE}
        _calm(known, np.asarray(ages[keep]))
        store.import_rows(t[keep], known)
    store.close()
    asyncio.run(_save(folder, sorted(_tasks(now), key=lambda task: task.created_at)))


def _calm(columns: dict[str, history_data.Floats], ages: np.ndarray) -> None:
    """The last half hour belongs to the tasks of the pictures: their load is theirs, and no other is."""
    for name in [name for name in columns if name.startswith("cpu.")]:
        columns[name] = np.where(ages < 1_800, np.minimum(columns[name], 9 + 3 * np.sin(ages / 7)), columns[name])
    for begin, end, percent in ((760, 690, 97.0), (330, 220, 52.0), (130, 40, 64.0)):
        busy = (ages < begin) & (ages > end)
        columns["cpu.percent"] = np.where(busy, percent + 2 * np.sin(ages * 1.7), columns["cpu.percent"])


async def _save(folder: Path, tasks: list[Task]) -> None:
    store = Store(SqliteEngine(folder), lambda _events: None)
    try:
        await store.write(lambda transaction: _save_all(transaction, tasks))
    finally:
        store.close()


def _save_all(transaction: Transaction, tasks: list[Task]) -> None:
    for task in tasks:
        transaction.save(_numbered(task, transaction.next_task_id()), None, task.created_at)


def _numbered(task: Task, task_id: int) -> Task:
    return replace(task, task_id=task_id)


def _tasks(now: float) -> Iterator[Task]:
    chance = random.Random(3)
    for job in JOBS:
        began = now - TASK_DAYS * 86_400 + chance.uniform(0, job.every_hours * 3_600)
        while began < now - 3_600 - job.minutes * 60:
            yield _run(chance, job, began, job.minutes * 60 * chance.lognormvariate(0, job.spread))
            began += job.every_hours * 3_600 + chance.uniform(0, 900)
    by_key = {job.key: job for job in JOBS}
    for key, age, seconds in (
        ("build-docs", 330, 110.0),
        ("etl-orders", 760, 70.0),
        ("evaluate-resnet50", 130, 90.0),
        ("backup-photos", 1_700, 640.0),
    ):
        yield _run(chance, by_key[key]._replace(bad=0), now - age, seconds)
    yield Task(0, "clean scratch disk", "pending", "low", utc(now - 2_400), tags=["upkeep"])
    yield Task(0, "write the report", "pending", "high", utc(now - 8_000), due_at=utc(now - 600))


def _run(chance: random.Random, job: Job, began: float, seconds: float) -> Task:
    is_bad = chance.random() < job.bad
    outcome: Outcome = "failed" if is_bad else "succeeded"
    ended = began + seconds * (chance.uniform(0.2, 0.9) if is_bad else 1)
    memory = round(job.memory_mib * MEBIBYTE * chance.uniform(0.9, 1.1))
    return Task(
        0,
        job.name,
        "completed",
        job.priority,
        utc(began - chance.uniform(1, 20)),
        tags=list(job.tags),
        key=job.key,
        outcome=outcome,
        exit_code=1 if is_bad else 0,
        error=WRONG if is_bad else None,
        message="no space left on the device" if is_bad else "",
        started_at=utc(began),
        completed_at=utc(ended),
        updated_at=utc(ended),
        resources=Resources(
            cpu_seconds=round((ended - began) * job.cores * chance.uniform(0.9, 1.1), 1), rss_peak_bytes=memory
        ),
    )
