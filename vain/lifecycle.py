"""How a task may change, in one place: pure functions from (task, patch, now) to the next task.

Every move between the three statuses is accepted, since people correct mistakes. The server alone writes time stamps;
success and failure are an ``outcome`` of ``completed``, not a status; reopening raises ``attempt``. A report may come
late (the server was down): ``at`` is when it happened, and ``now`` when it is written.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from vain.codec import encode, parse_time
from vain.costs import ended, with_usage
from vain.errors import Flaw, Invalid
from vain.types import CLIENT_FIELDS, LARGEST_INTEGER, Task, TaskDraft, TaskError, TaskPatch, Time

REPORTS = frozenset({"status", "progress", "current", "total", "message"})
"""A change of one of these is a report from whoever does the work, so it counts as a heartbeat."""

_BLANK = Task(task_id=0, name="", status="pending", priority="medium", created_at="")


def created(draft: TaskDraft, task_id: int, now: Time, at: Time | None = None) -> Task:
    """The new task ``task_id``. Raises Invalid when the draft contradicts itself."""
    at = min(at or now, now)
    wanted = _changes(_BLANK, _given(draft))
    task = _applied(_BLANK, wanted, now, at, task_id=task_id, created_at=at, version=1)
    return _with_usage(task, draft)


def patched(task: Task, patch: TaskPatch, now: Time, at: Time | None = None) -> Task:
    """The task after a client's change; the same object if nothing would change.

    Raises Invalid when the patch contradicts itself.
    """
    given = _given(patch)
    wanted = _changes(task, given)
    is_report = not given or bool(REPORTS & given.keys())
    if not wanted and not (is_report and task.status == "in-progress"):
        return task
    return _with_usage(_applied(task, wanted, now, at or now, version=task.version + 1), patch)


def crashed(task: Task, now: Time) -> Task:
    """The task after the process that did the work was found to be gone without a word."""
    pid = None if task.source is None else task.source.pid
    error = TaskError("Crashed", f"Process {pid} is gone, and it did not say how its work ended.")
    return marked(task, now, status="completed", outcome="crashed", error=error, completed_at=_not_before(task, now))


def marked(task: Task, now: Time, **fields: Any) -> Task:
    """The task with what the server itself found out; the same object if that is nothing new."""
    after = msgspec.structs.replace(task, **fields)
    if after == task:
        return task
    after = msgspec.structs.replace(after, updated_at=_not_before(task, now), version=task.version + 1)
    return _settled(after, now)


def overdue_marked(task: Task, now: Time) -> Task:
    """The task as the server's clock sees it: ``overdue`` once ``due_at`` has passed and it is not completed."""
    return marked(task, now, overdue=_is_overdue(task, now))


def orphaned(task: Task, now: Time) -> Task:
    """The task after its parent was deleted."""
    return marked(task, now, parent_id=None)


def changed_fields(old: Task | None, new: Task) -> list[str]:
    """The names of the fields that differ, in the order of the type; all of them for a new task."""
    fields = Task.__struct_fields__
    if old is None:
        return list(fields)
    return [field for field in fields if getattr(old, field) != getattr(new, field)]


def violations(task: Task) -> list[str]:
    """What is wrong with a stored task, as sentences; empty for every task that this module made."""
    completed, now = task.status == "completed", task.updated_at
    rules = {
        "outcome is set exactly when status is completed": (task.outcome is not None) == completed,
        "completed_at is set exactly when status is completed": (task.completed_at is not None) == completed,
        "a task in progress has started": task.status != "in-progress" or task.started_at is not None,
        "a pending task has not started": task.status != "pending" or task.started_at is None,
        "exit_code and error belong to a completed task": completed or (task.exit_code is None and task.error is None),
        "progress lies between 0 and 100": task.progress is None or 0 <= task.progress <= 100,
        "a completed task is not overdue": not (completed and task.overdue),
        "only a task in progress is stale or has an eta": task.status == "in-progress" or not (task.stale or task.eta),
        "times do not run backwards": now is not None and task.created_at <= now,
        "version and attempt count from 1": task.version >= 1 and 1 <= task.attempt <= task.version,
        "a task is not its own parent": task.parent_id != task.task_id,
        "tags are unique": len(task.tags) == len(set(task.tags)),
        "the number is exact everywhere": 1 <= task.task_id <= LARGEST_INTEGER,
    }
    return [rule for rule, holds in rules.items() if not holds]


def _given(patch: TaskPatch) -> dict[str, Any]:
    """What the patch sets, with times in canonical form and tags in their order but once each."""
    given = {field: value for field in CLIENT_FIELDS if (value := getattr(patch, field)) is not UNSET}
    if given.get("due_at") is not None:
        given["due_at"] = parse_time(given["due_at"], pointer="/due_at")
    if "tags" in given:
        given["tags"] = list(dict.fromkeys(given["tags"]))
    if "name" in given and not given["name"].strip():
        raise _refused("name", "A name needs at least one character that can be seen.")
    source = given.get("source")
    if source is not None and source.pid_started_at is not None:
        started = parse_time(source.pid_started_at, pointer="/source/pid_started_at")
        given["source"] = msgspec.structs.replace(source, pid_started_at=started)
    return given


