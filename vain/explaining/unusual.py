"""What of the machine is not as it was, and how unusual that is.

The modified z-score of B. Iglewicz and D. Hoaglin ("How to Detect and Handle Outliers", 1993): the distance from the
median of the baseline in units of its median absolute deviation, which a single spike in the baseline does not move;
above 3.5 counts as unusual. A metric that never moves has no deviation, so each unit has a least one.
"""

from __future__ import annotations

from math import isnan

import numpy as np

from vain.bands import Bands, Floats, MetricWindow
from vain.catalog import metric_of
from vain.explaining.answer import Changed

UNUSUAL = 3.5
NORMAL = 0.6745
"""The median absolute deviation of a normal distribution, in standard deviations."""
FEWEST = 5
"""Points of a baseline that say what is usual."""
MOST_CHANGED = 10
LEAST_DEVIATION = {
    "percent": 0.7,
    "bytes": 8.0 * (1 << 20),
    "bytes_per_second": 32.0 * (1 << 10),
    "per_second": 2.0,
    "celsius": 1.0,
    "seconds": 30.0,
    "count": 0.15,
}
LEAST_PART = 0.01
"""Of the value itself: no less is a change."""
WATCHED = (
    "cpu.percent",
    "cpu.iowait_percent",
    "cpu.steal_percent",
    "load.1m",
    "memory.used_bytes",
    "swap.used_bytes",
    "disk.percent",
    "disk.read_bytes_per_second",
    "disk.written_bytes_per_second",
    "network.received_bytes_per_second",
    "network.sent_bytes_per_second",
    "network.errors_per_second",
    "pressure.cpu_percent",
    "pressure.memory_percent",
    "pressure.io_percent",
    "gpu.percent",
    "gpu.memory_used_bytes",
    "gpu.temperature_celsius",
    "sensor.temperature_celsius",
    "tasks.pending",
    "tasks.in_progress",
)
"""One figure for each thing: not both the used and the available memory."""


def changed(now: MetricWindow, before: MetricWindow, most: int = MOST_CHANGED) -> list[Changed]:
    """The metrics that changed, the most unusual first."""
    found = [
        change
        for name, bands in now.series.items()
        if name.partition(":")[0] in WATCHED and name in before.series
        if (change := _change(name, bands, before.series[name])) is not None
    ]
    return sorted(found, key=lambda change: -change.score)[:most]


def mean_of(bands: Bands) -> float | None:
    """The mean of all samples; None without any."""
    known = bands.count > 0
    if not known.any():
        return None
    return float(np.average(bands.mean[known], weights=bands.count[known]))


def _change(name: str, now: Bands, before: Bands) -> Changed | None:
    metric, values = metric_of(name), before.mean[~np.isnan(before.mean)]
    mean, usual = mean_of(now), mean_of(before)
    if metric is None or mean is None or usual is None or len(values) < FEWEST:
        return None
    score = _score(mean, values, LEAST_DEVIATION[metric.unit])
    if isnan(score) or score < UNUSUAL:
        return None
    instance = name.partition(":")[2]
    label = f"{metric.label} {instance}" if instance else metric.label
    return Changed(name, label, metric.unit, round(usual, 3), round(mean, 3), round(score, 1))


def _score(value: float, usual: Floats, least: float) -> float:
    median = float(np.median(usual))
    deviation = float(np.median(np.abs(usual - median)))
    return NORMAL * abs(value - median) / max(deviation, least, LEAST_PART * abs(median))
