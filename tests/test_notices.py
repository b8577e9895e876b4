from __future__ import annotations

import pytest
from msgspec.structs import replace

from vain.notices import LONGEST_QUOTE, of_error, of_task
from vain.notification import Notice
from vain.types import OUTCOMES, Level, Outcome, Task, TaskError

RUNNING = Task(
    7,
    "train resnet",
    "in-progress",
    "high",
    "2026-11-23T08:00:00.000Z",
    message="loss 0.312",
    started_at="2026-11-23T08:00:00.000Z",
)


def ended(outcome: Outcome, **fields: object) -> Task:
    fields = {"completed_at": "2026-11-23T08:03:20.000Z", **fields}
    return replace(RUNNING, status="completed", outcome=outcome, **fields)


@pytest.mark.parametrize(
    ("outcome", "kind", "level", "title"),
    [
        ("succeeded", "task.completed", "info", "train resnet completed"),
        ("failed", "task.failed", "error", "train resnet failed"),
        ("timed-out", "task.timed-out", "error", "train resnet timed out"),
        ("crashed", "task.crashed", "error", "train resnet crashed"),
        ("cancelled", "task.cancelled", "info", "train resnet was cancelled"),
        ("skipped", "task.skipped", "info", "train resnet was skipped"),
    ],
)
def test_each_outcome_is_told_in_its_own_words(outcome: Outcome, kind: str, level: Level, title: str) -> None:
    (notice,) = of_task(ended(outcome), RUNNING, "updated")
    assert (notice.kind, notice.level, notice.title, notice.task_id) == (kind, level, title, 7)
    assert notice.message.endswith("after 3 min 20 s")


def test_a_success_tells_its_duration_and_nothing_that_was_not_measured() -> None:
    never_started = ended("succeeded", started_at=None)
    clock_set_back = ended("succeeded", started_at="2026-11-23T09:00:00.000Z")
    notices = [of_task(task, RUNNING, "updated")[0] for task in (ended("succeeded"), never_started, clock_set_back)]
    assert [notice.message for notice in notices] == ["after 3 min 20 s", "", ""]


def test_a_failure_tells_its_error_and_its_exit_code() -> None:
    error = TaskError("RuntimeError", "CUDA out of memory\n  at layer 3", "Traceback …")
    (notice,) = of_task(ended("failed", error=error, exit_code=1), RUNNING, "updated")
    assert notice.message == "RuntimeError: CUDA out of memory at layer 3, exit code 1, after 3 min 20 s"


def test_a_failure_without_an_error_tells_the_last_line_of_progress() -> None:
    (notice,) = of_task(ended("crashed", exit_code=0), RUNNING, "updated")
    assert notice.message == "loss 0.312, exit code 0, after 3 min 20 s"


def test_a_long_error_is_cut_and_what_follows_is_still_told() -> None:
    (notice,) = of_task(ended("failed", error=TaskError("E", "x" * 2000)), RUNNING, "updated")
    assert notice.message == f"E: {'x' * (LONGEST_QUOTE - 4)}…, after 3 min 20 s"


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_end_is_told_once(outcome: Outcome) -> None:
    task = ended(outcome)
    assert of_task(replace(task, tags=["gpu"], version=9), task, "updated") == []
    assert len(of_task(task, None, "created")) == 1


def test_a_corrected_outcome_and_the_end_of_another_attempt_are_told_again() -> None:
    assert [notice.kind for notice in of_task(ended("failed"), ended("succeeded"), "updated")] == ["task.failed"]
    assert len(of_task(ended("failed", attempt=2), ended("failed"), "updated")) == 1


def test_going_overdue_is_told_once_with_the_time_that_has_passed() -> None:
    late = replace(RUNNING, overdue=True, due_at="2026-11-23T09:30:00.000Z")
    assert of_task(late, replace(late, overdue=False), "updated") == [
        Notice("task.overdue", "warning", "train resnet is overdue", "Was due 2026-11-23 09:30 UTC", task_id=7)
    ]
    assert of_task(replace(late, message="epoch 4"), late, "updated") == []
    assert of_task(replace(late, overdue=False), late, "updated") == []


def test_a_new_due_time_that_has_passed_as_well_is_told() -> None:
    late = replace(RUNNING, overdue=True, due_at="2026-11-23T09:30:00.000Z")
    assert len(of_task(replace(late, due_at="2026-11-23T09:40:00.000Z"), late, "updated")) == 1


def test_work_that_goes_on_and_a_deletion_are_not_told() -> None:
    assert of_task(RUNNING, None, "created") == []
    assert of_task(RUNNING, ended("failed"), "updated") == []
    assert of_task(ended("failed"), RUNNING, "deleted") == []


def test_an_error_of_our_own_names_the_part_and_fits_in_one_line() -> None:
    notice = of_error("sampler", "PermissionError:\n" + "y" * 900)
    assert (notice.kind, notice.level, notice.title) == ("vain.error", "error", "vAIn: error in the sampler")
    assert notice.message.startswith("PermissionError: y") and len(notice.message) == LONGEST_QUOTE


SHORT = "2026-11-23T08:00:59.999Z"


@pytest.mark.parametrize(("fields", "was", "is_quiet"), [
    ({"outcome": "succeeded"}, {}, True),
    ({"outcome": "skipped"}, {}, True),
    ({"outcome": "succeeded", "started_at": None}, {}, True),
    ({"outcome": "succeeded", "completed_at": "2026-11-23T08:01:00.000Z"}, {}, False),
    ({"outcome": "succeeded", "priority": "high"}, {}, False),
    ({"outcome": "succeeded", "due_at": "2026-11-24T00:00:00.000Z"}, {}, False),
    ({"outcome": "succeeded", "attempt": 2}, {}, False),
    ({"outcome": "succeeded"}, {"stale": True}, False),
    ({"outcome": "succeeded"}, {"outcome": "failed", "status": "completed"}, False),
    ({"outcome": "cancelled"}, {}, False),
    ({"outcome": "failed"}, {}, False),
])  # fmt: skip
def test_only_the_success_of_a_short_task_for_which_nobody_waits_is_quiet(
    fields: dict[str, object], was: dict[str, object], is_quiet: bool
) -> None:
    usual = {"status": "completed", "priority": "medium", "completed_at": SHORT}
    task = replace(RUNNING, **{**usual, **fields})  # type: ignore[arg-type]
    (notice,) = of_task(task, replace(RUNNING, **was), "updated")  # type: ignore[arg-type]
    assert notice.quiet is is_quiet


def test_what_is_made_as_done_is_quiet_and_an_alert_is_not() -> None:
    (notice,) = of_task(replace(RUNNING, status="completed", priority="low", outcome="succeeded"), None, "created")
    assert notice.quiet
    assert not of_error("sampler", "It broke.").quiet
