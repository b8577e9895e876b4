"""Metrics as DataFrames, over the arrays that the history returns."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from vain.bands import Floats, MetricWindow
from vain.catalog import metric_of
from vain.history import Columns

Statistic = Literal["mean", "min", "max", "all"]
STATISTICS = ("mean", "min", "max")


def metrics(columns: Columns) -> pd.DataFrame:
    """One row for each sample, by ``time`` (UTC, milliseconds), one column for each series; NaN is unknown.

    The values are not copied: the frame shows the arrays of ``columns``. ``df.attrs["units"]`` has each column's unit.
    """
    frame = _framed(_view(columns.t), {name: _view(values) for name, values in columns.values.items()})
    frame.attrs["units"] = _units(columns.values)
    return frame


def metrics_window(window: MetricWindow, statistic: Statistic = "mean") -> pd.DataFrame:
    """One row for each point of a window of the history, by ``time`` (UTC, milliseconds); NaN in a gap.

    A column is a series; with ``all`` there are three for each, by ``(metric, statistic)``. The window's arrays are
    shown, not copied. ``df.attrs``: ``units`` by series, ``tier``, ``step_seconds`` that a row stands for, and
    ``spans`` (``vain.quality.Span``), which say why values are missing or doubtful.
    """
    if statistic == "all":
        columns = {(name, part): getattr(bands, part) for name, bands in window.series.items() for part in STATISTICS}
        frame = _framed(window.t, columns)
        if not columns:
            frame.columns = pd.MultiIndex.from_arrays([[], []])
        frame.columns.names = ["metric", "statistic"]
    else:
        frame = _framed(window.t, {name: getattr(bands, statistic) for name, bands in window.series.items()})
    frame.attrs.update(
        units=_units(window.series), tier=window.tier, step_seconds=window.step_seconds, spans=window.spans
    )
    return frame


def _view(values: array[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.frombuffer(values, np.float64) if values else np.empty(0)


def _framed(seconds: Floats, columns: Mapping[str, Floats] | Mapping[tuple[str, str], Floats]) -> pd.DataFrame:
    milliseconds = np.rint(seconds * 1000).astype(np.int64)
    time = pd.DatetimeIndex(milliseconds.view("M8[ms]"), name="time").tz_localize("UTC")
    series = {name: pd.Series(values, time, copy=False) for name, values in columns.items()}
    return pd.DataFrame(series, index=time, copy=False)


def _units(series: Iterable[str]) -> dict[str, str]:
    rows = {name: metric_of(name) for name in series}
    return {name: metric.unit for name, metric in rows.items() if metric is not None}
