"""Rules about tasks, from the watch, the tracker and the pings into a real store: told once, and once when over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from functools import partial
from math import inf
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.opened import Opened, with_store
from vain.accounting import Look, Watched
from vain.alerting.alert import Judging
from vain.alerting.rule import Rule, TaskEvent
from vain.clock import unix, utc
from vain.costs import Cost
from vain.marks import ServerMarks
from vain.past import Past
from vain.pinging import Pinging
from vain.pings import parse_ping
from vain.rehearsal import rehearse
from vain.samples import Attribution
from vain.store.firings import firings
from vain.store.metrics.store import MetricStore
from vain.tracker import Tracker
from vain.types import Outcome, Resources, TaskDraft, TaskPatch
from vain.vigil import Vigil
from vain.watch import Watch

T0 = 1_800_000_000.0


class NoTrees:
    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        return [Look(key=each.key, alive=True, cpu_seconds=2.0) for each in watched], None

    def busiest(self) -> None: ...

    def take_strangers(self) -> None: ...

    def close(self) -> None: ...


class Bench:
    """All that changes tasks, with clocks that go together."""

    def __init__(self, made: Opened, rules: Sequence[Rule]) -> None:
        self.now, self.opened = T0, made
        self.costs: dict[int, Cost] = {}
        marks = ServerMarks(self.costs)
        self.tracker = Tracker(made.store, lambda: utc(self.now), marks)
        self.watch = Watch(NoTrees(), "here", None, lambda *run: None, lambda: self.now)
        self.vigil = Vigil(self.tracker, self.watch, lambda: self.now, lambda: self.now)
        self.pinging = Pinging(made.store, self.tracker, lambda: self.now, marks)
        made.store.judge_by(Judging(tuple(rules)))

    async def begin(self, name: str = "etl", **fields: Any) -> int:
        return (await self.tracker.create(TaskDraft(**{"name": name, "status": "in-progress", **fields}))).task_id

    async def end(self, number: int, outcome: Outcome = "succeeded") -> None:
        await self.tracker.update(number, TaskPatch(status="completed", outcome=outcome))

    async def run(self, seconds: float, outcome: Outcome = "succeeded", cpu_seconds: float | None = None) -> int:
        number = await self.begin()
        if cpu_seconds is not None:
            self.costs[number] = Cost(1, Resources(cpu_seconds=cpu_seconds))
        self.now += seconds
        await self.end(number, outcome)
        return number

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1
            await self.tracker.sweep()
            await self.vigil.sweep()
            await self.pinging.sweep()

    async def ping(self, word: str | None = None, **query: str) -> None:
        await self.pinging.take(parse_ping("backup", word, query), b"")

    def told(self) -> list[str]:
        """What was told but that a run went well; in brackets what is quiet."""
        events = (json.loads(event.body) for event in self.opened.published if event.type == "notification")
        kept = [each for each in events if each["kind"] != "task.completed"]
        return [f"({each['kind']})" if each["quiet"] else each["kind"] for each in kept]

    def last(self) -> dict[str, Any]:
        events = [json.loads(event.body) for event in self.opened.published if event.type == "notification"]
        found: dict[str, Any] = next(each for each in reversed(events) if each.get("rule"))
        return found


def on_bench(folder: Path, work: Callable[[Bench], Awaitable[None]], *rules: Rule) -> None:
    async def main(made: Opened) -> None:
        bench = Bench(made, rules)
        await bench.vigil.start()
        await bench.pinging.start()
        await work(bench)
        await bench.vigil.close()
        await rehearsed_as_it_was(folder, bench, rules)

    with_store(folder, main)


async def rehearsed_as_it_was(folder: Path, bench: Bench, rules: Sequence[Rule]) -> None:
    """When each rule would have fired, by what is stored, is when it fired."""
    begin, end, store = T0 - 1, bench.now + 1, bench.opened.store
    told = await store.read(partial(firings, after=utc(begin), before=utc(end), limit=1_000))
    with closing(MetricStore(folder)) as metrics:
        past = Past(metrics)
        try:
            for rule in rules:
                found = (await rehearse(store, past, rule, begin, end)).firings
                fired = [each for each in told if each.rule == rule.name]
                was = sorted((unix(each.since), inf if each.until is None else unix(each.until)) for each in fired)
                would_be = sorted((each.since, inf if each.until is None else each.until) for each in found)
                assert len(would_be) == len(was), rule.name
                for (began, ended), (since, until) in zip(would_be, was, strict=True):
                    # The server looks once a second; that something is due later is known when it is late again.
                    assert abs(began - since) <= 1 and (ended == until or "overdue" in rule.tasks), rule.name
        finally:
            await asyncio.to_thread(past.close)


def about(*events: TaskEvent, **fields: Any) -> Rule:
    return Rule(name="r", tasks=list(events), **fields)


def test_a_task_that_falls_silent_is_told_by_its_rule_until_it_is_heard(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.begin(expect_next_in=60)
        await bench.pass_time(95)
        assert bench.told() == ["(task.stale)", "rule.fired"] and bench.last()["task_id"] == number
        await bench.tracker.update(number, TaskPatch(progress=10))
        await bench.pass_time(1)
        assert sorted(bench.told()[2:]) == ["rule.cleared", "task.recovered"]
        await bench.pass_time(95)
        assert bench.told()[4:] == ["(task.stale)", "rule.fired"]
        await bench.end(number)
        assert bench.told()[6:] == ["rule.cleared"]

    on_bench(tmp_path, work, about("stale"))


def test_a_task_that_is_overdue_is_told_until_it_ends_or_is_due_later(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.begin(due_at=utc(T0 + 10))
        await bench.pass_time(12)
        assert bench.told() == ["(task.overdue)", "rule.fired"]
        await bench.tracker.update(number, TaskPatch(due_at=utc(T0 + 20)))
        assert bench.told()[2:] == ["rule.cleared"]
        await bench.pass_time(12)
        assert bench.told()[3:] == ["(task.overdue)", "rule.fired"]
        await bench.end(number, "failed")
        assert sorted(bench.told()[5:]) == ["rule.cleared", "task.failed"]

    on_bench(tmp_path, work, about("overdue"))


def test_a_task_that_runs_longer_than_usual_is_told_until_it_ends(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(20):
            await bench.run(100)
        number = await bench.begin()
        await bench.pass_time(99)
        assert bench.told() == []
        await bench.pass_time(20)
        assert bench.told() == ["(task.longer)", "rule.fired"]
        await bench.end(number, "cancelled")
        assert sorted(bench.told()[2:]) == ["rule.cleared", "task.cancelled"]

    on_bench(tmp_path, work, about("longer"))


def test_a_job_that_does_not_come_is_told_until_it_comes(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        await bench.ping("0", every="1m", grace="1m")
        await bench.pass_time(121)
        assert bench.told() == ["(task.missed)", "rule.fired"]
        await bench.pass_time(300)
        assert len(bench.told()) == 2
        await bench.ping("0")
        assert sorted(bench.told()[2:]) == ["rule.cleared", "task.recovered"]
        assert bench.last()["duration_seconds"] == 300

    on_bench(tmp_path, work, about("missed", task="backup"))


@pytest.mark.parametrize(("event", "seconds", "cpu"), [("shorter", 5, 10.0), ("costlier", 100, 50.0)])
def test_a_run_that_was_unlike_the_others_is_told_until_one_is_like_them(
    tmp_path: Path, event: TaskEvent, seconds: float, cpu: float
) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(40):
            await bench.run(100, cpu_seconds=10.0)
        await bench.run(seconds, cpu_seconds=cpu)
        assert bench.told() == [f"(task.{event})", "rule.fired"]
        await bench.run(seconds, cpu_seconds=cpu)
        assert bench.told()[2:] == [f"(task.{event})"]
        await bench.run(100, "failed", cpu_seconds=10.0)
        assert bench.told()[3:] == ["task.failed"]
        await bench.run(100, cpu_seconds=10.0)
        assert bench.told()[4:] == ["rule.cleared"]

    on_bench(tmp_path, work, about(event))


def test_what_was_unlike_the_others_is_no_news_without_a_rule(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(30):
            await bench.run(100, cpu_seconds=10.0)
        await bench.run(5, cpu_seconds=50.0)
        assert bench.told() == []

    on_bench(tmp_path, work, about("failed"))


def test_the_end_of_the_task_is_the_end_of_the_alert_when_it_is_deleted(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        first, second = await bench.run(10, "failed"), await bench.run(10, "failed")
        assert bench.told() == ["(task.failed)", "rule.fired", "(task.failed)"]
        await bench.tracker.delete(second)
        assert len(bench.told()) == 3, "the alert is about the first"
        await bench.tracker.delete(first)
        assert bench.told()[3:] == ["rule.cleared"]

    on_bench(tmp_path, work, about("failed"))


def test_while_a_task_runs_that_excuses_it_it_is_told_as_without_a_rule(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.begin("deploy")
        await bench.run(10, "failed")
        assert bench.told() == ["task.failed"]
        bench.now += 1
        await bench.end(number)
        await bench.run(10, "failed")
        assert bench.told()[1:] == ["(task.failed)", "rule.fired"]
        bench.now += 1
        await bench.begin("deploy")
        await bench.run(10, "failed")
        assert bench.told()[3:] == ["(task.failed)"], "what fires already goes on"
        await bench.run(10)
        assert bench.told()[4:] == ["rule.cleared"]

    on_bench(tmp_path, work, about("failed", unless_task="deploy"))


def test_two_rules_about_one_failure_are_two_alerts_of_one_subject(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        await bench.run(10, "failed")
        assert bench.told() == ["(task.failed)", "rule.fired", "rule.fired"]
        await bench.run(10)
        assert bench.told()[3:] == ["rule.cleared", "rule.cleared"]

    on_bench(tmp_path, work, about("failed"), replace(about("failed", "crashed"), name="second"))


def test_failures_that_come_in_one_commit_are_one_alert(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        numbers = [await bench.begin() for _ in range(20)]
        await asyncio.gather(*(bench.end(number, "failed") for number in numbers))
        assert sorted(bench.told()) == ["(task.failed)"] * 20 + ["rule.fired"]

    on_bench(tmp_path, work, about("failed"))