def _changes(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """What of it differs from the task, and with that the status if it was given, which then counts for the rest."""
    wanted = {field: value for field, value in given.items() if value != getattr(task, field)}
    # Compared as JSON too, since to Python True, 1 and 1.0 are the same.
    if "metadata" in given and encode(given["metadata"]) != encode(task.metadata):
        wanted["metadata"] = given["metadata"]
    if wanted and "status" in given:
        wanted["status"] = given["status"]
    return wanted


def _not_before(task: Task, now: Time) -> Time:
    """The wall clock may be set back; a task's own times never run backwards."""
    return max(now, task.created_at, task.updated_at or "")


def _applied(task: Task, wanted: dict[str, Any], now: Time, at: Time, **fields: Any) -> Task:
    now = _not_before(task, now)
    # What came late happened after the task began, and before it is written.
    at = min(max(at, task.created_at, task.started_at or ""), now)
    status = _status_after(task, wanted)
    fields |= wanted | {"status": status, "updated_at": now}
    if status == "completed":
        fields |= _completion(task, wanted, at)
    else:
        _refuse_result(wanted, status)
        if task.status == "completed":
            fields |= _reopening(task) | wanted
        fields |= _start(task, status, at)
    fields |= _progress(task, wanted, fields)
    if status == "in-progress" and (not wanted or REPORTS & wanted.keys()):
        fields["heartbeat_at"] = max(at, task.heartbeat_at or "")
    return _settled(msgspec.structs.replace(task, **fields), now)


def _settled(task: Task, now: Time) -> Task:
    """What follows for the fields of the server's own."""
    fields: dict[str, Any] = {"overdue": _is_overdue(task, now)}
    if task.status != "in-progress":
        fields |= {"stale": False, "eta": None, "resources": ended(task.resources)}
    return msgspec.structs.replace(task, **fields)


def _with_usage(task: Task, patch: TaskPatch) -> Task:
    if patch.usage is UNSET or patch.usage is None or task.status != "completed":
        return task
    return msgspec.structs.replace(task, resources=with_usage(task.resources, patch.usage, task.host))


def _status_after(task: Task, wanted: dict[str, Any]) -> str:
    if "status" in wanted:
        return str(wanted["status"])
    # As with GitHub's checks, an outcome on its own says that the work is over.
    return "completed" if wanted.get("outcome") is not None else task.status


def _completion(task: Task, wanted: dict[str, Any], at: Time) -> dict[str, Any]:
    newly = task.status != "completed"
    failed = wanted.get("exit_code") not in (None, 0) or wanted.get("error") is not None
    if "outcome" in wanted and wanted["outcome"] is None:
        raise _refused("outcome", "A completed task has an outcome; null is for tasks that are not completed.")
    fields: dict[str, Any] = {"completed_at": at} if newly else {}
    if task.outcome == "crashed" and "outcome" in wanted and "error" not in wanted:
        fields["error"] = None  # it was not gone without a word, the word came late
    if wanted.get("outcome") is None and (newly or (failed and task.outcome == "succeeded")):
        fields["outcome"] = "failed" if failed else "succeeded"
    return fields


def _refuse_result(wanted: dict[str, Any], status: str) -> None:
    for field in ("outcome", "exit_code", "error"):
        if wanted.get(field) is not None:
            raise _refused(field, f"Only a completed task has this, and the status is {status}.")


def _reopening(task: Task) -> dict[str, Any]:
    cleared = dict.fromkeys(("completed_at", "outcome", "exit_code", "error", "progress", "current"))
    # Whoever did the last attempt is not who does this one: a watch would find its process gone.
    return cleared | {"attempt": task.attempt + 1, "started_at": None, "resources": None, "source": None}


def _start(task: Task, status: str, at: Time) -> dict[str, Any]:
    if status == "pending":
        return {"started_at": None}
    return {"started_at": at} if task.status != "in-progress" else {}


def _progress(task: Task, wanted: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """``progress`` as it follows from success, or from ``current`` and ``total``."""
    current, total, progress = (fields.get(name, getattr(task, name)) for name in ("current", "total", "progress"))
    if current is not None and total and current > total and {"current", "total"} & wanted.keys():
        raise _refused("current", f"It may not exceed total, which is {total:g}.")
    if fields.get("outcome", task.outcome) == "succeeded":
        done = {"current": total} if current is not None and total else {}
        return done | ({"progress": 100.0} if progress is not None or done else {})
    if {"current", "total"} & wanted.keys() and current is not None and total:
        return {"progress": round(100 * current / total, 2)}
    # A percentage on its own contradicts the amounts that gave the last one.
    return {"current": None} if "progress" in wanted and task.current is not None else {}


def _is_overdue(task: Task, now: Time) -> bool:
    return task.due_at is not None and task.status != "completed" and task.due_at <= now


def _refused(field: str, detail: str) -> Invalid:
    return Invalid(f"{field}: {detail}", [Flaw(detail, pointer=f"/{field}")])
