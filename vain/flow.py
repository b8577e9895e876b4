"""How the work flows and how the machine fares: the data behind every chart, as ``GET /visualizations`` answers it.

The dashboard draws exactly this. Everything is computed from the tasks and metric rows that are handed in. Times are
canonical; unknown is ``None``, never 0.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence

from msgspec import Struct

from vain.clock import utc
from vain.history import Columns
from vain.trends import MILLISECONDS, Cell, Chart, Trend, trend_charts, trends
from vain.types import FAILURES, OUTCOMES, STATUSES, Outcome, Status, Time
from vain.windows import LENGTH_SECONDS, Window, edges_of

_ENDINGS = ("succeeded", "failed", "cancelled")
"""What ``ending`` can say, as the columns of the completion chart."""


class TaskTimes(Struct, frozen=True, gc=False):
    """What the flow needs of a task. Times are Unix seconds."""

    task_id: int
    status: Status
    outcome: Outcome | None
    created: float
    started: float | None = None
    completed: float | None = None


class Durations(Struct, frozen=True):
    """Nearest-rank percentiles of ``n`` durations; ``None`` if there are none."""

    n: int
    p50_seconds: float | None
    p85_seconds: float | None
    p95_seconds: float | None


class TaskCompletion(Struct, frozen=True):
    """The counts and rates are of all tasks as they stand now; throughput and durations of what ended in the window.

    ``failed`` includes timed out and crashed tasks, ``cancelled`` skipped ones.
    """

    total: int
    pending: int
    in_progress: int
    completed: int
    succeeded: int
    failed: int
    cancelled: int
    completion_rate_percent: float | None
    """Of the tasks that were not cancelled, the share that has ended."""
    success_rate_percent: float | None
    """Of the tasks that ended and were not cancelled, the share that succeeded."""
    throughput: list[int]
    """Tasks that ended in each bucket; the buckets are those of the chart ``completion``."""
    throughput_per_interval: float | None
    """The mean over the time of the window that has passed."""
    cycle_time: Durations
    """From start to end; a task that was never started has none."""
    lead_time: Durations
    """From creation to end."""


class Visualizations(Struct, frozen=True):
    generated_at: Time
    window: Window
    task_completion: TaskCompletion
    performance_trends: dict[str, Trend]
    """By series: ``cpu.percent``, ``disk.percent:/home``."""
    charts: list[Chart]


def visualizations(tasks: Sequence[TaskTimes], columns: Columns, now: float, window: Window) -> Visualizations:
    """All charts and figures at ``now`` (Unix seconds). ``columns`` are the metric rows of the window.

    Linear in the tasks (10,000 take about 10 ms) and in the metric rows.
    """
    edges = edges_of(window)
    created = _per_bucket((task.created for task in tasks), edges)
    ended = [t for t in tasks if t.completed is not None and edges[0] <= t.completed < edges[-1]]
    charts = [_status_chart(tasks), _completion_chart(created, ended, edges), *trend_charts(columns)]
    return Visualizations(utc(now), window, _task_completion(tasks, ended, edges, now, window), trends(columns), charts)


def changed_charts(old: Visualizations | None, new: Visualizations) -> list[Chart]:
    """The charts of ``new`` that differ from those of ``old``: what a ``visualizationUpdate`` carries."""
    before = {} if old is None else {chart.id: chart for chart in old.charts}
    return [chart for chart in new.charts if chart != before.get(chart.id)]


def ending(outcome: Outcome | None) -> str:
    """``succeeded``, ``failed`` (also timed out, crashed) or ``cancelled`` (also skipped)."""
    if outcome in FAILURES:
        return "failed"
    return "cancelled" if outcome in ("cancelled", "skipped") else "succeeded"


def nearest_rank(ascending: Sequence[float], percent: int) -> float | None:
    """The smallest value that at least ``percent`` of all do not exceed; None if there is none."""
    if not ascending:
        return None
    return ascending[-(-percent * len(ascending) // 100) - 1]


def _task_completion(
    tasks: Sequence[TaskTimes], ended: Sequence[TaskTimes], edges: list[float], now: float, window: Window
) -> TaskCompletion:
    statuses = Counter(task.status for task in tasks)
    endings = Counter(ending(task.outcome) for task in tasks if task.status == "completed")
    succeeded, failed, cancelled = (endings[name] for name in _ENDINGS)
    passed = (min(now, edges[-1]) - edges[0]) / LENGTH_SECONDS[window.interval]
    return TaskCompletion(
        total=len(tasks),
        pending=statuses["pending"],
        in_progress=statuses["in-progress"],
        completed=statuses["completed"],
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        completion_rate_percent=_percentage(succeeded + failed, len(tasks) - cancelled),
        success_rate_percent=_percentage(succeeded, succeeded + failed),
        throughput=_per_bucket((task.completed for task in ended), edges),
        throughput_per_interval=round(len(ended) / passed, 3) if passed > 0 else None,
        cycle_time=_durations((task.started, task.completed) for task in ended),
        lead_time=_durations((task.created, task.completed) for task in ended),
    )


def _status_chart(tasks: Sequence[TaskTimes]) -> Chart:
    """One row for each status that is not an end, then one for each outcome; zeros shown, so rows keep their places."""
    counted = Counter((task.status, task.outcome) for task in tasks)
    rows: list[tuple[Status, Outcome | None]] = [(status, None) for status in STATUSES[:-1]]
    rows += [(STATUSES[-1], outcome) for outcome in OUTCOMES]
    data: dict[str, list[Cell]] = {
        "state": [outcome or status for status, outcome in rows],
        "status": [status for status, _ in rows],
        "outcome": [outcome for _, outcome in rows],
        "tasks": [counted[row] for row in rows],
    }
    return Chart("status", "bar", "Tasks by status", "state", ["tasks"], {"tasks": "count"}, data)


def _completion_chart(created: list[int], ended: Sequence[TaskTimes], edges: list[float]) -> Chart:
    data: dict[str, list[Cell]] = {"t": [round(edge * 1000) for edge in edges[:-1]]}
    for name in _ENDINGS:
        data[name] = [*_per_bucket((task.completed for task in ended if ending(task.outcome) == name), edges)]
    data["created"] = [*created]
    y = [*_ENDINGS, "created"]
    return Chart(
        "completion", "stacked-bar", "Tasks completed", "t", y, dict.fromkeys(y, "count") | {"t": MILLISECONDS}, data
    )


def _per_bucket(times: Iterable[float | None], edges: list[float]) -> list[int]:
    """How many of the times fall into each bucket; those outside of the window into none."""
    counted = Counter(bisect_right(edges, time) for time in times if time is not None)
    return [counted[bucket] for bucket in range(1, len(edges))]


def _durations(spans: Iterable[tuple[float | None, float | None]]) -> Durations:
    """A span that ends before it begins was measured across a step of the clock: its length is unknown."""
    lengths = sorted(
        round(end - start, 3) for start, end in spans if start is not None and end is not None and end >= start
    )
    p50, p85, p95 = (nearest_rank(lengths, percent) for percent in (50, 85, 95))
    return Durations(len(lengths), p50, p85, p95)


def _percentage(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
