"""The life of a task: its changes as they were sent, or between two versions of it, each in words. Pure."""

from __future__ import annotations

from msgspec import Struct, to_builtins

from vain import words
from vain.types import Action, Outcome, Status, Task, TaskError, Time

SILENT = frozenset(("version", "updated_at", "heartbeat_at", "eta", "resources", "created_at", "task_id"))
"""Fields that change by themselves; a change of nothing else is no step of a life."""
_OUTCOMES = {"timed-out": "timed out"}


class Change(Struct, frozen=True):
    """One change, with what the task was after it."""

    version: int = 1
    updated_at: Time | None = None
    created_at: Time = ""
    action: Action = "updated"
    changed: list[str] = []
    status: Status = "pending"
    outcome: Outcome | None = None
    exit_code: int | None = None
    error: TaskError | None = None
    priority: str = ""
    name: str = ""
    message: str = ""
    progress: float | None = None
    stale: bool = False
    overdue: bool = False
    attempt: int = 1
    timestamp: Time | None = None

    @property
    def at(self) -> Time:
        """When it was."""
        return self.updated_at or self.timestamp or self.created_at


class LogPart(Struct, frozen=True):
    """A part of a task's output: where in all of the output it begins, and its bytes."""

    begin: int
    body: bytes

    @property
    def end(self) -> int:
        """Where to ask on."""
        return self.begin + len(self.body)


def between(before: Task, after: Task) -> Change:
    """What changed from one version to a later one; all that lies between is one change."""
    old, new = to_builtins(before), to_builtins(after)
    changed = [name for name in new if new[name] != old[name]]
    known = {name: new[name] for name in Change.__struct_fields__ if name in new and name != "error"}
    return Change(**{**known, "error": after.error, "changed": changed})


def told(change: Change) -> str:
    """One change in words; empty for one that says nothing to a person."""
    if change.action != "updated":
        return {"created": "created", "deleted": "deleted"}[change.action]
    changed = set(change.changed) - SILENT
    parts = [_standing(change)] if changed & {"status", "outcome", "attempt"} else []
    if "progress" in changed and change.progress is not None and change.status != "completed":
        parts.append(words.percent(change.progress))
    if "stale" in changed:
        parts.append("did not report in time" if change.stale else "reports again")
    if "overdue" in changed:
        parts.append("overdue" if change.overdue else "no longer overdue")
    if "name" in changed:
        parts.append(f"renamed to {change.name}")
    if "priority" in changed:
        parts.append(f"priority {change.priority}")
    if "message" in changed and change.message:
        parts.append(f"“{change.message}”")
    rest = changed & {"description", "tags", "key", "parent_id", "due_at", "metadata", "source", "expect_next_in"}
    if rest and not parts:
        parts.append("changed " + ", ".join(name.replace("_", " ") for name in sorted(rest)))
    return " · ".join(parts)


def _standing(change: Change) -> str:
    if change.status == "pending":
        return "waits again" if change.attempt > 1 else "waits"
    if change.status == "in-progress":
        return f"started, attempt {change.attempt}" if change.attempt > 1 else "started"
    outcome = change.outcome or "succeeded"
    code = f", exit {change.exit_code}" if change.exit_code else ""
    return _OUTCOMES.get(outcome, outcome) + code
