"""What ``GET /visualizations`` answers, as types: the figures and the charts that the dashboard draws.

Times are canonical or, in a column ``t``, milliseconds; unknown is ``None``, never 0. Free of numpy, since the client
reads the same types.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from vain.types import FAILURES, Outcome, Time
from vain.windows import Interval, Window

MILLISECONDS = "ms since 1970-01-01 UTC"
"""The unit of every ``t``: what Bokeh's time axes, JavaScript's Date and ``pandas.to_datetime(…, unit="ms")`` take."""

Cell = str | int | float | None
Ending = Literal["succeeded", "failed", "cancelled"]
PERCENTILES = (50, 85, 95)
"""The median; what an estimate should name; what is rare."""


class Chart(Struct, frozen=True, omit_defaults=True):
    """``data`` is columnar, all columns of one length: ``x``, one for each of ``y``, and what else the chart needs.

    A chart of type ``line`` over metrics has its means in ``y``, and for each of them the columns ``min:<y>`` and
    ``max:<y>``. ``units`` gives the unit of each ``y`` in the words of ``vain.catalog``, and of a ``t``.
    """

    id: str
    type: str
    title: str
    x: str
    y: list[str]
    units: dict[str, str]
    data: dict[str, list[Cell]]
    left_out: int = 0
    """How many rows there would be besides those that are shown; not sent where there are none."""


class Trend(Struct, frozen=True):
    """One series over the window; ``mean`` counts every sample once, ``latest`` is of the newest point."""

    unit: str
    mean: float | None
    min: float | None
    max: float | None
    latest: float | None


class Durations(Struct, frozen=True):
    """Percentiles of ``n`` durations, and of ``censored`` that had not ended: of those the age so far is known.

    ``None`` where nothing ended, and for a percentile that so few have reached that it cannot be told yet.
    """

    n: int
    p50_seconds: float | None
    p85_seconds: float | None
    p95_seconds: float | None
    censored: int = 0


class Forecast(Struct, frozen=True):
    """When ``items`` tasks will have ended, as often as a percentage of the trials says; else ``reason`` says why not.

    ``interval`` and ``drawn_from`` tell from how many buckets of which length the trials drew.
    """

    items: int
    p50: Time | None = None
    p85: Time | None = None
    p95: Time | None = None
    interval: Interval | None = None
    drawn_from: int | None = None
    reason: str | None = None


class TaskCompletion(Struct, frozen=True):
    """The counts and rates are of all tasks as they stand now; throughput, flow and durations are those of the window.

    ``failed`` includes timed out and crashed tasks, ``cancelled`` skipped ones. What ended counts in the window also
    if its task was reopened or deleted since.
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
    arrived: int
    """Tasks that were created or reopened in the window."""
    ended: int
    """Tasks that were completed in the window."""
    flow_ratio: float | None
    """``ended / arrived``: above 1 the backlog shrinks."""
    cycle_time: Durations
    """From start to end; a task that was never started has none."""
    lead_time: Durations
    """From creation (or reopening) to end."""
    forecast: Forecast


class Visualizations(Struct, frozen=True):
    """The whole answer: figures, and charts."""

    generated_at: Time
    window: Window
    task_completion: TaskCompletion
    performance_trends: dict[str, Trend]
    """By series: ``cpu.percent``, ``disk.percent:/home``."""
    charts: list[Chart]


def changed_charts(old: Visualizations | None, new: Visualizations) -> list[Chart]:
    """The charts of ``new`` that differ from those of ``old``: what a ``visualizationUpdate`` carries."""
    before = {} if old is None else {chart.id: chart for chart in old.charts}
    return [chart for chart in new.charts if chart != before.get(chart.id)]


def ending(outcome: Outcome | None) -> Ending:
    """``succeeded``, ``failed`` (also timed out, crashed) or ``cancelled`` (also skipped)."""
    if outcome in FAILURES:
        return "failed"
    return "cancelled" if outcome in ("cancelled", "skipped") else "succeeded"
