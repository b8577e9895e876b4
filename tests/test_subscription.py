"""What a subscription lets through, and which positions can be gone on from."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from vain.costs import hosts_of
from vain.lifecycle import changed_fields
from vain.messages import Filter, Previous, Subscribe, TaskUpdate
from vain.store.transaction import _previous
from vain.subscription import EVERYTHING, Log, Subscription, TaskFilter, Told, marked_as_left, reset_reason, told
from vain.types import OUTCOMES, PRIORITIES, STATUSES, HostResources, Resources, Task, TaskSource

BEFORE = Task(7, "build", "pending", "high", "2026-11-23T03:06:00.123Z", tags=["ci", "nightly"], key="k", parent_id=3,
              source=TaskSource("gpu-1", 41))  # fmt: skip


def filter_of(**fields: Any) -> TaskFilter:
    made = TaskFilter.of(Filter(**fields))
    assert made is not None
    return made


def event(before: Task | None, after: Task, with_previous: bool = True) -> Told:
    """The event of a change, as the store writes it."""
    changed = changed_fields(before, after)
    were = _previous(before, changed, hosts_of(after.resources)) if before else {}
    body = msgspec.to_builtins(after) | {
        "action": "updated" if before else "created",
        "changed": changed,
        "previous_status": before and before.status,
    }
    if with_previous and were:
        body["previous"] = msgspec.to_builtins(were)
    return told(json.dumps(body).encode())


@pytest.mark.parametrize(("fields", "holds"), [
    ({"task_id": 7}, True), ({"task_id": [6, 8]}, False), ({"status": "pending"}, True),
    ({"status": ["completed", "pending"]}, True), ({"status": "completed"}, False), ({"priority": "low"}, False),
    ({"outcome": "failed"}, False), ({"tag": "ci"}, True), ({"tag": ["ci", "nightly"]}, True),
    ({"tag": ["ci", "weekly"]}, False), ({"key": "k"}, True), ({"key": ["a", "b"]}, False), ({"parent_id": 3}, True),
    ({"host": "gpu-1"}, True), ({"host": ["gpu-2", "gpu-1"]}, True), ({"host": "GPU-1"}, False),
    ({"q": "BUI"}, True), ({"q": "night"}, True), ({"q": "x"}, False),
    ({"status": "pending", "priority": "low"}, False),
])  # fmt: skip
def test_all_that_is_given_must_hold(fields: dict[str, Any], holds: bool) -> None:
    assert filter_of(**fields).holds(BEFORE) is holds


def test_equal_filters_are_equal_however_they_are_written() -> None:
    one = filter_of(status=["pending", "completed"], q="Straße")
    assert one == filter_of(status=["completed", "pending", "pending"], q="STRASSE") and hash(one)


def test_a_filter_of_nothing_is_none() -> None:
    assert TaskFilter.of(Filter()) is None
    assert Subscription.of(Subscribe(filter=Filter())) == Subscription.of(Subscribe()) == EVERYTHING


@pytest.mark.parametrize(("fields", "change"), [
    ({"status": "pending"}, {"status": "in-progress"}), ({"priority": "high"}, {"priority": "low"}),
    ({"tag": "nightly"}, {"tags": ["ci"]}), ({"key": "k"}, {"key": None}), ({"parent_id": 3}, {"parent_id": 4}),
    ({"q": "build"}, {"name": "test"}), ({"host": "gpu-1"}, {"source": TaskSource("gpu-2", 41)}),
    ({"host": "gpu-1"}, {"source": None}),
])  # fmt: skip
def test_a_task_is_seen_leaving(fields: dict[str, Any], change: dict[str, Any]) -> None:
    after = msgspec.structs.replace(BEFORE, **change)
    wanted = filter_of(**fields)
    assert wanted.judged(event(BEFORE, after)) == "left" and wanted.judged(event(after, BEFORE)) == "in"
    assert wanted.judged(event(BEFORE, after, with_previous=False)) == "left"


def test_what_was_never_in_the_filter_does_not_leave_it() -> None:
    done = msgspec.structs.replace(BEFORE, status="completed", outcome="succeeded")
    talking = msgspec.structs.replace(BEFORE, message="half of it")
    for with_previous in (True, False):
        assert filter_of(outcome="failed").judged(event(BEFORE, done, with_previous)) == "out"
    assert filter_of(q="import").judged(event(BEFORE, talking)) == "out"
    elsewhere = msgspec.structs.replace(BEFORE, source=TaskSource("gpu-1", 42))
    assert filter_of(host="gpu-2").judged(event(BEFORE, elsewhere)) == "out"
    assert filter_of(status="completed").judged(event(None, BEFORE)) == "out"


def test_a_deleted_task_is_told_of_to_who_had_it() -> None:
    gone = msgspec.structs.replace(event(BEFORE, BEFORE), action="deleted")
    assert filter_of(status="pending").judged(gone) == "in" and filter_of(status="completed").judged(gone) == "out"


def lists_of(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=2)


WORDS = st.sampled_from(["a", "b", "A", "ab"])
TASKS = st.builds(
    Task,
    task_id=st.just(7), name=WORDS, status=st.sampled_from(STATUSES), priority=st.sampled_from(PRIORITIES),
    created_at=st.just("t"), message=WORDS, tags=st.lists(WORDS, max_size=2), key=st.none() | WORDS,
    parent_id=st.none() | st.integers(1, 3),
    source=st.none() | st.builds(TaskSource, host=st.none() | WORDS, pid=st.integers(1, 2)),
    outcome=st.none() | st.sampled_from(OUTCOMES[:2]),
    resources=st.none() | st.builds(Resources, hosts=st.none() | st.dictionaries(WORDS, st.just(HostResources()))),
).map(lambda task: msgspec.structs.replace(task, outcome=(task.outcome or "failed") if task.status == "completed"
                                           else None))  # fmt: skip
FILTERS = st.fixed_dictionaries({}, optional={
    "task_id": st.integers(6, 7), "status": lists_of(st.sampled_from(STATUSES)),
    "priority": lists_of(st.sampled_from(PRIORITIES)), "outcome": lists_of(st.sampled_from(OUTCOMES[:2])),
    "tag": lists_of(WORDS), "key": lists_of(WORDS), "parent_id": st.integers(1, 3), "host": lists_of(WORDS),
    "q": WORDS,
}).filter(bool)  # fmt: skip


@given(TASKS, TASKS, FILTERS)
def test_an_event_is_judged_by_what_the_task_is_and_was(before: Task, after: Task, fields: dict[str, Any]) -> None:
    wanted = filter_of(**fields)
    right = "in" if wanted.holds(after) else "left" if wanted.holds(before) else "out"
    assert wanted.judged(event(before, after)) == right
    # Of an event that does not say what was before, one may be seen leaving that was not there, and none is missed.
    # Such an event is of a version in which every task was on one host.
    before, after = msgspec.structs.replace(before, resources=None), msgspec.structs.replace(after, resources=None)
    right = "in" if wanted.holds(after) else "left" if wanted.holds(before) else "out"
    assert wanted.judged(event(before, after, with_previous=False)) in {right, "left" if right == "out" else right}


def test_the_event_of_a_task_that_left_says_so() -> None:
    body = b'{"type":"taskUpdate","seq":1,"timestamp":"t","action":"updated","changed":[],"task_id":1,"name":"n",'
    body += b'"status":"pending","priority":"low","created_at":"t"}'
    sent = msgspec.json.decode(marked_as_left(body), type=TaskUpdate)
    assert sent.matches is False and msgspec.structs.replace(sent, matches=True) == msgspec.json.decode(
        body, type=TaskUpdate
    )


def test_streams_that_were_not_asked_for_are_not_wanted() -> None:
    wanted = Subscription.of(Subscribe(streams=["tasks", "tasks"]))
    assert wanted.wants("taskUpdate") and not wanted.wants("notification") and not wanted.wants("performanceUpdate")
    assert all(EVERYTHING.wants(type_) for type_ in ("taskUpdate", "notification", "visualizationUpdate"))


@pytest.mark.parametrize(("since", "epoch", "reason"), [
    (10, "e", None), (9, None, None), (4, "e", None), (3, "e", "expired"), (0, None, "expired"), (11, "e", "ahead"),
    (7, "other", "epoch"), (99, "other", "epoch"),
])  # fmt: skip
def test_a_position_is_held_against_the_log(since: int, epoch: str | None, reason: str | None) -> None:
    assert reset_reason(since, epoch, Log("e", 5, 10)) == reason


def test_before_the_first_event_there_is_nothing_to_miss() -> None:
    assert reset_reason(0, "e", Log("e", 1, 0)) is None


def test_what_a_filter_looks_at_is_in_the_event_of_what_was_before() -> None:
    looked_at = set(Told.__struct_fields__) - {"action", "changed", "previous", "previous_status", "task_id", "status"}
    looked_at ^= {"resources", "hosts"}
    assert looked_at == set(Previous.__struct_fields__) and Previous() == Previous(**dict.fromkeys(looked_at, UNSET))


def test_a_task_is_told_of_to_who_asks_for_a_host_on_which_it_has_others() -> None:
    spread = msgspec.structs.replace(BEFORE, resources=Resources(hosts={"gpu-2": HostResources(cpu_seconds=1.0)}))
    wanted, home = filter_of(host=["gpu-2", "gpu-3"]), filter_of(host="gpu-1")
    assert wanted.holds(spread) and home.holds(spread) and not filter_of(host="gpu-3").holds(spread)
    assert wanted.judged(event(BEFORE, spread)) == "in" and home.judged(event(BEFORE, spread)) == "in"
    again = msgspec.structs.replace(spread, status="pending", attempt=2, resources=None, source=None)
    assert wanted.judged(event(spread, again)) == "left"
    assert filter_of(host="gpu-3").judged(event(spread, again)) == "out"
