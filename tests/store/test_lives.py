"""The tasks of a window, read from a real database: the same as the rules find among tasks in memory."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest
from msgspec.structs import replace

from tests.store.engines import engine, sqlite_only
from tests.store.opened import Opened, with_store
from tests.views.laid_out import lanes_of as laid_out
from vain.clock import utc
from vain.codec import encode
from vain.lanes import LaneQuery, Lanes, aligned
from vain.store import life_queries, queries
from vain.store.attempts import attempt_row
from vain.store.ledger import _row
from vain.store.lives import MOST_WAITING, lanes_of
from vain.tracker import Tracker
from vain.types import Eta, Outcome, Resources, Task, TaskDraft, TaskPatch, TaskSource

NOW = 1_800_000_000.0
DAY = 86_400.0
LENGTHS = (0.0, 30, 60, 60.001, 400, 480, 3_000, 3_600, 20_000, 28_800, 200_000, 259_200, 1e6, 2_678_400, 9e6)
"""On both sides of where the classes of the index end."""


def some(seed: int, count: int) -> dict[int, Task]:
    """Tasks of all lengths, each within a window of some size before ``NOW``."""
    chance = random.Random(seed)
    found = {}
    for number in range(1, count + 1):
        length = chance.choice(LENGTHS)
        begin = NOW - chance.uniform(0, chance.choice([600, DAY, 200 * DAY]))
        started, end = begin + length * chance.choice([0, 0, 0.5, 1]), begin + length
        outcome: Outcome = chance.choice(["succeeded", "failed", "skipped"])
        task = Task(number, f"task {number}", "completed", "low", utc(begin), tags=[f"t{number % 7}"], outcome=outcome,
                    started_at=utc(started), completed_at=utc(end), updated_at=utc(end), message=f"said {number % 11}",
                    source=TaskSource(f"host {number % 3}") if number % 4 else None,
                    parent_id=number - 1 if chance.random() < 0.2 and number > 1 else None)  # fmt: skip
        if end > NOW:
            task = replace(task, status="in-progress", completed_at=None, outcome=None)
        elif chance.random() < 0.1:
            task = replace(task, status="pending", started_at=None, completed_at=None, outcome=None)
        found[number] = task
    return found


def stored(folder: Path, tasks: dict[int, Task]) -> None:
    """A database with these tasks."""
    made = engine(folder)
    made.begin()
    made.connection.executemany(queries.SAVE_TASK, [_row(task, encode(task)) for task in tasks.values()])
    made.connection.executemany(queries.SAVE_ATTEMPT, [attempt_row(task, task.task_id) for task in tasks.values()])
    made.commit()
    made.close()


def asked(folder: Path, *wanted: LaneQuery, now: float = NOW) -> list[Lanes]:
    async def work(made: Opened) -> list[Lanes]:
        return [await made.store.read(partial(lanes_of, query=aligned(query), now=now)) for query in wanted]

    found: list[Lanes] = with_store(folder, work)
    return found


def worked(folder: Path, work: Callable[[Tracker], Awaitable[Any]], query: LaneQuery) -> Lanes:
    """The lanes after some changes."""

    async def change(made: Opened) -> Lanes:
        await work(Tracker(made.store, lambda: utc(NOW)))
        return await made.store.read(partial(lanes_of, query=query, now=NOW + 60))

    found: Lanes = with_store(folder, change)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_a_database_finds_what_the_rules_find_in_memory(tmp_path: Path, seed: int) -> None:
    tasks = some(seed, 400)
    stored(tmp_path, tasks)
    wanted = [
        LaneQuery(NOW - ago - length, NOW - ago, 800, 10)
        for ago in (0.0, 500.0, 3 * DAY, 40 * DAY)
        for length in (60.0, 3_600.0, 30 * DAY, 400 * DAY)
    ]
    for query, found in zip(wanted, asked(tmp_path, *wanted), strict=True):
        assert found == laid_out(query, tasks, found.seq, NOW)
        assert found.total > 0


@pytest.mark.parametrize(
    "fields",
    [{"text": "SAID 3"}, {"tag": "t3"}, {"status": "pending"}, {"status": "in-progress"}, {"status": "completed"},
     {"outcome": "failed"}, {"task_id": 5}, {"host": "host 1"},
     {"host": "host 2", "status": "in-progress"}, {"status": "completed", "outcome": "skipped", "tag": "t1"}],
)  # fmt: skip
def test_filters_choose_as_they_do_in_memory(tmp_path: Path, fields: dict[str, Any]) -> None:
    tasks = some(9, 400)
    stored(tmp_path, tasks)
    query = LaneQuery(NOW - 90 * DAY, NOW, 1_000, 40, **fields)
    (found,) = asked(tmp_path, query)
    assert found == laid_out(query, tasks, found.seq, NOW) and 0 < found.total < 400


@sqlite_only
@pytest.mark.parametrize("host", [None, "gpu-1"])
def test_the_index_answers_alone_for_every_class(tmp_path: Path, host: str | None) -> None:
    """Its classes are written twice: in the schema and in the query."""
    stored(tmp_path, some(1, 3))
    statement, waiting, counted, values = life_queries.lives(LaneQuery(0, 1, host=host))
    bound = values | {"after": 0, "before": 1, "now": 1, "most": 1}

    async def work(made: Opened) -> list[str]:
        def plans(connection: apsw.Connection) -> list[str]:
            return [row[3] for sql in (statement, waiting, counted)
                    for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", bound)]  # fmt: skip

        return await made.store.read(plans)

    looks = [step for step in with_store(tmp_path, work) if "attempts" in step]
    assert len(looks) == len(life_queries.LIFE_CLASS_MS) + 4
    assert all("COVERING INDEX attempts_life (<expr>=? AND arrived_ms" in step for step in looks)


@sqlite_only
@pytest.mark.parametrize("statement", [queries.IN_PROGRESS, queries.STARTED])
def test_what_runs_is_found_without_a_look_at_all_tasks(tmp_path: Path, statement: str) -> None:
    async def work(made: Opened) -> list[str]:
        return await made.store.read(lambda connection: [
            row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", (1,) * statement.count("?"))
        ])  # fmt: skip

    (look,) = with_store(tmp_path, work)
    assert "tasks_in_progress" in look


def test_a_bar_tells_what_its_task_tells(tmp_path: Path) -> None:
    eta = Eta(utc(NOW + 60), utc(NOW + 50), utc(NOW + 90), "progress")
    task = Task(1, "train", "in-progress", "low", utc(NOW - 90), started_at=utc(NOW - 80), updated_at=utc(NOW),
                eta=eta, progress=62.0, stale=True, overdue=True, key="nightly",
                resources=Resources(cpu_seconds=9.5))  # fmt: skip
    done = Task(2, "etl", "completed", "low", utc(NOW - 50), started_at=utc(NOW - 50), completed_at=utc(NOW - 40),
                updated_at=utc(NOW), outcome="failed", exit_code=3)  # fmt: skip
    stored(tmp_path, {1: task, 2: done})
    (found,) = asked(tmp_path, LaneQuery(NOW - 100, NOW))
    bar, other = sorted(found.bars, key=lambda bar: bar.task_id)
    assert (bar.created, bar.started, bar.ended) == (NOW - 90, NOW - 80, None)
    assert (bar.eta_low, bar.eta_at, bar.eta_high) == (NOW + 50, NOW + 60, NOW + 90)
    assert (bar.stale, bar.overdue, bar.progress, bar.key, bar.cpu_seconds) == (True, True, 62.0, "nightly", 9.5)
    assert (other.outcome, other.exit_code, other.cpu_seconds, other.eta_at) == ("failed", 3, None, None)


def test_a_reopened_task_keeps_the_bar_of_what_it_did(tmp_path: Path) -> None:
    async def work(tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="x", outcome="failed"))
        await tracker.update(1, TaskPatch(status="in-progress"))

    found = worked(tmp_path, work, LaneQuery(NOW - 60, NOW + 60))
    assert [(bar.attempt, bar.status, bar.outcome) for bar in found.bars] == [
        (1, "completed", "failed"),
        (2, "in-progress", None),
    ]
    assert found.total == 1


def test_a_bar_is_on_the_machine_where_its_attempt_was_made(tmp_path: Path) -> None:
    async def work(tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="x", outcome="failed", source=TaskSource("one")))
        await tracker.update(1, TaskPatch(status="in-progress", source=TaskSource("two")))

    found = worked(tmp_path, work, LaneQuery(NOW - 60, NOW + 60, host="one"))
    assert [(bar.attempt, bar.outcome) for bar in found.bars] == [(1, "failed")]


def test_a_deleted_task_is_not_shown(tmp_path: Path) -> None:
    async def work(tracker: Tracker) -> None:
        await tracker.create(TaskDraft(name="x", outcome="failed"))
        await tracker.create(TaskDraft(name="y"))
        await tracker.delete(1)
        await tracker.delete(2)

    assert worked(tmp_path, work, LaneQuery(NOW - 60, NOW + 60)).total == 0


def test_of_many_that_wait_all_are_counted(tmp_path: Path) -> None:
    created = (utc(NOW - 9 * DAY + number) for number in range(MOST_WAITING + 50))
    many = {number: Task(number, "x", "pending", "low", at, updated_at=at) for number, at in enumerate(created, 1)}
    stored(tmp_path, many)
    (found, filtered) = asked(tmp_path, LaneQuery(NOW - 60, NOW), LaneQuery(NOW - 60, NOW, text="y"))
    assert found.total == MOST_WAITING + 50 == found.left_out + len(found.bars)
    assert {bar.task_id for bar in found.bars} == set(range(MOST_WAITING + 37, MOST_WAITING + 51))
    assert filtered.total == 0
