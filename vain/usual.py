"""What is usual for the runs of a name: percentiles by the nearest rank, and only from enough of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Literal

from vain import words
from vain.types import Notice, Task

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
