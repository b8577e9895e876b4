"""A data folder with a month of a busy machine: every second of twenty series, and ten thousand tasks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import history_data
from benchmarks.history_data import DAY
from vain.clock import utc
from vain.store.database import Store
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore
from vain.store.sqlite_engine import SqliteEngine
from vain.store.transaction import Transaction
from vain.types import Outcome, Priority, Resources, Task

KEEP_DAYS = 60
DAYS, TASKS = 30, 10_000
SEED = 5
RUNNING = 8
"""Of the newest tasks, so many still run."""
CHILD_SHARE = 0.25
NAMES = (
    "backup photos",
    "train resnet50",
    "etl orders",
    "encode video",
    "build docs",
    "render scene",
    "sweep",
    "index",
)
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high")
OUTCOMES: dict[Outcome, int] = {
    "succeeded": 88,
    "failed": 6,
    "cancelled": 2,
    "timed-out": 1,
    "crashed": 2,
    "skipped": 1,
}


def make(folder: Path, days: int = DAYS, tasks: int = TASKS) -> float:
    """Fill the empty ``folder`` for a server; returns the Unix time at which the history ends. Half a minute."""
    end = int(time.time()) // 3_600 * 3_600
    store = MetricStore(folder, keep=Keep(raw_seconds=KEEP_DAYS * float(DAY)))
    for t, columns in history_data.days(days, end):
        store.import_rows(t, columns)
    store.close()
    asyncio.run(_save(folder, list(_tasks(end - days * DAY, time.time(), tasks))))
    return float(end)


async def _save(folder: Path, tasks: list[Task]) -> None:
    store = Store(SqliteEngine(folder), lambda _events: None)
    try:
        await store.write(lambda transaction: _save_all(transaction, tasks))
    finally:
        store.close()


def _save_all(transaction: Transaction, tasks: list[Task]) -> None:
    for task in tasks:
        transaction.save(task, None, task.created_at)


def _tasks(begin: float, end: float, count: int) -> Iterator[Task]:
    """In the order of their time, one after the other with pauses of any length; a child begins within its parent."""
    chance = random.Random(SEED)
    moments = sorted(chance.uniform(begin, end) for _ in range(count))
    parent: tuple[int, float, float] | None = None
    for number, moment in enumerate(moments, 1):
        seconds = chance.lognormvariate(5.0, 1.6)
        is_child = parent is not None and chance.random() < CHILD_SHARE and moment < parent[2]
        created = moment
        started = created + chance.expovariate(0.2)
        completed = started + seconds
        yield _task(
            chance,
            number,
            (created, started, completed),
            end,
            number > count - RUNNING,
            parent[0] if parent and is_child else None,
        )
        if not is_child:
            parent = number, created, completed


def _task(
    chance: random.Random, number: int, times: tuple[float, float, float], now: float, runs: bool, parent_id: int | None
) -> Task:
    created, started, completed = times
    runs = runs or completed > now
    outcome = chance.choices(list(OUTCOMES), list(OUTCOMES.values()))[0]
    return Task(
        number,
        f"{chance.choice(NAMES)} {number}",
        "in-progress" if runs else "completed",
        chance.choice(PRIORITIES),
        utc(created),
        tags=["nightly"] if number % 3 == 0 else [],
        progress=chance.uniform(5, 95) if runs else None,
        outcome=None if runs else outcome,
        exit_code=None if runs else int(outcome in ("failed", "crashed")),
        parent_id=parent_id,
        started_at=utc(min(started, now)),
        completed_at=None if runs else utc(completed),
        updated_at=utc(min(started, now) if runs else completed),
        resources=Resources(cpu_seconds=round((completed - started) * chance.random(), 1)),
    )
