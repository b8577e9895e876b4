"""What did that? Out of a real store of tasks and a real history."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.engines import engine, sqlite_only
from vain.busiest import Process
from vain.clock import utc
from vain.errors import Malformed
from vain.explaining import Explaining
from vain.past import Past
from vain.spikes import MOST_READ, Spikes
from vain.store import ran_queries
from vain.store.database import Store
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore
from vain.store.ran import ran_between
from vain.tracker import Tracker
from vain.types import Resources, TaskDraft, TaskPatch, TaskSource

T0 = 1_789_992_000.0


class Parts:
    """A server's stores; the tracker's clock is set by the test."""

    def __init__(self, folder: Path) -> None:
        self.now = T0
        self.store = Store(engine(folder), lambda events: None)
        self.metrics = MetricStore(folder, keep=Keep(None, None, None), now=lambda: self.now)
        self.past = Past(self.metrics)
        self.tracker = Tracker(self.store, lambda: utc(self.now))
        self.spikes = Spikes(self.store, self.past, lambda: 2, now=lambda: self.now)

    async def start(self, name: str, at: float = 0.0, **fields: Any) -> int:
        """A task of this machine that begins so many seconds after ``T0``."""
        self.now = T0 + at
        source = TaskSource(host="here", pid=1_000 + int(at))
        made = await self.tracker.create(TaskDraft(name=name, status="in-progress", source=source, **fields))
        return made.task_id

    async def end(self, task_id: int, at: float) -> None:
        self.now = T0 + at
        await self.tracker.update(task_id, TaskPatch(status="completed"))

    def sample(self, begin: int, end: int, cpu: dict[int, float], processes: Sequence[Process] = ()) -> None:
        """One sample a second in which one of two cores was busy, and a look every five seconds."""
        for second in range(begin, end):
            used = {task: {"task.cpu_percent": each, "task.memory_bytes": 1e6} for task, each in cpu.items()}
            look = processes if second % 5 == 0 else None
            self.metrics.append(T0 + second, [("cpu.percent", 50.0), ("load.1m", 1.0)], tasks=used, processes=look)
        self.metrics.flush()
        self.now = T0 + end

    async def explain(self, after: float, before: float, metric: str = "cpu.percent") -> Any:
        return await self.spikes.explain(Explaining(T0 + after, T0 + before, metric))


@asynccontextmanager
async def parts_in(folder: Path) -> AsyncIterator[Parts]:
    parts = Parts(folder)
    try:
        yield parts
    finally:
        parts.past.close()
        parts.metrics.close()
        parts.store.close()


def with_parts(folder: Path, work: Callable[[Parts], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with parts_in(folder) as parts:
            return await work(parts)

    return asyncio.run(main())


def test_tasks_and_processes_of_a_window_are_found(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        one, other = await parts.start("train", 0), await parts.start("idle", 10)
        parts.sample(60, 160, {one: 90.0, other: 1.0}, [Process(1000, "python3", one, 88.0, 1 << 20, None)])
        return one, other, await parts.explain(100, 160)

    one, other, answer = with_parts(tmp_path, work)
    assert [(task.task_id, task.name, task.share) for task in answer.tasks] == [
        (one, "train", 0.9),
        (other, "idle", 0.01),
    ]
    assert (answer.window.after, answer.window.before) == (T0 + 100, T0 + 160)
    assert (answer.baseline.after, answer.baseline.before) == (T0 + 40, T0 + 100)
    assert [(each.pid, each.name, each.task_id, each.share) for each in answer.processes] == [
        (1000, "python3", one, 0.88)
    ]
    assert answer.notes == []


def test_only_tasks_that_ran_in_the_window_are_told_of(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        over, late = await parts.start("over", 0), await parts.start("late", 200)
        deleted, there = await parts.start("deleted", 20), await parts.start("there", 30)
        await parts.end(over, 50)
        parts.now = T0 + 130
        await parts.tracker.delete(deleted)
        await parts.tracker.create(TaskDraft(name="never begun"))
        parts.sample(100, 260, {there: 10.0})
        return late, [(task.name, task.status) for task in (await parts.explain(100, 150)).tasks]

    _, found = with_parts(tmp_path, work)
    assert found == [("there", "in-progress"), ("deleted", None)]


def test_a_reopened_task_is_one(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        task = await parts.start("twice", 0)
        await parts.end(task, 50)
        parts.now = T0 + 70
        await parts.tracker.update(task, TaskPatch(status="in-progress"))
        found, _ = await parts.store.read(lambda seen: ran_between(seen, T0 + 10, T0 + 100, T0 + 100))
        return [(each.task_id, each.started - T0, each.ended - T0, each.status) for each in found]

    assert with_parts(tmp_path, work) == [(1, 0.0, 100.0, "in-progress")]


@sqlite_only
def test_the_tasks_of_a_window_are_found_by_an_index(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        values = {"after": 0, "before": 1, "now": 2, "most": 3}
        plan = f"EXPLAIN QUERY PLAN {ran_queries.RAN_BETWEEN}"
        return await parts.store.read(lambda seen: [row[3] for row in seen.execute(plan, values)])

    steps = [step for step in with_parts(tmp_path, work) if "attempts" in step]
    assert len(steps) == 8 and all("SEARCH attempts USING INDEX attempts_life" in step for step in steps)


def test_an_empty_server_has_an_answer(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        return await parts.explain(0, 100, "memory.used_bytes")

    answer = with_parts(tmp_path, work)
    assert (answer.tasks, answer.processes, answer.changed, answer.value) == ([], [], [], None)
    assert answer.unattributed.share is None and len(answer.notes) == 2


def test_equal_questions_are_worked_out_once_and_different_ones_are_not(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        parts.sample(0, 20, {})
        same = await asyncio.gather(*(parts.explain(0.0001, 15) for _ in range(5)), parts.explain(0, 15))
        return same, await parts.explain(0, 16)

    same, other = with_parts(tmp_path, work)
    assert all(each is same[0] for each in same) and other is not same[0]


def test_what_is_wrong_with_a_question_is_named(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        return await parts.explain(0, 100, "cpu.nonsense")

    with pytest.raises(Malformed) as caught:
        with_parts(tmp_path, work)
    assert caught.value.flaws[0].parameter == "metric"


def test_of_very_many_tasks_those_that_used_most_are_read_and_the_others_counted_by_totals(tmp_path: Path) -> None:
    async def work(parts: Parts) -> Any:
        for number in range(MOST_READ + 5):
            await parts.start(f"t{number}", 0)
        await parts.store.write(lambda transaction: _give(transaction, MOST_READ + 5))
        parts.sample(60, 120, {})
        read: list[int] = []
        use_of = parts.metrics.use_of
        parts.metrics.use_of = lambda tasks, *rest: (read.extend(tasks), use_of(tasks, *rest))[1]  # type: ignore[method-assign,func-returns-value]
        return read, await parts.explain(60, 120)

    read, answer = with_parts(tmp_path, work)
    assert len(read) == MOST_READ and 1 not in read and MOST_READ + 5 in read
    assert answer.tasks[0].name == f"t{MOST_READ + 4}" and answer.tasks[0].cpu_seconds > 0


def _give(transaction: Any, count: int) -> None:
    """Completed a while after the window, with totals that rise with the number."""
    for number in range(1, count + 1):
        task = transaction.task(number)
        done = {"status": "completed", "outcome": "succeeded", "completed_at": utc(T0 + 200)}
        changed = replace(task, **done, resources=Resources(cpu_seconds=float(number)), version=task.version + 1)
        transaction.save(changed, task, utc(T0 + 200))
