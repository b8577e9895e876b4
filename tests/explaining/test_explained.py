"""Shares of tasks: whose they are, in what order, and what is said where they are not known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explaining.worlds import MIB, SECONDS, T0, explained, machine, ran, use, used
from vain.bands import MetricWindow
from vain.explaining import GROWTH, Explaining
from vain.explaining.explained import LONG_SECONDS, is_by_totals
from vain.explaining.question import Windows
from vain.explaining.use import Ran
from vain.frames import explained as frame_of
from vain.quality import Span
from vain.types import Resources


def shares(answer: object) -> dict[int, float | None]:
    return {task.task_id: task.share for task in answer.tasks}  # type: ignore[attr-defined]


def test_the_task_that_used_most_is_first_and_the_rest_is_nobodys() -> None:
    answer = explained({1: use(cpu=20), 2: use(cpu=70), 3: use(cpu=0)})
    assert shares(answer) == {2: 0.7, 1: 0.2, 3: 0.0}
    assert [task.task_id for task in answer.tasks] == [2, 1, 3]
    assert answer.unattributed.share == pytest.approx(0.1)
    assert (answer.tasks[0].cpu_seconds, answer.tasks[0].cpu_cores) == (70.0, 0.7)
    assert (answer.value, answer.peak, answer.unit) == (50.0, 50.0, "percent")


@pytest.mark.parametrize(
    ("metric", "share"),
    [
        ("memory.used_bytes", 0.25),
        ("memory.percent", 0.25),
        ("disk.read_bytes_per_second", 0.5),
        ("disk.written_bytes_per_second", 0.75),
        ("pressure.io_percent", 0.7),
    ],
)
def test_a_share_is_of_what_the_metric_is_about(metric: str, share: float) -> None:
    answer = explained({1: use(memory=250, read=0.5, written=3)}, metric)
    assert shares(answer) == {1: share}
    assert (answer.tasks[0].read_bytes, answer.tasks[0].written_bytes) == (50 * MIB, 300 * MIB)
    assert answer.tasks[0].memory_peak_bytes == 250 * MIB


def test_gpus_are_shared_over_all_of_them() -> None:
    now = machine(**{"gpu.percent:0": 60.0, "gpu.percent:1": 40.0})
    assert shares(explained({1: use(gpu=25), 2: use(gpu=50)}, "gpu.percent", now=now)) == {2: 0.5, 1: 0.25}


def test_a_task_that_ran_for_a_part_counts_for_that_part() -> None:
    answer = explained({1: use(cpu=100, seconds=SECONDS // 4)}, runs={1: ran(1, ended=T0 + SECONDS / 4)})
    assert shares(answer) == {1: 0.25}
    assert answer.tasks[0].cpu_cores == 1.0


def test_what_a_nested_task_used_is_not_its_parents() -> None:
    answer = explained({1: use(cpu=90, memory=200), 2: use(cpu=80, memory=150)}, runs={2: ran(2, parent_id=1)})
    assert shares(answer) == {2: 0.8, 1: 0.1}
    assert [task.memory_peak_bytes for task in answer.tasks] == [150 * MIB, 50 * MIB]


def test_a_grandchild_is_taken_off_once() -> None:
    tasks = {1: use(cpu=90, memory=200), 2: use(cpu=80, memory=150), 3: use(cpu=50, memory=100)}
    answer = explained(tasks, runs={2: ran(2, parent_id=1), 3: ran(3, parent_id=2)})
    assert shares(answer) == {3: 0.5, 2: 0.3, 1: 0.1}


def test_a_child_that_is_not_in_its_parents_tree_takes_nothing_off() -> None:
    answer = explained({1: use(cpu=40, memory=20), 2: use(cpu=50, memory=300)}, runs={2: ran(2, parent_id=1)})
    assert shares(answer) == {2: 0.5, 1: 0.4}


def test_tasks_of_one_process_share_it_evenly() -> None:
    runs = {number: ran(number, process=("here", 12)) for number in (1, 2)} | {3: ran(3, process=("here", 13))}
    answer = explained({1: use(cpu=60), 2: use(cpu=60), 3: use(cpu=10)}, runs=runs)
    assert shares(answer) == {1: 0.3, 2: 0.3, 3: 0.1}


def test_shares_are_never_more_than_all() -> None:
    answer = explained({1: use(written=6), 2: use(written=2)}, "disk.written_bytes_per_second")
    assert shares(answer) == {1: 0.75, 2: 0.25}
    assert answer.unattributed.share == 0


def test_a_task_without_figures_is_listed_last_with_no_share() -> None:
    answer = explained({1: None, 2: use(cpu=0)})
    assert [(task.task_id, task.share, task.cpu_seconds) for task in answer.tasks] == [(2, 0.0, 0.0), (1, None, None)]
    assert any(note.startswith("One task has no share") for note in answer.notes)


def test_a_task_without_samples_is_counted_by_its_totals() -> None:
    runs = {1: ran(1, started=T0 + 10, ended=T0 + 60, status="completed", resources=used(cpu_seconds=30.0))}
    half = {1: ran(1, started=T0 - 50, ended=T0 + 50, status="completed", resources=used(cpu_seconds=30.0))}
    assert shares(explained({1: None}, runs=runs)) == {1: 0.3}
    assert shares(explained({1: None}, runs=half)) == {1: 0.15}


def test_memory_that_was_there_before_did_not_make_it_grow() -> None:
    tasks = {1: use(memory=600), 2: use(memory=210), 3: use(memory=80)}
    runs = {3: ran(3, started=T0 + 1)}
    before = {1: use(memory=600, begin=T0 - 100), 2: use(memory=10, begin=T0 - 100)}
    earlier = machine(T0 - SECONDS, memory__used_bytes=600.0 * MIB)
    answer = explained(tasks, GROWTH, runs=runs, uses_before=before, before=earlier)
    assert answer.value == 400 * MIB and answer.unit == "bytes"
    assert shares(answer) == {2: 0.5, 3: 0.2, 1: 0.0}
    assert [task.memory_growth_bytes for task in answer.tasks] == [200 * MIB, 80 * MIB, 0]
    assert shares(explained(tasks, "memory.used_bytes", runs=runs, uses_before=before)) == {1: 0.6, 2: 0.21, 3: 0.08}


def test_where_the_machine_is_not_known_there_are_no_shares_and_that_is_said() -> None:
    nothing = MetricWindow(np.empty(0), {}, "raw", 1.0)
    answer = explained({1: use(cpu=50)}, now=nothing)
    assert shares(answer) == {1: None} and answer.tasks[0].cpu_seconds == 50.0
    assert (answer.value, answer.peak, answer.unattributed.share) == (None, None, None)
    assert answer.notes[0] == "Of this time cpu.percent is not known, so there are no shares."


def test_the_number_of_cores_is_needed_for_a_share_of_cpu() -> None:
    assert shares(explained({1: use(cpu=50)}, cores=None)) == {1: None}


def test_who_used_the_network_is_not_known() -> None:
    answer = explained({1: use(cpu=50), 2: use(cpu=60)}, "network.sent_bytes_per_second")
    assert shares(answer) == {2: None, 1: None}, "still, who used most CPU comes first"
    assert answer.notes[0] == "Which task or process network.sent_bytes_per_second is due to is not known."


def test_a_gap_is_told_of_in_words() -> None:
    now = machine()._replace(spans=(Span("asleep", T0 + 10, T0 + 70), Span("first", T0, T0)))
    assert "08:00:10 to 08:01:10 UTC: the machine slept." in explained({}, now=now).notes


def test_of_very_many_tasks_the_largest_are_listed() -> None:
    answer = explained({number: use(cpu=number / 10) for number in range(1, 61)})
    assert len(answer.tasks) == 50 and answer.tasks[0].task_id == 60
    assert "10 tasks more ran then; those with the largest shares are listed." in answer.notes


def test_in_a_long_window_what_ran_wholly_in_it_is_counted_by_its_totals() -> None:
    asked = Explaining(T0, T0 + 10 * 3600)
    runs = {1: ran(1, started=T0 + 1, ended=T0 + 99, status="completed", resources=used(cpu_seconds=3600.0))}
    now = machine(seconds=36_000)
    assert shares(explained({1: use(cpu=100)}, asked=asked, runs=runs, now=now)) == {1: 0.1}


def test_reduced_windows_give_the_same_shares() -> None:
    coarse = machine(seconds=10)._replace(step_seconds=10.0, is_reduced=True)
    coarse = coarse._replace(t=T0 + np.arange(10) * 10.0)
    assert shares(explained({1: use(cpu=50)}, now=coarse)) == {1: 0.5}


def test_an_answer_without_tasks_is_a_frame_with_its_columns() -> None:
    answer = explained({})
    for part, key in (("tasks", "task_id"), ("processes", "pid"), ("changed", "metric")):
        frame = frame_of(answer, part)  # type: ignore[arg-type]  # one of the parts
        assert len(frame) == 0 and frame.index.name == key and len(frame.columns) >= 5


@pytest.mark.parametrize(("attempt", "is_enough"), [(1, True), (2, False)])
def test_totals_do_not_speak_for_attempts_before_the_newest(attempt: int, is_enough: bool) -> None:
    task = Ran(
        7, "train", "completed", "succeeded", 100.0, 200.0, resources=Resources(cpu_seconds=1.0), attempt=attempt
    )
    assert is_by_totals(task, Windows(0.0, 10 * LONG_SECONDS, 0.0, 1.0), "cpu") is is_enough
