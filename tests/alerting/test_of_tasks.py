from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from vain.alerting.alert import Alert, Cleared, Fired
from vain.alerting.of_tasks import Job, Verdict, judge, subject_of
from vain.alerting.rule import Rule, TaskEvent
from vain.notification import Notice
from vain.types import Task, Time

BEGAN: Time = "2026-11-23T08:00:00.000Z"
NOW: Time = "2026-11-23T09:00:00.000Z"
RUNNING = Task(7, "etl", "in-progress", "medium", BEGAN, started_at=BEGAN, key="nightly", tags=["night"])
WELL = replace(RUNNING, status="completed", outcome="succeeded", completed_at=NOW)
ANOTHER = replace(WELL, task_id=8)


def rule(*events: TaskEvent, **fields: Any) -> Rule:
    return Rule(name="r", tasks=list(events), **fields)


def said(made: Rule, task: Task, *kinds: str, after: TaskEvent | None = None, **job: Any) -> Verdict:
    """``after``: what it fires for already, by task 7."""
    alerts = {}
    if after is not None:
        alerts[("r", "nightly")] = Alert(
            rule="r", subject="nightly", level="warning", since=BEGAN, fired_at=BEGAN, notification_id=1, task_id=7,
            event=after,
        )  # fmt: skip
    told = [Notice(kind, "error", "x", f"why of {kind}") for kind in kinds]
    return judge([made], Job(subject_of(task), task, **job), told, alerts, NOW, {"etl", "nightly", "backup"})


@pytest.mark.parametrize(
    "event", ["failed", "crashed", "timed-out", "stale", "overdue", "missed", "longer", "shorter", "costlier"]
)
def test_what_happens_fires_once_and_its_notification_is_covered(event: TaskEvent) -> None:
    made = rule(event)
    first = said(made, RUNNING, f"task.{event}", "task.other")
    (fired,) = first.events
    assert isinstance(fired, Fired) and (fired.subject, fired.task_id, fired.event) == ("nightly", 7, event)
    assert fired.said == f"why of task.{event}"
    assert first.covered == {f"task.{event}"}
    again = said(made, RUNNING, f"task.{event}", after=event)
    assert again.events == [] and again.covered == {f"task.{event}"}
    others = said(rule("failed" if event != "failed" else "stale"), RUNNING, f"task.{event}")
    assert others.events == [] and not others.covered


OVER: list[tuple[TaskEvent, Task, tuple[str, ...], bool]] = [
    ("failed", ANOTHER, ("task.completed",), True),
    ("failed", replace(ANOTHER, outcome="cancelled"), (), False),
    ("failed", replace(RUNNING, task_id=8), (), False),
    ("shorter", ANOTHER, ("task.completed",), True),
    ("shorter", ANOTHER, ("task.completed", "task.shorter"), False),
    ("stale", RUNNING, ("task.recovered",), True),
    ("stale", replace(RUNNING, stale=True), (), False),
    ("stale", ANOTHER, (), False),
    ("overdue", replace(RUNNING, overdue=True), (), False),
    ("overdue", WELL, (), True),
    ("longer", RUNNING, (), False),
    ("longer", replace(WELL, outcome="failed"), (), True),
    ("missed", WELL, ("task.recovered",), True),
    ("missed", WELL, ("task.missed",), False),
    ("missed", replace(RUNNING, task_id=8), (), True),
]


@pytest.mark.parametrize(("event", "task", "kinds", "is_over"), OVER)
def test_it_is_over_when_the_job_goes_well_again(
    event: TaskEvent, task: Task, kinds: tuple[str, ...], is_over: bool
) -> None:
    events = said(rule(event), task, *kinds, after=event).events
    assert [type(each) for each in events] == ([Cleared] if is_over else [])
    assert all(each.duration_seconds == 3_600 for each in events)


def test_what_is_over_depends_on_what_happened_not_on_what_else_the_rule_watches() -> None:
    both = rule("failed", "stale")
    assert [type(each) for each in said(both, RUNNING, after="stale").events] == [Cleared]
    assert said(both, RUNNING, after="failed").events == []


def test_the_end_of_a_task_that_is_deleted_is_the_end_of_what_it_began() -> None:
    (cleared,) = said(rule("failed"), RUNNING, after="failed", is_gone=True).events
    assert isinstance(cleared, Cleared) and cleared.said == "The task was deleted"
    assert not said(rule("failed"), ANOTHER, after="failed", is_gone=True).events


@pytest.mark.parametrize(
    ("fields", "fires"),
    [
        ({}, True),
        ({"task": "etl"}, True),
        ({"task": "nightly"}, True),
        ({"task": "other"}, False),
        ({"tag": "night"}, True),
        ({"tag": "day"}, False),
        ({"unless_task": "backup"}, False),
        ({"unless_task": "other"}, True),
        ({"while_task": "backup"}, True),
        ({"while_task": "other"}, False),
    ],
)
def test_a_rule_is_about_the_tasks_that_it_names_and_heeds_who_runs(fields: dict[str, Any], fires: bool) -> None:
    assert bool(said(rule("failed", **fields), RUNNING, "task.failed").events) is fires


def test_a_job_without_a_key_is_known_by_its_name() -> None:
    assert subject_of(replace(RUNNING, key=None)) == "etl" and subject_of(RUNNING) == "nightly"
