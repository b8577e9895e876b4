"""A load made on purpose by one of five running tasks is named first: a real server, real processes."""

from __future__ import annotations

import pytest

from benchmarks.spikes import KINDS, WORKERS, Round, Scale, rounds

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done() -> list[Round]:
    return rounds(Scale(rounds=len(KINDS), load_seconds=2.5))


def test_a_load_of_each_kind_is_named_first(done: list[Round]) -> None:
    assert {each.kind for each in done} == KINDS.keys()
    for each in done:
        named = [(task.name, task.share) for task in each.answer.tasks]
        assert each.is_right, (each.kind, each.worker, named, each.answer.notes)


def test_the_process_behind_it_is_known_and_belongs_to_the_task(done: list[Round]) -> None:
    (by_cpu,) = (each for each in done if each.kind == "cpu")
    first = by_cpu.answer.tasks[0].task_id
    assert first in {process.task_id for process in by_cpu.answer.processes}


def test_all_tasks_are_there_and_share_no_more_than_there_was(done: list[Round]) -> None:
    for each in done:
        assert len(each.answer.tasks) == WORKERS
        assert sum(task.share or 0 for task in each.answer.tasks) <= 1.001
