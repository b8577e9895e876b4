"""What the moving machine did in the past: computed, not stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, floor

import numpy as np

from vain.bands import Bands, Floats, MetricQuery, MetricWindow, Rows, as_they_are, of_values, reduced
from vain.patterns import matching
from vain.quality import Span
from vain.steps import bucket_count, step_for, tier_for

GIB = 2**30
FEWEST_IN_A_BUCKET = 12
"""A bucket of a day is worked out from so many of its seconds, or a month would take seconds."""


class Memory:
    """Begins at ``begins`` and ends at ``ends`` (Unix seconds); ``spans`` that concern all series have no samples."""

    def __init__(self, cores: int, begins: float = 0.0, ends: float = float("inf")) -> None:
        self.begins, self.ends = begins, ends
        self.spans: list[Span] = []
        self.formulas = _formulas(cores)

    def window(self, query: MetricQuery) -> MetricWindow:
        formulas = {**self.formulas, **_of_tasks(query.tasks)}
        names = matching(list(formulas), query.metrics)
        points = query.points or 10_000
        is_raw = query.before - query.after <= points
        step = 1.0 if is_raw else step_for(query.after, query.before, points, 1.0)
        t = self._seconds(query.after, query.before, max(1, int(step // FEWEST_IN_A_BUCKET)))
        rows = Rows((t * 1000).astype(np.int64), {name: of_values(formulas[name](t)) for name in names})
        if is_raw:
            rows = as_they_are(rows, 1000)
        else:
            first = floor(query.after / step)
            rows = reduced(rows, round(step * 1000), first, bucket_count(query.after, query.before, step))
        spans = tuple(span for span in self.spans if span.end > query.after and span.begin < query.before)
        series: dict[str, Bands] = dict(rows.series)
        return MetricWindow(rows.t / 1000, series, "raw" if is_raw else tier_for(step), step, spans, not is_raw)

    def _seconds(self, after: float, before: float, stride: int) -> Floats:
        begin, end = ceil(max(after, self.begins) / stride) * stride, min(before, self.ends)
        t = np.arange(begin, end, stride, dtype=np.float64)
        return t[~_within(t, [span for span in self.spans if span.series is None])]


def _within(t: Floats, spans: Sequence[Span]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    inside = np.zeros(len(t), bool)
    for span in spans:
        inside |= (t > span.begin) & (t < span.end)
    return inside


def _of_tasks(tasks: Sequence[int]) -> dict[str, Callable[[Floats], Floats]]:
    formulas: dict[str, Callable[[Floats], Floats]] = {
        "task.cpu_percent": lambda t: 140 + 60 * np.sin(t / 11),
        "task.memory_bytes": lambda t: (1.5 + np.sin(t / 60)) * GIB,
        "task.read_bytes_per_second": lambda t: np.abs(2e6 * np.sin(t / 9)),
        "task.written_bytes_per_second": lambda t: np.abs(5e6 * np.cos(t / 13)),
    }
    return {f"{metric}:{number}": formula for number in tasks for metric, formula in formulas.items()}


def _formulas(cores: int) -> dict[str, Callable[[Floats], Floats]]:
    def core(number: int) -> Callable[[Floats], Floats]:
        return lambda t: 50 + 45 * np.sin(t / (7 + number) + number)

    each = [core(number) for number in range(cores)]
    # A day has its rhythm, so that a month does not look like noise.
    return {
        "cpu.percent": lambda t: (0.6 + 0.4 * np.sin(t / 13_751)) * sum(one(t) for one in each) / cores,
        **{f"cpu.core.percent:{number}": one for number, one in enumerate(each)},
        "memory.used_bytes": lambda t: (5 + np.sin(t / 997) + 3 * np.sin(t / 20_000)) * GIB,
        "swap.used_bytes": lambda t: np.full(len(t), GIB / 3),
        "disk.read_bytes_per_second": lambda t: np.abs(3e6 * np.sin(t / 9)),
        "disk.written_bytes_per_second": lambda t: np.abs(9e6 * np.cos(t / 13)) ** 0.95,
        "network.received_bytes_per_second": lambda t: 4e5 * (1.1 + np.sin(t / 5)),
        "network.sent_bytes_per_second": lambda t: 9e4 * (1.1 + np.cos(t / 11)),
    }
