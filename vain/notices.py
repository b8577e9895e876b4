"""What is worth telling a person, and how: tasks that ended or went overdue, errors of our own."""

from __future__ import annotations

from msgspec import Struct

from vain import words
from vain.clock import unix
from vain.notification import Notice
from vain.types import Action, Level, Outcome, Task

LONGEST_QUOTE = 400
"""Characters of what a program or an error said; the rest is cut."""
SHORT_SECONDS = 60.0
"""What took less, and went well, need not be told to anybody."""


class _Ending(Struct, frozen=True):
    kind: str
    level: Level
    verb: str


_ENDINGS: dict[Outcome, _Ending] = {
    "succeeded": _Ending("task.completed", "info", "completed"),
    "failed": _Ending("task.failed", "error", "failed"),
    "timed-out": _Ending("task.timed-out", "error", "timed out"),
    "crashed": _Ending("task.crashed", "error", "crashed"),
    "cancelled": _Ending("task.cancelled", "info", "was cancelled"),
    "skipped": _Ending("task.skipped", "info", "was skipped"),
}


def of_task(task: Task, previous: Task | None, action: Action) -> list[Notice]:
    """What the change from ``previous`` to ``task`` is worth telling: that it ended, or that it went overdue.

    A corrected outcome and the end of another attempt are told again; a deletion, and that a task is no longer overdue,
    are not told.
    """
    if action == "deleted":
        return []
    notices = []
    if task.outcome is not None and (previous is None or _end(task) != _end(previous)):
        notices.append(_ended(task, _ENDINGS[task.outcome], _is_quiet(task, previous)))
    if task.overdue and not (previous is not None and previous.overdue and previous.due_at == task.due_at):
        notices.append(_overdue(task))
    return notices


def of_error(component: str, summary: str) -> Notice:
    """An error inside vAIn; ``component`` is the part of it, in a word (``sampler``)."""
    return Notice(kind="vain.error", level="error", title=f"vAIn: error in the {component}", message=_one_line(summary))


def _end(task: Task) -> tuple[Outcome | None, int]:
    return task.outcome, task.attempt


def _is_quiet(task: Task, previous: Task | None) -> bool:
    """Whether it is the success of a short task for which nobody waits.

    Somebody does if its priority is high, if it has a time by which it is due, or if it was told before that it failed
    or was not heard of.
    """
    is_awaited = task.priority == "high" or task.due_at is not None
    was_told = task.attempt > 1 or (previous is not None and (previous.stale or previous.outcome is not None))
    is_short = (_duration_seconds(task) or 0.0) < SHORT_SECONDS
    return task.outcome in ("succeeded", "skipped") and is_short and not is_awaited and not was_told


def _ended(task: Task, ending: _Ending, is_quiet: bool) -> Notice:
    duration = _duration_seconds(task)
    parts = [] if ending.level == "info" else _cause(task)
    if duration is not None:
        parts.append(f"after {words.duration(duration)}")
    return Notice(
        kind=ending.kind,
        level=ending.level,
        title=f"{task.name} {ending.verb}",
        message=", ".join(parts),
        task_id=task.task_id,
        quiet=is_quiet,
    )


def _cause(task: Task) -> list[str]:
    """Why it failed, as far as it is known: the error, or else the last line of progress, and the exit code."""
    if task.error is not None:
        said = ": ".join(part for part in (task.error.type, task.error.message) if part)
    else:
        said = task.message
    code = None if task.exit_code is None else f"exit code {task.exit_code}"
    # A sentence goes on: "…, exit code 1, after 3 s".
    return [part for part in (_one_line(said).removesuffix("."), code) if part]


def _overdue(task: Task) -> Notice:
    due = f"Was due {words.moment(task.due_at)}" if task.due_at is not None else ""
    return Notice(
        kind="task.overdue", level="warning", title=f"{task.name} is overdue", message=due, task_id=task.task_id
    )


def _duration_seconds(task: Task) -> float | None:
    """From start to end; None if it never started, or if the clock was set back in between."""
    if task.started_at is None or task.completed_at is None:
        return None
    seconds = unix(task.completed_at) - unix(task.started_at)
    return seconds if seconds >= 0 else None


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_QUOTE else f"{line[: LONGEST_QUOTE - 1]}…"
