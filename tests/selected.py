"""Which tasks a query picks, and in which order, among tasks in memory: what the store must find by SQL."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any

from vain.selection import parse_sort
from vain.types import FAILURES, PRIORITIES, STATUSES, Task, TaskCounts, TaskPage, TaskQuery, Trouble

_RANK_COLUMNS: dict[str, Callable[[Task], Any]] = {
    "status": lambda task: STATUSES.index(task.status),
    "priority": lambda task: PRIORITIES.index(task.priority),
}


def select(tasks: Iterable[Task], query: TaskQuery, seq: int) -> TaskPage:
    """The page that ``query`` asks for; ``total`` counts what matches, ``counts`` all tasks.

    Raises Malformed if the sort column is unknown.
    """
    everything = list(tasks)
    matching = [task for task in everything if matches(task, query)]
    page = ordered(matching, query.sort)[query.offset : query.offset + query.limit]
    return TaskPage(page, len(matching), counts(everything), seq)


def counts(tasks: Iterable[Task]) -> TaskCounts:
    """How many tasks there are, by status, failed and overdue."""
    by_status: Counter[str] = Counter()
    failed = overdue = 0
    for task in tasks:
        by_status[task.status] += 1
        failed += task.outcome in FAILURES
        overdue += task.overdue
    return TaskCounts(by_status["pending"], by_status["in-progress"], by_status["completed"], failed, overdue)


def matches(task: Task, query: TaskQuery) -> bool:
    """Whether the filters of ``query`` let this task through."""
    return (
        query.status in (None, task.status)
        and query.priority in (None, task.priority)
        and query.outcome in (None, task.outcome)
        and (not query.text or _holds(task, query.text.casefold()))
        and (query.tag is None or query.tag in task.tags)
        and (query.trouble is None or _is_in_trouble(task, query.trouble))
        and (query.completed_after is None or (task.completed_at or "") >= query.completed_after)
        and query.task_id in (None, task.task_id)
        and query.host in (None, task.host)
    )


def ordered(tasks: Iterable[Task], sort: str) -> list[Task]:
    """The tasks by a column of ``SORTS``, equal ones by number; those without a value come last in both directions."""
    column, descending = parse_sort(sort)
    value_of = _RANK_COLUMNS.get(column) or attrgetter(column)
    keyed = [(value_of(task), task.task_id, task) for task in tasks]
    known = [entry for entry in keyed if entry[0] is not None]
    unknown = [entry for entry in keyed if entry[0] is None]
    known.sort(key=lambda entry: entry[:2], reverse=descending)
    unknown.sort(key=lambda entry: entry[1], reverse=descending)
    return [task for _, _, task in known + unknown]


def _is_in_trouble(task: Task, trouble: Trouble) -> bool:
    is_late, has_failed = task.stale or task.overdue, task.outcome in FAILURES
    known = {"stale": task.stale, "overdue": task.overdue, "late": is_late, "failed": has_failed}
    return known.get(trouble, is_late or has_failed)


def _holds(task: Task, text: str) -> bool:
    return text in "\n".join((task.name, task.description, task.message, task.key or "", *task.tags)).casefold()
