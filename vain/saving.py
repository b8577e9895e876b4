"""How a changed task is stored: what it may not collide with, what the server adds of its own, what should be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from vain import firing, notices, usual
from vain.alerting.of_tasks import NOTHING, Job, judge, subject_of
from vain.alerting.rule import Rule
from vain.codec import encode
from vain.errors import Conflict, Flaw
from vain.notification import Notice
from vain.store.transaction import Transaction
from vain.types import Task, Time

RUNNING_SHOWN = 20
DEEPEST_FAMILY = 64
EARLIER_RUNS = 100
"""Of the same job, to tell what is usual."""


class Marks(Protocol):
    """What the server itself knows of a task. Called on the store's writing thread."""

    def costed(self, task: Task) -> Task:
        """The task with what its processes have used until now."""

    def estimated(self, transaction: Transaction, task: Task, previous: Task | None, now: Time) -> Task:
        """The task with its ``eta``."""


class NoMarks:
    """Nothing is known beyond what clients say."""

    def costed(self, task: Task) -> Task:
        """See ``Marks``."""
        return task

    def estimated(self, transaction: Transaction, task: Task, previous: Task | None, now: Time) -> Task:
        """See ``Marks``."""
        return task


def saved(transaction: Transaction, task: Task, previous: Task | None, now: Time, more: Sequence[Notice] = ()) -> bytes:
    """Store the task with its event and what should be told of it (and ``more``), and return its JSON."""
    if task is previous:
        return encode(task)
    body = transaction.save(task, previous, now)
    told = notices.of_task(task, previous, "updated" if previous else "created")
    tell(transaction, Job(subject_of(task), task), [*told, *more], now)
    return body


def tell(transaction: Transaction, job: Job, told: Sequence[Notice], now: Time) -> None:
    """Store what should be told of a job, and what the rules about tasks make of it.

    What a rule tells of is stored all the same, but quiet: a person hears of it once.
    """
    rules, silences = transaction.judging.rules, transaction.judging.silences
    verdict = NOTHING
    if rules:
        told = [*told, *_unusual(transaction, rules, job, told)]
        known = firing.alerts_of(transaction, job.subject)
        running = _running(transaction) if any(rule.unless_task or rule.while_task for rule in rules) else ()
        verdict = judge(rules, job, told, known, now, running)
    for notice in told:
        is_covered = notice.kind in verdict.covered
        if is_covered or notice.kind not in usual.ONLY_BY_RULE:
            told_now = replace(notice, quiet=True) if is_covered else notice
            transaction.notify(told_now, now, transaction.running(RUNNING_SHOWN))
    for event in verdict.events:
        firing.store(transaction, event, silences, now, firing.Seen(url=_url(job)))


def _unusual(transaction: Transaction, rules: Sequence[Rule], job: Job, told: Sequence[Notice]) -> list[Notice]:
    """What is unusual about a run that has just ended well, if a rule asks for it."""
    asked = {event for rule in rules for event in rule.tasks}
    has_ended_well = any(notice.kind == "task.completed" for notice in told)
    if job.task is None or not has_ended_well or not asked & {"shorter", "costlier"}:
        return []
    return usual.ended_notices(job.task, transaction.earlier_runs(job.task, EARLIER_RUNS))


def _running(transaction: Transaction) -> set[str]:
    return {name for task in transaction.started() for name in (task.name, task.key) if name}


def _url(job: Job) -> str | None:
    return None if job.task_id is None else f"/task?id={job.task_id}"


def refuse_conflicts(transaction: Transaction, task: Task, previous: Task | None) -> None:
    """A key belongs to one unfinished task; a parent exists and is no descendant. Raises Conflict."""
    if task.key is not None and task.status != "completed":
        holder = transaction.unfinished_with_key(task.key)
        if holder is not None and holder.task_id != task.task_id:
            detail = f"Task {holder.task_id} is not completed and has this key."
            raise Conflict(f"key: {detail}", [Flaw(detail, pointer="/key")])
    if task.parent_id is not None and (previous is None or task.parent_id != previous.parent_id):
        _refuse_family(transaction, task)


def _refuse_family(transaction: Transaction, task: Task) -> None:
    ancestor = task.parent_id
    for _ in range(DEEPEST_FAMILY):
        if ancestor is None:
            return
        if ancestor == task.task_id:
            break
        parent = transaction.task(ancestor)
        if parent is None:
            detail = f"There is no task {ancestor}."
            raise Conflict(f"parent_id: {detail}", [Flaw(detail, pointer="/parent_id")])
        ancestor = parent.parent_id
    detail = f"A task may not stand below itself, nor deeper than {DEEPEST_FAMILY} levels."
    raise Conflict(f"parent_id: {detail}", [Flaw(detail, pointer="/parent_id")])
