"""What the server watches over, on a store, with clocks that a test moves."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.store.opened import Opened, with_store
from vain.accounting import Look, Watched
from vain.clock import utc
from vain.codec import decode
from vain.errors import Unavailable
from vain.marks import ServerMarks
from vain.samples import Attribution
from vain.tracker import Tracker
from vain.types import Task, TaskDraft, TaskPatch, TaskSource
from vain.vigil import FIRST_COSTS_SECONDS, SAVE_COSTS_SECONDS, Vigil
from vain.watch import Watch

T0 = 1_800_000_000.0
HERE = TaskSource(host="here", pid=12, kind="python")


class NoTrees:
    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        return [Look(key=each.key, alive=True, cpu_seconds=2.0) for each in watched], None

    def busiest(self) -> None: ...

    def take_strangers(self) -> None: ...

    def close(self) -> None: ...


class Bench:
    """A vigil whose clocks go together."""

    def __init__(self, made: Opened, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.opened = made
        self.watch = Watch(NoTrees(), "here", None, lambda *run: None, lambda: self.seconds)
        self.tracker = Tracker(made.store, lambda: utc(T0 + self.seconds), ServerMarks(self.watch.costs))
        self.vigil = Vigil(self.tracker, self.watch, lambda: self.seconds, lambda: T0 + self.seconds)

    async def make(self, **fields: Any) -> int:
        made = await self.tracker.create(TaskDraft(**{"name": "x", "status": "in-progress", **fields}))
        return made.task_id

    async def task(self, number: int) -> Task:
        return decode(Task, (await self.tracker.get(number)).body)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.seconds += 1
            await self.vigil.sweep()

    def kinds(self) -> list[str]:
        told = (json.loads(event.body) for event in self.opened.published if event.type == "notification")
        return [notice["kind"] for notice in told]


def on_bench(folder: Path, work: Callable[[Bench], Awaitable[None]], seconds: float = 0.0) -> None:
    async def main(made: Opened) -> None:
        bench = Bench(made, seconds)
        await bench.vigil.start()
        await work(bench)
        await bench.vigil.close()

    with_store(folder, main)


def test_a_broken_promise_is_marked_and_told_and_taken_back_by_a_report(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(expect_next_in=60)
        await bench.pass_time(89)
        assert not (await bench.task(number)).stale
        await bench.pass_time(3)
        stale = await bench.task(number)
        assert stale.stale and stale.status == "in-progress" and bench.kinds() == ["task.stale"]
        await bench.tracker.update(number, TaskPatch(progress=10))
        await bench.pass_time(1)
        assert not (await bench.task(number)).stale and bench.kinds() == ["task.stale", "task.recovered"]

    on_bench(tmp_path, work)


def test_a_task_without_a_promise_may_be_silent_for_ever(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make()
        await bench.pass_time(3_000)
        assert not (await bench.task(number)).stale and bench.kinds() == []

    on_bench(tmp_path, work)


def test_beats_keep_a_task_alive_and_their_end_is_noticed(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make()
        bench.vigil.expect_beats(number, 15.0)
        for _ in range(20):
            await bench.pass_time(15)
            assert bench.vigil.beat([number, 99]) == [99]
        assert not (await bench.task(number)).stale
        version = (await bench.task(number)).version
        await bench.pass_time(80)
        assert (await bench.task(number)).stale
        bench.vigil.beat([number])
        await bench.pass_time(1)
        task = await bench.task(number)
        assert not task.stale and task.version > version

    on_bench(tmp_path, work)


def test_nothing_turns_stale_after_a_restart_before_its_full_grace(tmp_path: Path) -> None:
    numbers: list[int] = []

    async def first(bench: Bench) -> None:
        numbers.append(await bench.make(expect_next_in=60, source=HERE))
        await bench.pass_time(50)

    async def second(bench: Bench) -> None:
        await bench.pass_time(60)
        assert not (await bench.task(numbers[0])).stale
        await bench.pass_time(60)
        assert (await bench.task(numbers[0])).stale

    on_bench(tmp_path, first)
    on_bench(tmp_path, second, seconds=100_000.0)


def test_nothing_turns_stale_when_the_server_itself_stood_still(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(expect_next_in=60)
        bench.seconds += 10_000
        await bench.vigil.sweep()
        await bench.pass_time(60)
        assert not (await bench.task(number)).stale
        bench.vigil.resumed()
        await bench.pass_time(60)
        assert not (await bench.task(number)).stale

    on_bench(tmp_path, work)


def test_a_vanished_process_ends_its_task_once_and_never_a_later_attempt(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(source=HERE)
        bench.vigil.gone(number, 1, "python")
        await bench.vigil.close()
        assert (await bench.task(number)).outcome == "crashed" and bench.kinds() == ["task.crashed"]
        await bench.tracker.update(number, TaskPatch(status="in-progress"))
        bench.vigil.gone(number, 1, "python")
        await bench.vigil.close()
        assert (await bench.task(number)).status == "in-progress"

    on_bench(tmp_path, work)


def test_a_process_that_was_only_watched_ends_without_a_verdict(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(source=HERE)
        bench.vigil.gone(number, 1, "attached")
        await bench.vigil.close()
        task = await bench.task(number)
        assert task.status == "completed" and task.exit_code is None and "not known" in task.message
        seen = await bench.make(source=HERE)
        bench.vigil.gone(seen, 1, "attached", 137)
        await bench.vigil.close()
        assert ((await bench.task(seen)).outcome, (await bench.task(seen)).exit_code) == ("failed", 137)

    on_bench(tmp_path, work)


def test_longer_than_usual_is_told_once_and_only_with_enough_runs(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        for runs, told in ((19, []), (1, ["task.longer"])):
            for _ in range(runs):
                number = await bench.make(name="etl")
                bench.seconds += 10
                await bench.tracker.update(number, TaskPatch(status="completed"))
            bench.opened.published.clear()
            await bench.make(name="etl")
            await bench.pass_time(60)
            assert bench.kinds() == told

    on_bench(tmp_path, work)


def test_costs_are_stored_now_and_then_and_with_each_change(tmp_path: Path) -> None:
    from tests.test_watch import SAMPLE

    async def work(bench: Bench) -> None:
        number = await bench.make(source=HERE)
        bench.watch.look(SAMPLE)
        await bench.pass_time(FIRST_COSTS_SECONDS - 1)
        assert (await bench.task(number)).resources is None
        await bench.pass_time(2)
        task = await bench.task(number)
        assert task.resources is not None and task.resources.cpu_seconds == 2.0 and task.version == 2
        await bench.pass_time(SAVE_COSTS_SECONDS + 2)
        assert (await bench.task(number)).version == 2, "what did not change is not written again"

    on_bench(tmp_path, work)


def test_an_eta_is_a_range_and_goes_with_the_end(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(total=100)
        for current in range(1, 21):
            bench.seconds += 2
            await bench.tracker.update(number, TaskPatch(current=current))
        eta = (await bench.task(number)).eta
        assert eta is not None and eta.basis == "progress" and eta.low < eta.high
        assert eta.low <= utc(T0 + bench.seconds + 160) <= eta.high
        await bench.tracker.update(number, TaskPatch(status="completed"))
        assert (await bench.task(number)).eta is None

    on_bench(tmp_path, work)


def test_what_the_store_refuses_is_tried_again(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        numbers = [await bench.make(expect_next_in=60) for _ in range(2)]
        whole, bench.tracker.mark = bench.tracker.mark, refused  # type: ignore[method-assign]
        await bench.pass_time(90)
        bench.seconds += 1
        with pytest.raises(Unavailable):
            await bench.vigil.sweep()
        bench.tracker.mark = whole  # type: ignore[method-assign]
        await bench.pass_time(1)
        assert [(await bench.task(number)).stale for number in numbers] == [True, True]

    on_bench(tmp_path, work)


def test_that_a_run_is_long_is_told_though_the_store_refused_once(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        for _ in range(20):
            number = await bench.make(name="etl")
            bench.seconds += 1
            await bench.tracker.update(number, TaskPatch(status="completed"))
        bench.opened.published.clear()
        await bench.make(name="etl")
        whole, bench.tracker.mark = bench.tracker.mark, refused  # type: ignore[method-assign]
        bench.seconds += 3
        with pytest.raises(Unavailable):
            await bench.vigil.sweep()
        bench.tracker.mark = whole  # type: ignore[method-assign]
        await bench.pass_time(3)
        assert bench.kinds() == ["task.longer"]

    on_bench(tmp_path, work)


def test_a_person_who_sorts_the_board_does_not_speak_for_the_work(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make(expect_next_in=60)
        await bench.pass_time(92)
        await bench.tracker.update(number, TaskPatch(priority="high", tags=["night"]))
        await bench.pass_time(1)
        assert (await bench.task(number)).stale and bench.kinds() == ["task.stale"]

    on_bench(tmp_path, work)


def test_nothing_is_kept_of_a_task_that_ends_while_it_is_asked_about(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        number = await bench.make()
        asked = bench.tracker.durations

        async def durations(task: Task, limit: int) -> list[float]:
            await bench.tracker.update(number, TaskPatch(status="completed"))
            return await asked(task, limit)

        bench.tracker.durations = durations  # type: ignore[method-assign]
        await bench.pass_time(1)
        assert bench.vigil._durations == {}

    on_bench(tmp_path, work)


async def refused(*_: Any, **__: Any) -> bool:
    raise Unavailable("The disk fails.")
