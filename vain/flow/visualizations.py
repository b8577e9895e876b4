"""How the work flows: where all tasks stand, what ended when, and what arrived, started and ended until when.

``visualizations`` puts this together with durations, forecast and the machine's trends: the whole answer of
``GET /visualizations``, which is exactly what the dashboard draws. Pure: attempts, metrics and ``now`` are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from vain.bands import MetricWindow
from vain.clock import utc
from vain.flow.attempts import ENDINGS, Attempts, Floats, Integers, Mask
from vain.flow.durations import aging_chart, durations, durations_chart, outcomes_chart, scatter_chart
from vain.flow.figures import MILLISECONDS, Cell, Chart, Forecast, TaskCompletion, Visualizations
from vain.flow.forecast import forecast
from vain.flow.trends import trend_charts, trends
from vain.types import OUTCOMES, STATUSES
from vain.windows import LENGTH_SECONDS, Window, edges_of


def visualizations(
    attempts: Attempts, metrics: MetricWindow, now: float, window: Window, forecast_items: int | None = None
) -> Visualizations:
    """All charts and figures at ``now`` (Unix seconds). ``metrics`` are those of the window.

    ``forecast_items``: when that many more will be done; all that are open if not given. About linear in the attempts:
    10,000 take some 20 ms.
    """
    edges = np.array(edges_of(window))
    ended = within(attempts.completed, edges)
    items = int(np.count_nonzero(attempts.is_open)) if forecast_items is None else forecast_items
    began = float(attempts.arrived.min()) if len(attempts) else now
    when, forecast_chart = forecast(attempts.completed, began, items, now, window.interval, window.timezone)
    charts = [
        _status_chart(attempts),
        _completion_chart(attempts, ended, edges),
        cumulative_chart(attempts, edges, now),
        scatter_chart(attempts, ended),
        aging_chart(attempts, now),
        durations_chart(attempts, ended),
        outcomes_chart(attempts, ended),
        forecast_chart,
        *trend_charts(metrics),
    ]
    figures = _task_completion(attempts, ended, edges, now, window, when)
    return Visualizations(utc(now), window, figures, trends(metrics), charts)


def within(times: Floats, edges: Floats) -> Mask:
    """Which times lie in the window; its end does not."""
    mask: Mask = (times >= edges[0]) & (times < edges[-1])
    return mask


def per_bucket(times: Floats, edges: Floats) -> Integers:
    """How many of the times fall into each bucket; NaN and those outside of the window into none."""
    before: Integers = np.searchsorted(np.sort(times[~np.isnan(times)]), edges, side="left")
    return np.diff(before)


def cumulative(attempts: Attempts) -> Mapping[str, Floats]:
    """When each attempt counts as ``arrived``, ``started``, ``completed`` and ``removed``, NaN for never.

    Each of these comes no earlier than the one before it. What ends without having started counts as started at its
    end: completed without a start, or deleted before one. What was deleted unfinished is ``removed``; what had been
    completed stays ``completed``. So at any time ``arrived >= started >= completed + removed``, and since an attempt
    never leaves a line again, none falls: a reopened task arrives anew.
    """
    removed = np.where(np.isnan(attempts.completed), attempts.removed, np.nan)
    ended = np.fmax(attempts.arrived, np.fmin(attempts.completed, removed))
    ended[np.isnan(attempts.completed) & np.isnan(removed)] = np.nan
    started = np.fmax(attempts.arrived, attempts.started)
    started = np.where(np.isnan(attempts.started), ended, started)
    ended = np.where(np.isnan(ended), np.nan, np.fmax(started, ended))
    return {
        "arrived": attempts.arrived,
        "started": started,
        "completed": np.where(np.isnan(attempts.completed), np.nan, ended),
        "removed": np.where(np.isnan(removed), np.nan, ended),
    }


def cumulative_chart(attempts: Attempts, edges: Floats, now: float) -> Chart:
    """The cumulative flow diagram: how many had arrived, started, been completed and been removed by each edge.

    The lines are counts of all time. What lies between them is pending, in progress and done; the last point is of
    now, and where the window goes on after it, nothing is known yet.
    """
    known = int(np.searchsorted(edges, now, side="left")) + 1 if now >= edges[0] else 0
    data: dict[str, list[Cell]] = {"t": [round(edge * 1000) for edge in edges.tolist()]}
    lines = cumulative(attempts)
    for name, times in lines.items():
        counts: Integers = np.searchsorted(np.sort(times[times <= now]), edges, side="left")
        data[name] = [*counts.tolist()[:known], *[None] * (len(edges) - known)]
    y = list(lines)
    return Chart("cumulative-flow", "area", "Cumulative flow", "t", y, _units(y), data)


def _task_completion(
    attempts: Attempts, ended: Mask, edges: Floats, now: float, window: Window, when: Forecast
) -> TaskCompletion:
    stands = attempts.stands
    is_completed = stands & ~np.isnan(attempts.completed)
    in_progress, completed = _count(stands & attempts.is_in_progress), _count(is_completed)
    total = _count(stands)
    succeeded, failed, cancelled = (_count(is_completed & attempts.ended_as(name)) for name in ENDINGS)
    arrived, departed = _count(within(attempts.arrived, edges)), _count(ended)
    after, until = float(edges[0]), min(now, float(edges[-1]))
    passed = (until - after) / LENGTH_SECONDS[window.interval]
    return TaskCompletion(
        total=total,
        pending=total - in_progress - completed,
        in_progress=in_progress,
        completed=completed,
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        completion_rate_percent=_percentage(succeeded + failed, total - cancelled),
        success_rate_percent=_percentage(succeeded, succeeded + failed),
        throughput=per_bucket(attempts.completed[ended], edges).tolist(),
        throughput_per_interval=round(departed / passed, 3) if passed > 0 else None,
        arrived=arrived,
        ended=departed,
        flow_ratio=round(departed / arrived, 3) if arrived else None,
        cycle_time=durations(attempts, attempts.started, after, until),
        lead_time=durations(attempts, attempts.arrived, after, until),
        forecast=when,
    )


def _status_chart(attempts: Attempts) -> Chart:
    """One row for each status that is not an end, then one for each outcome; zeros shown, so rows keep their places."""
    stands, in_progress = attempts.stands, attempts.is_in_progress
    pending, running, completed = STATUSES
    data: dict[str, list[Cell]] = {
        "state": [pending, running, *OUTCOMES],
        "status": [pending, running, *[completed] * len(OUTCOMES)],
        "outcome": [None, None, *OUTCOMES],
        "tasks": [
            _count(stands & attempts.is_open & ~in_progress),
            _count(stands & in_progress),
            *attempts.outcomes(stands).values(),
        ],
    }
    return Chart("status", "bar", "Tasks by status", "state", ["tasks"], {"tasks": "count"}, data)


def _completion_chart(attempts: Attempts, ended: Mask, edges: Floats) -> Chart:
    data: dict[str, list[Cell]] = {"t": [round(edge * 1000) for edge in edges.tolist()[:-1]]}
    for name in ENDINGS:
        data[name] = per_bucket(attempts.completed[ended & attempts.ended_as(name)], edges).tolist()
    data["created"] = per_bucket(attempts.arrived, edges).tolist()
    y = [*ENDINGS, "created"]
    return Chart("completion", "stacked-bar", "Tasks completed", "t", y, _units(y), data)


def _units(y: list[str]) -> dict[str, str]:
    return dict.fromkeys(y, "count") | {"t": MILLISECONDS}


def _count(which: Mask) -> int:
    return int(np.count_nonzero(which))


def _percentage(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None
