"""What stands beside an alert: who used most, and where on the timeline that is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.store.opened import Opened, with_store
from vain import context as module
from vain.alerting.alert import Fired
from vain.alerting.rule import Rule
from vain.clock import utc
from vain.context import Context
from vain.explaining import Explaining, Explanation
from vain.past import Past
from vain.spikes import Spikes
from vain.store.metrics.store import MetricStore
from vain.tracker import Tracker
from vain.types import TaskDraft

BEGIN = 1_800_000_000.0
URL = f"/?after={BEGIN - 900:.0f}&before={BEGIN + 400:.0f}&from={BEGIN:.0f}&to={BEGIN + 100:.0f}"
RULE = Rule(name="cpu-busy", metric="cpu.percent", above=90)
FIRED = Fired(RULE, "cpu.percent", 99.0, 90.0, BEGIN, 100.0)


def with_spikes(folder: Path, work: Callable[[Spikes, Tracker, MetricStore], Awaitable[None]]) -> None:
    async def main(made: Opened) -> None:
        with closing(MetricStore(folder, now=lambda: BEGIN + 200)) as metrics:
            past = Past(metrics)
            try:
                spikes = Spikes(made.store, past, lambda: 4, now=lambda: BEGIN + 100)
                await work(spikes, Tracker(made.store, lambda: utc(BEGIN)), metrics)
            finally:
                await asyncio.to_thread(past.close)

    with_store(folder, main)


def test_tasks_and_their_shares_are_told_with_the_moment(tmp_path: Path) -> None:
    async def work(spikes: Spikes, tracker: Tracker, metrics: MetricStore) -> None:
        names = [f"job {number}" for number in range(7)]
        made = [await tracker.create(TaskDraft(name=name, status="in-progress")) for name in names]
        for second in range(100):
            metrics.append(BEGIN + second, [("cpu.percent", 99.0)])
        seen = await Context(spikes.explain)(FIRED)
        assert seen.url == URL
        assert len(seen.shares) == 5 and {each.name for each in seen.shares} < set(names)
        assert {each.task_id for each in seen.shares} < {each.task_id for each in made}
        assert {each.share for each in seen.shares} == {None}

    with_spikes(tmp_path, work)


def test_whoever_does_not_answer_in_time_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.05)

    async def work(spikes: Spikes, tracker: Tracker, metrics: MetricStore) -> None:
        class Slow(Spikes):
            async def explain(self, asked: Explaining) -> Explanation:
                await asyncio.sleep(60)
                raise AssertionError("It was waited for")

        spikes.__class__ = Slow
        seen = await Context(spikes.explain)(FIRED)
        assert (seen.shares, seen.processes, seen.url) == ([], [], URL)

    with_spikes(tmp_path, work)


def test_a_metric_that_nobody_has_a_share_of_has_its_moment_all_the_same(tmp_path: Path) -> None:
    async def work(spikes: Spikes, tracker: Tracker, metrics: MetricStore) -> None:
        rule = Rule(name="queue", metric="tasks.pending", above=10)
        seen = await Context(spikes.explain)(Fired(rule, "tasks.pending", 11.0, 10.0, BEGIN, 100.0))
        assert (seen.shares, seen.url) == ([], URL)

    with_spikes(tmp_path, work)
