"""Pings on a store: the tasks that they make, and the jobs that do not come."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.store.opened import Opened, with_store
from vain.clock import utc
from vain.costs import Cost
from vain.marks import ServerMarks
from vain.pinging import Pinging
from vain.pings import parse_ping
from vain.tracker import Tracker
from vain.types import Resources, TaskDraft

T0 = 1_800_000_000.0


class Bench:
    def __init__(self, made: Opened, seconds: float) -> None:
        self.now = T0 + seconds
        self.opened = made
        self.costs: dict[int, Cost] = {}
        marks = ServerMarks(self.costs)
        self.tracker = Tracker(made.store, lambda: utc(self.now), marks)
        self.pinging = Pinging(made.store, self.tracker, lambda: self.now, marks)

    async def ping(self, word: str | None = None, log: bytes = b"", **query: str) -> int:
        return (await self.pinging.take(parse_ping("backup", word, query), log)).task_id

    async def pass_time(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 5)
            await self.pinging.sweep()

    def told(self) -> list[tuple[str, int | None]]:
        events = (json.loads(event.body) for event in self.opened.published if event.type == "notification")
        return [(notice["kind"], notice["task_id"]) for notice in events if notice["kind"] != "task.completed"]


def on_bench(folder: Path, work: Callable[[Bench], Awaitable[None]], seconds: float = 0.0) -> None:
    async def main(made: Opened) -> None:
        bench = Bench(made, seconds)
        await bench.pinging.start()
        await work(bench)

    with_store(folder, main)


def test_a_job_that_does_not_come_is_told_once_and_its_return_too(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        first = await bench.ping("0", every="1h", grace="5m")
        await bench.pass_time(3_900)
        assert bench.told() == []
        await bench.pass_time(1)
        await bench.pass_time(10_000)
        assert bench.told() == [("task.missed", first)]
        second = await bench.ping("0")
        assert bench.told() == [("task.missed", first), ("task.recovered", second)]
        await bench.pass_time(3_901)
        assert bench.told()[2:] == [("task.missed", second)], "the interval is remembered"

    on_bench(tmp_path, work)


def test_a_restart_forgets_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        await bench.ping("0", every="1h", grace="5m")

    async def second(bench: Bench) -> None:
        await bench.pass_time(1_901)
        assert bench.told() == [("task.missed", 1)]

    async def third(bench: Bench) -> None:
        await bench.pass_time(10_000)
        assert bench.told() == []

    for work, seconds in ((first, 0.0), (second, 2_000.0), (third, 5_000.0)):
        on_bench(tmp_path, work, seconds)


def test_a_ping_that_came_while_nobody_listened_is_not_missed(tmp_path: Path) -> None:
    async def first(bench: Bench) -> None:
        await bench.ping("0", every="1h", grace="5m")

    async def second(bench: Bench) -> None:
        await bench.pass_time(10)
        assert bench.told() == []
        await bench.pass_time(3_900)
        assert bench.told() == [("task.missed", 1)]

    on_bench(tmp_path, first)
    on_bench(tmp_path, second, 50_000.0)


def test_pings_of_one_job_are_one_task_until_it_ends(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        numbers = [await bench.ping("start"), await bench.ping("log", b"x"), await bench.ping("1"), await bench.ping()]
        assert numbers == [1, 1, 1, 2]

    on_bench(tmp_path, work)


def test_a_job_is_not_missed_because_the_machine_slept(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        await bench.ping("0", every="1h", grace="5m")
        await bench.pass_time(1_800)
        bench.now += 20_000
        await bench.pinging.sweep()
        await bench.pass_time(60)
        assert bench.told() == []
        await bench.pass_time(3_900)
        assert bench.told() == [("task.missed", 1)]

    on_bench(tmp_path, work)


def test_a_job_that_reports_by_pings_has_an_eta_from_its_earlier_runs(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(5):
            await bench.ping("start")
            await bench.pass_time(60)
            await bench.ping("0")
        task = await bench.pinging.take(parse_ping("backup", "start", {}), b"")
        assert task.eta is not None and task.eta.basis == "5 earlier runs"
        task = await bench.pinging.take(parse_ping("backup", "0", {}), b"")
        assert task.eta is None

    on_bench(tmp_path, work)


def test_a_ping_that_ends_a_task_keeps_what_it_has_cost(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        made = await bench.tracker.create(TaskDraft(name="x", key="backup", status="in-progress"))
        bench.costs[made.task_id] = Cost(1, Resources(cpu_seconds=5.0))
        task = await bench.pinging.take(parse_ping("backup", "0", {}), b"")
        assert task.task_id == made.task_id and task.resources == Resources(cpu_seconds=5.0)

    on_bench(tmp_path, work)


def test_output_after_the_end_belongs_to_the_run_that_ended(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        assert [await bench.ping("0"), await bench.ping("log", b"late"), await bench.ping("start")] == [1, 1, 2]

    on_bench(tmp_path, work)


def test_nothing_is_missed_of_a_job_that_was_called_off(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        await bench.ping("0", every="1h")
        await bench.ping("0", every="0")
        await bench.pass_time(100_000)
        assert bench.told() == []

    on_bench(tmp_path, work)
