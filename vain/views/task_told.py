"""One task as its page tells it: plain values for the browser, which sets each as text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from msgspec import to_builtins

from vain import words
from vain.changes import Change, told
from vain.clock import unix
from vain.costs import hosts_of
from vain.lanes import Bar
from vain.recap import Said, hosts_table, markdown_of, seconds_of
from vain.types import Task, TaskPatch
from vain.views.theme import OUTCOME

MARGIN: Final = 0.1
"""Room on both sides of a task's life, of its length, when the timeline shows it."""
LEAST_MARGIN_SECONDS: Final = 15.0
MOST_CHILDREN: Final = 50
PATCHES: Final[dict[str, TaskPatch]] = {
    "start": TaskPatch(status="in-progress"),
    "complete": TaskPatch(status="completed", outcome="succeeded"),
    "fail": TaskPatch(status="completed", outcome="failed"),
    "cancel": TaskPatch(status="completed", outcome="cancelled"),
    "reopen": TaskPatch(status="pending"),
}
"""What a button of the page does to the task."""
_OFFERED: Final = {
    "pending": ("start", "complete", "cancel"),
    "in-progress": ("complete", "fail", "cancel"),
    "completed": ("reopen",),
}


def look_of(task: Task) -> str:
    """The key of ``theme.OUTCOME`` that says how a task stands."""
    if task.status == "completed":
        return task.outcome or "succeeded"
    return "stale" if task.stale else "running" if task.status == "in-progress" else "pending"


def head(
    task: Task,
    now: float,
    said: Sequence[Said],
    may_write: bool,
    family: Sequence[Bar] = (),
    known: Collection[str] = (),
) -> dict[str, Any]:
    """The head of the page and its card; ``known`` are the machines that have pages of their own."""
    look = OUTCOME[look_of(task)]
    begin, end = life_window(task, now)
    ran = seconds_of(task, now)
    waited = None if task.started_at is None else unix(task.started_at) - unix(task.created_at)
    fields = to_builtins(task)
    hosts = hosts_table(task)
    return {
        **{name: fields[name] for name in _AS_THEY_ARE},
        "look": look_of(task),
        "sign": look.sign,
        "word": look.word,
        "waited": "" if waited is None or waited < 1 else words.duration(waited),
        "ran": "" if ran is None else words.duration(ran),
        "amount": _amount(task),
        "after": begin,
        "before": end,
        "actions": list(_OFFERED[task.status]) if may_write else [],
        "children": [child(bar) for bar in family if bar.depth == 1][:MOST_CHILDREN],
        "parent": None if task.parent_id is None else {"task_id": task.parent_id},
        "said": [[line.topic, line.text] for line in said],
        "hosts": hosts,
        "more_hosts": max(0, len(hosts_of(task.resources)) - len(hosts) + 1) if hosts else 0,
        "known_hosts": [row[0] for row in hosts[1:] if row[0] in known],
        "markdown": markdown_of(task, said),
    }


def missing(task_id: int | None, was_there: bool = False) -> dict[str, Any]:
    """What stands in place of a task that cannot be shown."""
    if task_id is None:
        return {"missing": "Which task?", "why": "The address names it by its number, as in /task?id=7."}
    if was_there:
        return {"missing": f"Task {task_id} was deleted", "why": "What stands below is the last that was known of it."}
    return {"missing": f"There is no task {task_id}", "why": "It may have been deleted, or the number may be mistyped."}


def life(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """The steps of a life, newest first; those that say nothing to a person are left out.

    Of steps of progress alone that follow each other, only the newest is told: hundreds would hide the rest.
    """
    steps: list[dict[str, Any]] = []
    was_progress = False
    for change in changes:
        text = told(change)
        is_progress = change.progress is not None and text == words.percent(change.progress)
        if is_progress and was_progress:
            steps.pop()
        if text:
            steps.append({"at": change.at, "version": change.version, "text": text})
            was_progress = is_progress
    return steps[::-1]


def life_window(task: Task, now: float) -> tuple[float, float]:
    """Where on the timeline a task lies, with some room around it; Unix seconds."""
    begin = unix(task.started_at or task.created_at)
    end = unix(task.completed_at) if task.completed_at else now
    room = max(LEAST_MARGIN_SECONDS, MARGIN * (end - begin))
    return round(begin - room, 3), round(end + room, 3)


def child(bar: Bar) -> dict[str, Any]:
    """A task below this one, as a link."""
    look = OUTCOME[bar.outcome or ("running" if bar.status == "in-progress" else "pending")]
    return {"task_id": bar.task_id, "name": bar.name, "sign": look.sign, "word": look.word}


def _amount(task: Task) -> str:
    if task.current is None:
        return ""
    of = "" if task.total is None else f" of {task.total:,g}"
    return f"{task.current:,g}{of} {task.unit or ''}".strip()


_AS_THEY_ARE: Final = (
    "task_id name status priority description message tags key progress outcome exit_code error due_at metadata source "
    "created_at started_at completed_at heartbeat_at attempt stale overdue eta version"
).split()
