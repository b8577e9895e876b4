"""What is usual for the runs of a name: percentiles by the nearest rank, and only from enough of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

from vain import words
from vain.clock import unix
from vain.notification import Notice
from vain.types import Task

FEWEST_RUNS = 20
SHORT_PERCENT, LONG_PERCENT = 5.0, 95.0


def nearest_rank(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of the values do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("no values")
    # Rounded first: 0.95 * 20 is a little more than 19 to a computer.
    return sorted(values)[max(1, ceil(round(percent * len(values) / 100, 9))) - 1]


def is_unusual(seconds: float, durations: Sequence[float]) -> Literal["longer", "shorter"] | None:
    """Whether a duration lies outside of what the middle nine tenths of at least ``FEWEST_RUNS`` runs took."""
    if len(durations) < FEWEST_RUNS:
        return None
    if seconds > nearest_rank(durations, LONG_PERCENT):
        return "longer"
    return "shorter" if seconds < nearest_rank(durations, SHORT_PERCENT) else None


def longer_than_usual(age_seconds: float, durations: Sequence[float]) -> float | None:
    """The 95th percentile of earlier runs in seconds, if a run of this age has passed it; else None."""
    if is_unusual(age_seconds, durations) != "longer":
        return None
    return nearest_rank(durations, LONG_PERCENT)


def longer_notice(task: Task, age_seconds: float, durations: Sequence[float]) -> Notice:
    """That a task runs longer than usual. Raises ValueError without earlier runs."""
    usual = words.duration(nearest_rank(durations, LONG_PERCENT))
    earlier = f"{LONG_PERCENT:g} % of {len(durations)} earlier runs took at most {usual}"
    message = f"Running for {words.duration(age_seconds)}; {earlier}"
    return Notice(
        kind="task.longer", level="warning", title=f"{task.name} runs longer than usual", message=message,
        task_id=task.task_id,
    )  # fmt: skip


ONLY_BY_RULE = frozenset({"task.shorter", "task.costlier"})
"""Told only where a rule asks for it."""


def ended_notices(task: Task, earlier: Sequence[Task]) -> list[Notice]:
    """What is unusual about a run that ended well: shorter than 95 of 100 earlier ones, or more costly than those."""
    found = []
    durations = [seconds for each in earlier if (seconds := _seconds(each)) is not None]
    took = _seconds(task)
    if took is not None and is_unusual(took, durations) == "shorter":
        least = words.duration(nearest_rank(durations, SHORT_PERCENT))
        longer = f"{LONG_PERCENT:g} % of {len(durations)} earlier runs took at least {least}"
        found.append(
            _notice(
                "task.shorter",
                f"{task.name} was quicker than usual",
                f"Done after {words.duration(took)}; {longer}",
                task,
            )
        )
    costs = [said for name, unit in _COSTS if (said := _costlier(task, earlier, name, unit)) is not None]
    if costs:
        found.append(_notice("task.costlier", f"{task.name} cost more than usual", "; ".join(costs), task))
    return found


_COSTS = (("cpu_seconds", "CPU time"), ("rss_peak_bytes", "memory"))


def _costlier(task: Task, earlier: Sequence[Task], name: str, label: str) -> str | None:
    values = [value for each in earlier if (value := _cost(each, name)) is not None]
    cost, shown = _cost(task, name), words.duration if name == "cpu_seconds" else words.size
    if cost is None or is_unusual(cost, values) != "longer":
        return None
    usually = shown(nearest_rank(values, LONG_PERCENT))
    return f"{label} {shown(cost)}, where {LONG_PERCENT:g} % of {len(values)} earlier runs used at most {usually}"


def _cost(task: Task, name: str) -> float | None:
    value = None if task.resources is None else getattr(task.resources, name)
    return None if value is None else float(value)


def _seconds(task: Task) -> float | None:
    if task.started_at is None or task.completed_at is None:
        return None
    return max(0.0, unix(task.completed_at) - unix(task.started_at))


def _notice(kind: str, title: str, message: str, task: Task) -> Notice:
    return Notice(kind=kind, level="warning", title=title, message=message, task_id=task.task_id)
