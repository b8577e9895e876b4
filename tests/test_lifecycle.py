"""How a task may change: each row of the table, and what holds after any sequence of changes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from vain import lifecycle
from vain.codec import decode, encode
from vain.errors import Invalid
from vain.types import (
    OUTCOMES,
    PRIORITIES,
    STATUSES,
    Eta,
    Resources,
    Task,
    TaskDraft,
    TaskError,
    TaskPatch,
    TaskSource,
    Usage,
)

T0, T1, T2, T3 = (f"2026-01-01T00:00:0{second}.000Z" for second in range(4))


def made(now: str = T0, **fields: Any) -> Task:
    return lifecycle.created(TaskDraft(**{"name": "x", **fields}), 7, now)


def after(task: Task, now: str, **fields: Any) -> Task:
    return lifecycle.patched(task, TaskPatch(**fields), now)


def times(task: Task) -> tuple[str | None, str | None, str | None]:
    return task.created_at, task.started_at, task.completed_at


def test_a_task_is_pending_and_of_medium_priority() -> None:
    task = made()
    assert (task.status, task.priority, task.version, task.attempt) == ("pending", "medium", 1, 1)
    assert times(task) == (T0, None, None) and task.outcome is None


def test_a_task_may_be_made_in_progress() -> None:
    task = made(status="in-progress")
    assert times(task) == (T0, T0, None) and task.heartbeat_at == T0


def test_a_task_may_be_made_completed() -> None:
    task = made(status="completed")
    assert (task.completed_at, task.outcome, task.heartbeat_at) == (T0, "succeeded", None)


def test_pending_to_in_progress_starts_it() -> None:
    task = after(made(), T1, status="in-progress")
    assert times(task) == (T0, T1, None) and task.heartbeat_at == T1 and task.version == 2


def test_in_progress_to_completed_ends_it() -> None:
    task = after(made(status="in-progress", progress=40), T2, status="completed")
    assert times(task) == (T0, T0, T2)
    assert (task.outcome, task.progress, task.attempt) == ("succeeded", 100, 1)


def test_an_unknown_progress_stays_unknown_on_success() -> None:
    assert after(made(), T1, status="completed").progress is None


def test_pending_to_completed_never_started() -> None:
    assert times(after(made(), T1, status="completed")) == (T0, None, T1)


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_an_outcome_alone_completes(outcome: str) -> None:
    task = after(made(progress=40), T1, outcome=outcome)
    assert (task.status, task.outcome, task.completed_at) == ("completed", outcome, T1)
    assert task.progress == (100 if outcome == "succeeded" else 40)


@pytest.mark.parametrize(("fields", "outcome"), [
    ({"exit_code": 0}, "succeeded"), ({"exit_code": 1}, "failed"), ({"exit_code": -9}, "failed"),
    ({"error": TaskError("ValueError")}, "failed"), ({"exit_code": 1, "outcome": "skipped"}, "skipped"),
])  # fmt: skip
def test_the_exit_code_says_how_it_ended(fields: dict[str, Any], outcome: str) -> None:
    assert after(made(), T1, status="completed", **fields).outcome == outcome
    assert made(status="completed", **fields).outcome == outcome


@pytest.mark.parametrize(("status", "started"), [("pending", None), ("in-progress", T2)])
def test_reopening_begins_another_attempt(status: str, started: str | None) -> None:
    done = after(made(current=3, total=4), T1, status="completed", exit_code=1, error=TaskError("E"))
    task = after(done, T2, status=status)
    assert times(task) == (T0, started, None) and task.attempt == 2
    assert [task.outcome, task.exit_code, task.error, task.progress, task.current] == [None] * 5
    assert task.total == 4


def test_in_progress_to_pending_is_the_same_attempt() -> None:
    task = after(made(status="in-progress"), T1, status="pending")
    assert times(task) == (T0, None, None) and task.attempt == 1


def test_completing_twice_keeps_the_first_time() -> None:
    done = after(made(), T1, status="completed")
    assert after(done, T2, status="completed") is done
    assert after(done, T2, status="completed", outcome="failed").completed_at == T1


def test_a_message_in_progress_is_a_heartbeat_even_if_nothing_changes() -> None:
    task = made(status="in-progress", message="m")
    beat = after(task, T1, message="m")
    assert lifecycle.changed_fields(task, beat) == ["updated_at", "heartbeat_at", "version"]
    assert after(task, T1).heartbeat_at == T1
    assert after(task, T1, name="y").heartbeat_at == T0


def test_the_wall_clock_may_be_set_back() -> None:
    task = after(made(T2), T1, status="in-progress")
    assert times(task) == (T2, T2, None) and task.updated_at == T2


@pytest.mark.parametrize(("task", "fields", "field"), [
    (made(), {"outcome": "failed", "status": "pending"}, "outcome"),
    (made(), {"exit_code": 1}, "exit_code"),
    (made(status="in-progress"), {"error": TaskError("E")}, "error"),
    (made(status="completed"), {"outcome": None}, "outcome"),
    (made(status="completed"), {"status": "pending", "outcome": "failed"}, "outcome"),
    (made(total=4), {"current": 5}, "current"),
    (made(), {"name": " \t"}, "name"),
    (made(), {"due_at": "tomorrow"}, "due_at"),
])  # fmt: skip
def test_what_contradicts_itself_is_refused_by_name(task: Task, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        after(task, T1, **fields)
    assert [flaw.pointer for flaw in caught.value.flaws] == [f"/{field}"]


def test_a_null_outcome_with_completed_means_none_was_given() -> None:
    assert made(status="completed", outcome=None).outcome == "succeeded"
    assert after(made(), T1, status="completed", outcome=None).outcome == "succeeded"


def test_amounts_set_the_percentage() -> None:
    task = made(current=1, total=3)
    assert task.progress == 33.33
    assert after(task, T1, current=3).progress == 100
    assert after(task, T1, progress=50).current is None


def test_no_total_gives_no_percentage() -> None:
    assert made(current=5).progress is None and made(current=0, total=0).progress is None


def test_a_succeeded_task_with_known_progress_stays_at_100() -> None:
    done = made(status="completed", current=10, total=10)
    assert after(done, T1, current=3).progress == after(done, T1, progress=3).progress == 100


def test_true_is_not_one_in_metadata() -> None:
    task = made(metadata={"a": 1})
    assert after(task, T1, metadata={"a": True}).metadata["a"] is True
    assert encode(after(task, T1, metadata={"a": 1.5}).metadata) == b'{"a":1.5}'
    assert after(task, T1, metadata={"a": 1}) is task


def test_tags_are_kept_once_each_in_their_order() -> None:
    assert made(tags=["b", "a", "b"]).tags == ["b", "a"]


def test_overdue_is_marked_once_and_taken_back_with_the_time() -> None:
    task = made(due_at=T2)
    late = lifecycle.overdue_marked(task, T2)
    assert late.overdue and late.version == 2 and lifecycle.overdue_marked(late, T3) is late
    assert lifecycle.overdue_marked(task, T1) is task
    assert not after(late, T2, due_at=T3).overdue and not after(late, T2, status="completed").overdue


def test_marks_and_orphaning_never_turn_updated_at_back() -> None:
    task = after(made(due_at=T1, parent_id=3), T3, name="y", due_at=T2)
    reset = replace(task, overdue=False)
    assert lifecycle.overdue_marked(reset, T2).updated_at == T3
    assert lifecycle.orphaned(task, T1).updated_at == T3 and lifecycle.orphaned(task, T1).parent_id is None


BROKEN: list[dict[str, Any]] = [
    {"outcome": "failed"}, {"completed_at": T0}, {"started_at": T0}, {"exit_code": 1}, {"progress": 101.0},
    {"status": "in-progress"}, {"attempt": 2}, {"parent_id": 7}, {"tags": ["a", "a"]}, {"task_id": 0},
    {"updated_at": "2025-01-01T00:00:00.000Z"},
]  # fmt: skip


def test_a_broken_task_is_told_from_a_sound_one() -> None:
    assert lifecycle.violations(made()) == []
    for broken in BROKEN:
        assert lifecycle.violations(replace(made(), **broken)), broken


def test_every_field_of_a_new_task_has_changed() -> None:
    assert lifecycle.changed_fields(None, made()) == list(Task.__struct_fields__)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


AMOUNTS = st.none() | st.sampled_from([0, 1, 2, 2.5, 10])
PATCHES = optional(
    name=st.sampled_from(["x", "y", "\t"]),
    status=st.sampled_from(STATUSES),
    priority=st.sampled_from(PRIORITIES),
    message=st.sampled_from(["", "m"]),
    tags=st.lists(st.sampled_from("ab"), max_size=3),
    progress=st.none() | st.sampled_from([0, 40, 100]),
    current=AMOUNTS,
    total=AMOUNTS,
    outcome=st.none() | st.sampled_from(OUTCOMES),
    exit_code=st.none() | st.integers(0, 1),
    error=st.none() | st.just({"type": "E"}),
    due_at=st.none() | st.sampled_from([T1, T2, "2026-01-01T03:00:02+03:00", "soon"]),
    metadata=st.dictionaries(st.sampled_from("ab"), st.sampled_from([1, True, 1.5, "1"])),
    version=st.integers(),
    task_id=st.just("not mine"),
    completed_at=st.just(None),
)
STEPS = st.lists(
    st.tuples(PATCHES | st.sampled_from(["sweep", "orphan"]), st.sampled_from([T0, T1, T2, T3])), max_size=8
)


def step(task: Task, change: dict[str, Any] | str, now: str) -> Task:
    """The next task; the same where the change is refused."""
    if change == "sweep":
        return lifecycle.overdue_marked(task, now)
    if change == "orphan":
        return lifecycle.orphaned(task, now)
    before, after, refusal = encode(task), task, None
    try:
        after = lifecycle.patched(task, decode(TaskPatch, encode(change)), now)
    except Invalid as error:
        refusal = error
    assert encode(task) == before and (refusal is None or refusal.flaws[0].pointer)
    return after


def check_pair(old: Task, new: Task) -> None:
    assert lifecycle.violations(new) == []
    if new is old:
        return
    assert new.version == old.version + 1 and lifecycle.changed_fields(old, new)
    assert (new.task_id, new.created_at) == (old.task_id, old.created_at)
    assert (new.updated_at or "") >= (old.updated_at or "")
    assert new.attempt == old.attempt + (old.status == "completed" and new.status != "completed")
    if old.status == new.status:
        assert (old.started_at, old.completed_at) == (new.started_at, new.completed_at)
    if new.status == "completed" and new.started_at is not None:
        assert new.started_at == old.started_at and (new.completed_at or "") >= new.started_at


@given(PATCHES, STEPS)
def test_after_any_changes_a_task_is_sound(first: dict[str, Any], steps: list[tuple[Any, str]]) -> None:
    try:
        tasks = [lifecycle.created(decode(TaskDraft, encode({"name": "x", **first})), 7, T1)]
    except Invalid:
        return
    for change, now in steps:
        tasks.append(step(tasks[-1], change, now))
    assert lifecycle.violations(tasks[0]) == [] and tasks[0].version == 1
    for old, new in pairwise(tasks):
        check_pair(old, new)


@given(PATCHES, STEPS)
def test_what_was_read_may_be_written_back_and_changes_nothing_but_a_heartbeat(
    first: dict[str, Any], steps: list[tuple[Any, str]]
) -> None:
    try:
        task = lifecycle.created(decode(TaskDraft, encode({"name": "x", **first})), 7, T1)
    except Invalid:
        return
    for change, now in steps:
        task = step(task, change, now)
    again = lifecycle.patched(lifecycle.overdue_marked(task, T3), decode(TaskPatch, encode(task)), T3)
    assert set(lifecycle.changed_fields(task, again)) <= {"updated_at", "heartbeat_at", "version", "overdue"}
    if task.status != "in-progress":
        assert again is lifecycle.overdue_marked(task, T3) or asdict(again) == asdict(
            lifecycle.overdue_marked(task, T3)
        )


def test_what_is_told_late_lies_where_it_happened() -> None:
    task = lifecycle.created(TaskDraft(name="x", status="in-progress"), 7, T3, at=T0)
    assert times(task) == (T0, T0, None) and (task.heartbeat_at, task.updated_at) == (T0, T3)
    ended = lifecycle.patched(task, TaskPatch(status="completed"), T3, at=T1)
    assert ended.completed_at == T1 and ended.updated_at == T3


@pytest.mark.parametrize(("at", "completed_at"), [(T0, T1), (T2, T2), ("2027-01-01T00:00:00.000Z", T3)])
def test_a_late_report_lies_between_the_start_of_the_task_and_now(at: str, completed_at: str) -> None:
    task = made(T1, status="in-progress")
    assert lifecycle.patched(task, TaskPatch(status="completed"), T3, at=at).completed_at == completed_at


def test_a_late_report_does_not_take_a_newer_sign_of_life_back() -> None:
    task = after(made(status="in-progress"), T2, progress=50)
    assert lifecycle.patched(task, TaskPatch(message="x"), T3, at=T1).heartbeat_at == T2


def test_a_task_whose_process_is_gone_has_crashed() -> None:
    task = made(status="in-progress", source=TaskSource(host="h", pid=12))
    gone = lifecycle.crashed(replace(task, stale=True), T2)
    assert (gone.status, gone.outcome, gone.completed_at, gone.stale) == ("completed", "crashed", T2, False)
    assert gone.error is not None and gone.error.type == "Crashed" and "12" in gone.error.message
    assert lifecycle.violations(gone) == []


def test_a_last_word_that_comes_late_takes_the_crash_back() -> None:
    gone = lifecycle.crashed(made(status="in-progress"), T1)
    told = after(gone, T2, status="completed", outcome="succeeded", exit_code=0)
    assert (told.outcome, told.error, told.exit_code) == ("succeeded", None, 0)


def test_what_the_server_marks_is_a_change_only_if_it_is_new() -> None:
    task = made(status="in-progress")
    marked = lifecycle.marked(task, T1, stale=True)
    assert marked.stale and marked.version == task.version + 1 and marked.heartbeat_at == T0
    assert lifecycle.marked(marked, T2, stale=True) is marked


def test_a_task_that_is_not_in_progress_is_neither_stale_nor_expected() -> None:
    eta = Eta(T2, T1, T3, "progress")
    task = replace(made(status="in-progress"), stale=True, eta=eta)
    for status in ("completed", "pending"):
        left = after(task, T2, status=status)
        assert (left.stale, left.eta) == (False, None) and lifecycle.violations(left) == []


def test_what_a_process_measured_goes_into_the_costs_when_it_ends() -> None:
    task = replace(made(status="in-progress"), resources=Resources(cpu_seconds=1.0, rss_bytes=5, rss_peak_bytes=9))
    going = after(task, T1, progress=5, usage=Usage(cpu_seconds=3.0))
    assert going.resources == task.resources
    ended = after(task, T1, status="completed", usage=Usage(cpu_seconds=3.0))
    assert ended.resources is not None and (ended.resources.cpu_seconds, ended.resources.rss_bytes) == (3.0, None)


def test_another_attempt_is_not_that_of_the_process_before() -> None:
    source = TaskSource(host="h", pid=12)
    ended = after(made(status="in-progress", source=source), T1, status="completed")
    assert ended.source == source
    assert after(ended, T2, status="in-progress").source is None
    other = TaskSource(host="h", pid=13)
    assert after(ended, T2, status="in-progress", source=other).source == other


def test_another_attempt_costs_anew() -> None:
    ended = replace(made(status="completed"), resources=Resources(cpu_seconds=1.0))
    assert after(ended, T1, status="in-progress").resources is None
