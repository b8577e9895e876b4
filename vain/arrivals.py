"""How a change came: late, or by a name that its reporter gave to its task."""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from vain import lifecycle
from vain.clock import unix, utc
from vain.saving import saved
from vain.store.transaction import Transaction
from vain.types import Task, TaskDraft, Time


class Report(NamedTuple):
    """How a change came."""

    ago_seconds: float = 0.0
    """So long before now it happened: the server was away."""
    run_id: str | None = None
    """What the reporter calls its task."""
    parent_run: str | None = None
    """What the reporter calls the task that this one is part of."""

    def time(self, now: Time) -> Time:
        """When it happened."""
        return utc(unix(now) - self.ago_seconds) if self.ago_seconds else now


AT_ONCE = Report()


def named(transaction: Transaction, task: Task, run_id: str, parent_run: str | None, now: Time) -> list[Task]:
    """Note the name of a run, and give it the children that waited for it; these."""
    transaction.name_run(run_id, task.task_id, parent_run if task.parent_id is None else None)
    adopted = []
    for child in transaction.children_of_run(run_id):
        if child.parent_id is None and child.task_id != task.task_id:
            after = lifecycle.marked(child, now, parent_id=task.task_id)
            saved(transaction, after, child, now)
            adopted.append(after)
    return adopted


def told_before(transaction: Transaction, run_id: str) -> Task | None:
    """The task that has this name already."""
    task_id = transaction.task_of_run(run_id)
    return None if task_id is None else transaction.task(task_id)


def with_parent(transaction: Transaction, draft: TaskDraft, report: Report) -> TaskDraft:
    """A parent that is unknown to a reporter is no reason to lose its report."""
    parent_id = draft.parent_id
    if isinstance(parent_id, int) and report.run_id is not None and transaction.task(parent_id) is None:
        parent_id = None
    if not isinstance(parent_id, int) and report.parent_run is not None:
        parent_id = transaction.task_of_run(report.parent_run)
        if parent_id is not None and transaction.task(parent_id) is None:
            parent_id = None
    return replace(draft, parent_id=parent_id) if parent_id != draft.parent_id else draft
