"""When a rule would have fired over what is stored: the samples, and the tasks that ran."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.store.opened import Opened, with_store
from vain.alerting.alert import Firing
from vain.alerting.rule import Rule
from vain.clock import utc
from vain.errors import Invalid
from vain.past import Past
from vain.rehearsal import LONGEST_SECONDS, rehearse
from vain.store.metrics.store import MetricStore
from vain.tracker import Tracker
from vain.types import TaskDraft, TaskPatch

BEGIN = 1_800_000_000.0
BUSY = Rule(name="cpu-busy", metric="cpu.percent", above=90, for_seconds=10)
JOB = Rule(name="job", tasks=["failed", "crashed", "stale"], task="backup")


class World:
    """``seconds`` is the time of day, until it is moved."""

    def __init__(self, made: Opened, metrics: MetricStore) -> None:
        self.store, self.metrics, self.past = made.store, metrics, Past(metrics)
        self.seconds = BEGIN
        self.tracker = Tracker(made.store, lambda: utc(self.seconds))

    def runs(self, percent: float, seconds: int) -> None:
        for _ in range(seconds):
            self.metrics.append(self.seconds, [("cpu.percent", percent), ("disk.percent:/", 50.0)])
            self.seconds += 1

    async def task(self, outcome: str, name: str = "backup", key: str | None = None) -> None:
        made = await self.tracker.create(TaskDraft(name=name, key=key, status="in-progress"))
        self.seconds += 10
        await self.tracker.update(made.task_id, TaskPatch(status="completed", outcome=outcome))  # type: ignore[arg-type]

    async def firings(self, rule: Rule, before: float | None = None) -> list[Firing]:
        for _ in range(1_000):  # until the first samples are on the disk
            if self.metrics.names() or not self.metrics.extent():
                break
            await asyncio.sleep(0.01)
        return (await rehearse(self.store, self.past, rule, BEGIN, before or self.seconds)).firings


def with_world(folder: Path, work: Callable[[World], Awaitable[None]]) -> None:
    async def main(made: Opened) -> None:
        with closing(MetricStore(folder, now=lambda: BEGIN + 3_600, commit_seconds=0.01)) as metrics:
            world = World(made, metrics)
            try:
                await work(world)
            finally:
                await asyncio.to_thread(world.past.close)

    with_store(folder, main)


def test_a_metric_is_judged_as_the_server_would_have(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        for percent, seconds in ((10, 20), (99, 5), (10, 5), (95, 15), (98, 15), (10, 20), (99, 30)):
            world.runs(percent, seconds)
        first, second = await world.firings(BUSY)
        assert first == Firing("cpu-busy", "cpu.percent", BEGIN + 30, BEGIN + 40, BEGIN + 60, 98.0)
        assert (second.since, second.until, second.peak) == (BEGIN + 80, None, 99.0)
        assert await world.firings(replace(BUSY, enabled=False)) == [first, second]
        assert await world.firings(BUSY, before=BEGIN + 50) == [replace(first, until=None, peak=98.0)]

    with_world(tmp_path, work)


def test_the_tasks_that_ran_then_count(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        made = await world.tracker.create(TaskDraft(name="night", key="backup", status="in-progress"))
        world.runs(99, 30)
        await world.tracker.update(made.task_id, TaskPatch(status="completed", outcome="succeeded"))
        world.runs(99, 30)
        assert [each.since for each in await world.firings(BUSY)] == [BEGIN]
        unless = await world.firings(replace(BUSY, unless_task="backup"))
        assert [(each.since, each.until) for each in unless] == [(BEGIN + 30, None)]
        only = await world.firings(replace(BUSY, while_task="night"))
        assert [(each.since, each.until) for each in only] == [(BEGIN, BEGIN + 30)]

    with_world(tmp_path, work)


def test_a_rule_about_tasks_is_judged_by_how_attempts_ended(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        for outcome in ("succeeded", "failed", "crashed", "succeeded", "failed"):
            await world.task(outcome)
        await world.task("failed", name="other")
        await world.task("failed", name="nightly", key="backup")
        found = await world.firings(JOB, before=world.seconds + 1)
        assert [(each.subject, each.since - BEGIN, each.until and each.until - BEGIN) for each in found] == [
            ("backup", 20, 40), ("backup", 50, None),
        ]  # fmt: skip

    with_world(tmp_path, work)


def test_what_was_never_seen_here_never_fired(tmp_path: Path) -> None:
    async def work(world: World) -> None:
        world.runs(99, 30)
        assert await world.firings(replace(BUSY, metric="gpu.percent")) == []
        assert await world.firings(replace(BUSY, metric="disk.percent:/home", above=1)) == []
        assert len(await world.firings(replace(BUSY, metric="disk.percent:/", above=1))) == 1

    with_world(tmp_path, work)


@pytest.mark.parametrize("seconds", [0.0, -1.0, LONGEST_SECONDS + 1])
def test_a_window_that_is_empty_or_too_long_is_refused(tmp_path: Path, seconds: float) -> None:
    async def work(world: World) -> None:
        with pytest.raises(Invalid):
            await world.firings(BUSY, before=BEGIN + seconds)

    with_world(tmp_path, work)
