"""Judges the rules about tasks, in the very change that they are about: pure.

The subject is a job: its key, or without one its name, so that the next run of the job can end what this one began.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from vain.alerting.alert import Alert, AlertEvent, Cleared, Fired
from vain.alerting.rule import Rule, TaskEvent
from vain.clock import unix
from vain.notification import Notice
from vain.types import Task, Time

Alerts = Mapping[tuple[str, str], Alert]
"""What fires now, by rule and subject."""

EVENTS: Mapping[str, TaskEvent] = {
    "task.failed": "failed", "task.crashed": "crashed", "task.timed-out": "timed-out", "task.stale": "stale",
    "task.overdue": "overdue", "task.missed": "missed", "task.longer": "longer", "task.shorter": "shorter",
    "task.costlier": "costlier",
}  # fmt: skip
"""The kinds of notifications that rules are about."""
OF_A_RUN: frozenset[TaskEvent] = frozenset({"stale", "overdue", "longer"})
"""What is over when that very run goes on or ends; the others are over when a later run goes well."""


class Job(Struct, frozen=True):
    """What a change is about: a job, and the run of it, None if none is known; ``is_gone``: it was deleted."""

    subject: str
    task: Task | None
    is_gone: bool = False

    @property
    def task_id(self) -> int | None:
        """The number of the run."""
        return None if self.task is None else self.task.task_id


class Verdict(Struct, frozen=True):
    """What the rules say to one change; ``covered`` are kinds of its notifications that a rule tells of instead."""

    events: list[AlertEvent]
    covered: frozenset[str]


NOTHING = Verdict([], frozenset())


def subject_of(task: Task) -> str:
    """What the job is called: its key, or its name."""
    return task.key or task.name


def judge(
    rules: Iterable[Rule], job: Job, told: Collection[Notice], alerts: Alerts, now: Time, running: Collection[str]
) -> Verdict:
    """After a change of which this is ``told``. ``running`` are names and keys of tasks in progress."""
    happened = {EVENTS[notice.kind]: notice for notice in told if notice.kind in EVENTS}
    kinds = {notice.kind for notice in told}
    events: list[AlertEvent] = []
    covered: set[str] = set()
    for rule in rules:
        alert = alerts.get((rule.name, job.subject))
        hits = [event for event in rule.tasks if event in happened] if _is_about(rule, job) else []
        if hits and (alert is not None or _may_fire(rule, running)):
            covered.update(happened[event].kind for event in hits)
            if alert is None:
                said = happened[hits[0]].message
                events.append(Fired(rule, job.subject, None, None, unix(now), 0.0, job.task_id, hits[0], said))
        elif alert is not None and not hits and _is_over(alert, job, kinds):
            since = unix(alert.since)
            lasted = max(0.0, unix(now) - since)
            said = "The task was deleted" if job.is_gone else ""
            events.append(Cleared(rule, job.subject, None, None, since, lasted, None, job.task_id, alert.event, said))
    return Verdict(events, frozenset(covered)) if events or covered else NOTHING


def _is_about(rule: Rule, job: Job) -> bool:
    names = {job.subject} if job.task is None else {job.subject, job.task.name}
    has_tag = rule.tag is None or (job.task is not None and rule.tag in job.task.tags)
    return has_tag and (rule.task is None or rule.task in names)


def _may_fire(rule: Rule, running: Collection[str]) -> bool:
    is_for_now = rule.while_task is None or rule.while_task in running
    return is_for_now and (rule.unless_task is None or rule.unless_task not in running)


def _is_over(alert: Alert, job: Job, kinds: Collection[str]) -> bool:
    task = job.task
    if alert.event == "missed":
        return "task.recovered" in kinds or (task is not None and task.status == "in-progress" and not job.is_gone)
    if task is None:
        return False
    is_same = task.task_id == alert.task_id
    if job.is_gone:
        return is_same
    if alert.event in OF_A_RUN:
        return is_same and not _is_so_still(alert, task)
    # Not the outcome: that of an earlier run, whose tags were edited, says nothing of this one.
    return "task.completed" in kinds


def _is_so_still(alert: Alert, task: Task) -> bool:
    if alert.event == "stale":
        return task.stale
    if alert.event == "overdue":
        return task.overdue
    return task.status != "completed"
