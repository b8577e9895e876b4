"""How the machine fared: a figure for each metric, and a chart for each kind, from the rows of the history."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from math import isnan, nan

from msgspec import Struct

from vain.catalog import BY_NAME
from vain.history import Band, Columns, reduced

MOST_POINTS = 122
"""An hour in half minutes, and two that its ends may touch: with fewer, the step of a sliding hour would jump."""

MILLISECONDS = "ms since 1970-01-01 UTC"
"""The unit of every ``t``: what Bokeh's time axes, JavaScript's Date and ``pandas.to_datetime(…, unit="ms")`` take."""

Cell = str | int | float | None


class Chart(Struct, frozen=True):
    """``data`` is columnar, all columns of one length: ``x``, one for each of ``y``, and what else the chart needs.

    A chart of type ``line`` has its means in ``y``, and for each of them the columns ``min:<y>`` and ``max:<y>``.
    ``units`` gives the unit of each ``y`` in the words of ``vain.catalog``, and of a ``t``.
    """

    id: str
    type: str
    title: str
    x: str
    y: list[str]
    units: dict[str, str]
    data: dict[str, list[Cell]]


class Trend(Struct, frozen=True):
    """One series over the window; ``latest`` is its value in the newest row."""

    unit: str
    mean: float | None
    min: float | None
    max: float | None
    latest: float | None


_CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("cpu", "CPU", ("cpu.percent", "cpu.user_percent", "cpu.system_percent")),
    ("memory", "Memory", ("memory.percent", "swap.percent")),
    ("disk", "Disk", ("disk.percent",)),
    ("network", "Network", ("network.received_bytes_per_second", "network.sent_bytes_per_second")),
)
"""Identifier, title and metrics of each chart; a metric with instances gives a line for each of them."""


def trend_series(names: Iterable[str]) -> list[str]:
    """Those of the history's series that are drawn here: ask it for no others, and the rest need not be copied out."""
    drawn = {metric for _, _, metrics in _CHARTS for metric in metrics}
    return [name for name in names if _metric(name) in drawn]


def trends(columns: Columns) -> dict[str, Trend]:
    """Mean, smallest, largest and newest value of each series that is drawn."""
    return {series: _trend(series, columns.values[series]) for series in trend_series(columns.values)}


def trend_charts(columns: Columns) -> list[Chart]:
    """A chart for each kind of metric, at most ``MOST_POINTS`` long; a metric without rows is unknown throughout."""
    drawn = {series: columns.values[series] for series in trend_series(columns.values)}
    less = reduced(Columns(columns.cursor, columns.t, drawn), MOST_POINTS)
    times: list[Cell] = [round(t * 1000) for t in less.t]
    return [_chart(*row, times, less.series) for row in _CHARTS]


def _chart(
    identifier: str, title: str, metrics: tuple[str, ...], times: list[Cell], bands: Mapping[str, Band]
) -> Chart:
    unknown = array("d", [nan]) * len(times)
    data = {"t": times}
    y = [series for metric in metrics for series in _lines(metric, bands)]
    for series in y:
        band = bands.get(series) or Band(unknown, unknown, unknown)
        data |= {series: _cells(band.mean), f"min:{series}": _cells(band.min), f"max:{series}": _cells(band.max)}
    units = {series: BY_NAME[_metric(series)].unit for series in y} | {"t": MILLISECONDS}
    return Chart(identifier, "line", title, "t", y, units, data)


def _lines(metric: str, series: Iterable[str]) -> list[str]:
    """The series that draw a metric: one for each instance, or the one of its own name, there or not."""
    return [name for name in series if _metric(name) == metric] if BY_NAME[metric].instance else [metric]


def _trend(series: str, column: array[float]) -> Trend:
    unit = BY_NAME[_metric(series)].unit
    known = [value for value in column if not isnan(value)]
    if not known:
        return Trend(unit, None, None, None, None)
    return Trend(
        unit, _rounded(sum(known) / len(known)), _rounded(min(known)), _rounded(max(known)), _rounded(column[-1])
    )


def _cells(column: array[float]) -> list[Cell]:
    return [_rounded(value) for value in column]


def _rounded(value: float) -> float | None:
    """Two decimals are finer than any screen, and a third of the bytes of seventeen digits."""
    return None if isnan(value) else round(value, 2)


def _metric(series: str) -> str:
    return series.partition(":")[0]
