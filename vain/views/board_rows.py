"""What the browser is told of a task, and how little of it: pure functions from tasks to rows and patches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from vain import words
from vain.types import FAILURES, Resources, Task, Time

NOTE_LENGTH: Final = 240
"""Characters of a message or description that a row shows; the editor shows all of it."""

Fact = dict[str, Any]


def row(task: Task) -> dict[str, Any]:
    """The part of a task that a row shows. Times are canonical strings: the browser knows its own time zone."""
    note, is_error = _note(task)
    return {
        "id": task.task_id,
        "name": task.name,
        "note": note,
        "note_is_error": is_error,
        "status": task.status,
        "outcome": task.outcome,
        "priority": task.priority,
        "tags": task.tags,
        "progress": task.progress,
        "amount": amount(task),
        "due_at": task.due_at,
        "overdue": task.overdue,
        "stale": task.stale,
        "silent_since": silent_since(task),
        "ends_at": task.eta.at if task.eta is not None else None,
        "started_at": task.started_at,
        "completed_at": task.completed_at,
        "attempt": task.attempt,
        "version": task.version,
        "updated_at": task.updated_at,
        "created_at": task.created_at,
    }


def changed(shown: Sequence[Task], fresh: Sequence[Task]) -> list[Task] | None:
    """The tasks of ``fresh`` that differ from those shown; None when other tasks, or another order, are to be shown."""
    if [task.task_id for task in shown] != [task.task_id for task in fresh]:
        return None
    return [new for old, new in zip(shown, fresh, strict=True) if new is not old and new != old]


def silent_since(task: Task) -> Time | None:
    """When a stale task was last heard of; None for one that is not stale."""
    return (task.heartbeat_at or task.updated_at) if task.stale else None


def amount(task: Task) -> str | None:
    """``3 of 10 files``, ``3 files``; None when no amount was reported."""
    if task.current is None:
        return None
    parts = [f"{task.current:,.10g}"]
    if task.total is not None:
        parts.append(f"of {task.total:,.10g}")
    if task.unit is not None:
        parts.append(task.unit)
    return " ".join(parts)


def values(task: Task) -> dict[str, Any]:
    """What the editor starts from."""
    return {
        "name": task.name,
        "description": task.description,
        "priority": task.priority,
        "due_at": task.due_at,
        "tags": task.tags,
        "progress": task.progress,
    }


def facts(task: Task) -> list[tuple[str, Fact]]:
    """What else is known of a task, as (label, ``{"time"}`` or ``{"text"}``) pairs, for the editor to show beneath."""
    error = task.error
    moments = [("Created", task.created_at), ("Started", task.started_at), ("Completed", task.completed_at)]
    moments += [("Stale: no word since", silent_since(task))]
    if task.eta is not None:
        moments += [("Ends, at the earliest", task.eta.low), ("Ends, at the latest", task.eta.high)]
    texts = (
        ("Judged by", "" if task.eta is None else task.eta.basis),
        ("Message", task.message),
        ("Attempt", str(task.attempt) if task.attempt > 1 else ""),
        ("Exit code", "" if task.exit_code is None else str(task.exit_code)),
        ("Error", "" if error is None else ": ".join(filter(None, (error.type, error.message)))),
        ("Traceback", (error.traceback or "") if error is not None else ""),
        ("Key", task.key or ""),
        ("Command", (task.source.command or "") if task.source is not None else ""),
        ("Host", (task.source.host or "") if task.source is not None else ""),
        *_costs(task.resources),
    )
    times: list[tuple[str, Fact]] = [(label, {"time": time}) for label, time in moments if time is not None]
    return times + [(label, {"text": text, "long": "\n" in text}) for label, text in texts if text]


def _costs(used: Resources | None) -> list[tuple[str, str]]:
    """What the processes of a task have used; what is not known is left out."""
    if used is None:
        return []
    figures = (
        ("CPU time", used.cpu_seconds, words.duration),
        ("Memory, at most", used.rss_peak_bytes, words.size),
        ("Read from disk", used.read_bytes, words.size),
        ("Written to disk", used.written_bytes, words.size),
        ("GPU memory, at most", used.gpu_memory_peak_bytes, words.size),
    )
    return [(label, said(figure)) for label, figure, said in figures if figure is not None]


def _note(task: Task) -> tuple[str, bool]:
    """The one line beneath a name, and whether it tells of an error."""
    if task.error is not None and task.outcome in FAILURES:
        return _line(": ".join(filter(None, (task.error.type, task.error.message)))), True
    return _line(task.message or task.description), False


def _line(text: str) -> str:
    first = text.strip().partition("\n")[0]
    return first if len(first) <= NOTE_LENGTH else f"{first[: NOTE_LENGTH - 1]}…"
