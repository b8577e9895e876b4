"""A machine that moves, without a machine: a ``Source`` over a real ``History``, advanced by hand or by a loop."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from tests.views.memory import Memory as Remembered
from vain import clock
from vain.bands import MetricQuery, MetricWindow
from vain.flow.attempts import Attempt, attempts_of
from vain.flow.figures import Visualizations
from vain.flow.trends import MOST_POINTS, PATTERNS
from vain.flow.visualizations import visualizations
from vain.history import Columns, History
from vain.lifecycle import created, patched
from vain.samples import (
    Cpu,
    Disk,
    DiskIo,
    Memory,
    Network,
    NetworkInterface,
    Own,
    Pressure,
    Sample,
    series,
)
from vain.selection import select
from vain.types import Notification, Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.windows import window_of

GIB = 2**30


def sample(t: float, cores: int = 4, host: str = "kestrel", disks: tuple[str, ...] = ("/",)) -> Sample:
    """What a machine with some rhythm shows at Unix second ``t``."""
    each = [50 + 45 * math.sin(t / (7 + core) + core) for core in range(cores)]
    cpu, used = sum(each) / cores, int((5 + math.sin(t / 40)) * GIB)
    fill = [41.0 + 53 * (index > 0) for index in range(len(disks))]
    return Sample(
        cpu_usage=cpu,
        memory_usage=used / GIB / 16 * 100,
        disk_usage=max(fill, default=None),
        uptime=356_000 + t % 10_000,
        timestamp=clock.utc(t),
        host=host,
        period_seconds=1.0,
        cpu=Cpu(
            percent=cpu,
            user_percent=cpu * 0.7,
            system_percent=cpu * 0.25,
            iowait_percent=cpu * 0.05,
            core_percent=list(each),
            cores_logical=cores,
            load_1m=cores * cpu / 100,
            load_5m=1.1,
            load_15m=0.9,
        ),
        memory=Memory(16 * GIB, 16 * GIB - used, used, used / GIB / 16 * 100, 4 * GIB, GIB // 3, 8.3),
        disks=[
            Disk(
                mount,
                f"/dev/vd{index}",
                "ext4",
                100 * GIB,
                int(fill[index] * GIB),
                int((100 - fill[index]) * GIB),
                fill[index],
            )
            for index, mount in enumerate(disks)
        ],
        disk_io=DiskIo(abs(3e6 * math.sin(t / 9)), abs(9e6 * math.cos(t / 13)) ** 0.95, 12, 80),
        network=Network(
            4e5 * (1.1 + math.sin(t / 5)), 9e4 * (1.1 + math.cos(t / 11)), 0, [NetworkInterface("eth0", 4e5, 9e4)]
        ),
        pressure=Pressure(3.2, 0.0, 0.0, 1.1, 0.4),
        own=Own(1.4, 92 * 2**20, 7, 0.004),
    )


class MovingSource:
    """``advance`` makes a sample and tells the subscribers; ``run`` does so every period until cancelled."""

    period_seconds = 1.0

    def __init__(self, rows: int = 0, cores: int = 4, until: float = 1_800_000_000.0, host: str = "kestrel") -> None:
        self.host = host
        self.cores = cores
        self.disks: tuple[str, ...] = ("/",)
        self.history = History()
        self.seq = 0
        self.notices: list[Notification] = []
        self.tasks: dict[int, Task] = {}
        self.subscribers: list[Callable[[], None]] = []
        self.newest: Sample | None = None
        self.memory = Remembered(cores)
        self.queries: list[MetricQuery] = []
        self.delay_seconds = 0.0
        for back in reversed(range(rows)):
            self.append(until - back)

    def append(self, t: float) -> None:
        self.newest = sample(t, self.cores, self.host, self.disks)
        self.history.append(t, series(self.newest))

    def advance(self, t: float) -> None:
        self.append(t)
        self.tell()

    def tell(self) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber()

    async def run(self, now: Callable[[], float]) -> None:
        while True:
            await asyncio.sleep(self.period_seconds)
            self.advance(now())

    def latest(self) -> Sample | None:
        return self.newest

    def columns(self, cursor: int) -> Columns:
        return self.history.since(cursor)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.subscribers.append(callback)
        return lambda: self.subscribers.remove(callback)

    async def notifications(self, limit: int = 50) -> list[Notification]:
        return self.notices[:limit]

    async def read_notification(self, notification_id: int) -> None:
        self.notices = [
            Notification(
                n.notification_id,
                n.timestamp,
                n.kind,
                n.level,
                n.title,
                n.message,
                read=n.read or n.notification_id == notification_id,
            )
            for n in self.notices
        ]
        self.seq += 1

    async def page(self, query: TaskQuery) -> TaskPage:
        return select(self.tasks.values(), query, self.seq)

    async def create(self, draft: TaskDraft) -> Task:
        return self._keep(created(draft, len(self.tasks) + 1, clock.now()))

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        return self._keep(patched(self.tasks[task_id], patch, clock.now()))

    async def delete(self, task_id: int) -> None:
        del self.tasks[task_id]
        self.seq += 1
        self.tell()

    async def window(self, query: MetricQuery) -> MetricWindow:
        self.queries.append(query)
        await asyncio.sleep(self.delay_seconds)
        return await asyncio.to_thread(self.memory.window, query)

    async def extent(self) -> tuple[float, float] | None:
        return None if self.newest is None else (self.memory.begins, clock.unix(self.newest.timestamp))

    async def visualizations(
        self, after: float | None = None, before: float | None = None, timezone: str | None = None
    ) -> Visualizations:
        attempts = attempts_of(_attempt(task) for task in self.tasks.values())
        now = time.time()
        asked = [None if t is None else clock.utc(t) for t in (after, before)]
        window = window_of(*asked, None, timezone, now)
        begin, end = clock.unix(window.after), clock.unix(window.before)
        metrics = self.memory.window(MetricQuery(begin, end, PATTERNS, MOST_POINTS))
        return visualizations(attempts, metrics, now, window)

    def _keep(self, task: Task) -> Task:
        self.tasks[task.task_id] = task
        self.seq += 1
        self.tell()
        return task


def _attempt(task: Task) -> Attempt:
    created, started, completed = (
        None if t is None else round(clock.unix(t) * 1000)
        for t in (task.created_at, task.started_at, task.completed_at)
    )
    return Attempt(task.task_id, task.attempt, task.name, created or 0, started, completed, task.outcome)
