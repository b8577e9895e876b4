"""How the machine fared: a figure for each metric, and a chart for each kind, from a window of the history.

Each point of the window stands for ``count`` samples: means are weighted by it, and its smallest and largest values are
kept, so that a figure is the same however the history was reduced. A gap is ``None``. Pure; needs numpy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan

import numpy as np

from vain.bands import Bands, Floats, MetricWindow, unknown
from vain.catalog import BY_NAME
from vain.flow.figures import MILLISECONDS, Cell, Chart, Trend

MOST_POINTS = 122
"""An hour in half minutes, and two that its ends may touch: with fewer, the step of a sliding hour would jump."""

_CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("cpu", "CPU", ("cpu.percent", "cpu.user_percent", "cpu.system_percent")),
    ("memory", "Memory", ("memory.percent", "swap.percent")),
    ("disk", "Disk", ("disk.percent",)),
    ("network", "Network", ("network.received_bytes_per_second", "network.sent_bytes_per_second")),
    ("disk-io", "Disk throughput", ("disk.read_bytes_per_second", "disk.written_bytes_per_second")),
    ("pressure", "Pressure", ("pressure.cpu_percent", "pressure.memory_percent", "pressure.io_percent")),
)
"""Identifier, title and metrics of each chart; a metric with instances gives a line for each of them."""

_METRICS = frozenset(metric for _, _, metrics in _CHARTS for metric in metrics)
PATTERNS = tuple(sorted(f"{metric}*" for metric in _METRICS))
"""What to ask the history for. A pattern may match nothing, unlike a name: some machines have no swap."""


def trends(window: MetricWindow) -> dict[str, Trend]:
    """Mean, smallest, largest and newest value of each series that is drawn."""
    drawn = _drawn(window)
    newest = max((_last(bands) for bands in drawn.values()), default=-1)
    return {series: _trend(series, bands, newest) for series, bands in drawn.items()}


def trend_charts(window: MetricWindow) -> list[Chart]:
    """A chart for each kind of metric; a metric without samples is unknown throughout."""
    drawn = _drawn(window)
    times: list[Cell] = [round(t * 1000) for t in window.t.tolist()]
    return [_chart(*row, times, drawn) for row in _CHARTS]


def _drawn(window: MetricWindow) -> dict[str, Bands]:
    return {series: bands for series, bands in window.series.items() if _metric(series) in _METRICS}


def _chart(
    identifier: str, title: str, metrics: tuple[str, ...], times: list[Cell], drawn: Mapping[str, Bands]
) -> Chart:
    data = {"t": times}
    y = [series for metric in metrics for series in _lines(metric, drawn)]
    for series in y:
        bands = drawn.get(series) or unknown(len(times))
        data |= {series: _cells(bands.mean), f"min:{series}": _cells(bands.min), f"max:{series}": _cells(bands.max)}
    units = {series: BY_NAME[_metric(series)].unit for series in y} | {"t": MILLISECONDS}
    return Chart(identifier, "line", title, "t", y, units, data)


def _lines(metric: str, series: Iterable[str]) -> list[str]:
    """The series that draw a metric: one for each instance, or the one of its own name, there or not."""
    return [name for name in series if _metric(name) == metric] if BY_NAME[metric].instance else [metric]


def _trend(series: str, bands: Bands, newest: int) -> Trend:
    """``newest`` is the point whose value is the latest: that of any series, so that what is unknown now has none."""
    unit = BY_NAME[_metric(series)].unit
    known = bands.count > 0
    if not known.any():
        return Trend(unit, None, None, None, None)
    mean = float(np.average(bands.mean[known], weights=bands.count[known]))
    least, most, latest = bands.min[known].min(), bands.max[known].max(), bands.mean[newest]
    return Trend(unit, _rounded(mean), _rounded(float(least)), _rounded(float(most)), _rounded(float(latest)))


def _last(bands: Bands) -> int:
    """The newest point with a sample; -1 if none has one."""
    known = np.flatnonzero(bands.count)
    return int(known[-1]) if len(known) else -1


def _cells(column: Floats) -> list[Cell]:
    return [_rounded(value) for value in column.tolist()]


def _rounded(value: float) -> float | None:
    """Two decimals are finer than any screen, and a third of the bytes of seventeen digits."""
    return None if isnan(value) else round(value, 2)


def _metric(series: str) -> str:
    return series.partition(":")[0]
