"""From the newest rows to what a chart draws: a whole window from a DataFrame, a tick's few from plain columns.

A DataFrame costs a millisecond however small it is; a tick comes every second to every open page. Pure.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from vain.history import Columns

CORE: Final = "cpu.core.percent:"
CORES_DRAWN: Final = 8
"""With more cores than this a chart of one line each is a thicket: the busiest and the idlest stand for them."""
BUSIEST, IDLEST = "cpu.core.busiest", "cpu.core.idlest"
GAP_PERIODS: Final = 2.5
"""Samples further apart than this many periods have a gap between them: no line is drawn through what nobody saw."""

FILL: Final = "fill:"
"""An area's column is this and the name of its series."""
FILLED: Final = (
    "cpu.percent",
    "memory.used_bytes",
    "disk.read_bytes_per_second",
    "network.received_bytes_per_second",
)
"""The series with an area below them. Bokeh draws an area straight across NaN, so it has a column of its own, which is
0 where nothing is known."""
EDGE_SECONDS: Final = 0.001
"""So near to the sample after a gap does the gap end."""

Rows = dict[str, list[float]]
Arrays = dict[str, npt.NDArray[np.float64]]


def window(frame: pd.DataFrame, period_seconds: float, seconds: float) -> Arrays:
    """The newest ``seconds`` of ``vain.frames.metrics`` in the form of ``rows``."""
    if frame.empty:
        return {name: np.empty(0) for name in (*frame.columns, "t")}
    frame = frame[frame.index > frame.index[-1] - pd.Timedelta(seconds=seconds)]
    step = pd.Timedelta(seconds=period_seconds)
    gaps = np.diff(frame.index) > GAP_PERIODS * step
    begins, ends = frame.index[:-1][gaps] + step, frame.index[1:][gaps] - pd.Timedelta(seconds=EDGE_SECONDS)
    frame = frame.reindex(frame.index.append([begins, ends]).sort_values())
    cores = [name for name in frame.columns if name.startswith(CORE)]
    # Beside the frame: pandas warns of a column that is put into a frame of a hundred.
    extremes = {BUSIEST: frame[cores].max(axis=1), IDLEST: frame[cores].min(axis=1)} if cores else {}
    if len(cores) > CORES_DRAWN:
        frame = frame.drop(columns=cores)
    times = frame.index.as_unit("ms").asi8.astype(np.float64)
    columns = {**{name: frame[name] for name in frame.columns}, **extremes}
    drawn = {"t": times, **{name: column.to_numpy(np.float64) for name, column in columns.items()}}
    if any(_changes(drawn[name]) for name in FILLED if name in drawn):
        drawn = {name: np.array(values) for name, values in _edged({n: a.tolist() for n, a in drawn.items()}).items()}
    return drawn | {FILL + name: np.nan_to_num(drawn[name]) for name in FILLED if name in drawn}


def rows(columns: Columns, period_seconds: float, previous: float | None = None, unknown: Collection[str] = ()) -> Rows:
    """The columns as lists of equal length under ``t`` (Unix milliseconds, as Bokeh has it) and each series' name.

    ``previous`` is the time (Unix seconds) of the last row that is already drawn, ``unknown`` are the series that have
    no value in it. Unknown is NaN; a gap in time is two rows of NaN, one period after it begins and just before it
    ends. Where only an area begins or ends there is a row beside the sample, or it would rise from zero through a
    time of which nothing is known.
    """
    drawn: Rows = dict(_reduced_cores(columns))
    drawn["t"] = [t * 1000 for t in columns.t]
    for index, at in reversed(_gaps(list(columns.t), period_seconds, previous)):
        for name, values in drawn.items():
            values.insert(index, at * 1000 if name == "t" else math.nan)
    drawn = _edged(drawn, unknown)
    for name in FILLED:
        if name in drawn:
            drawn[FILL + name] = [0.0 if math.isnan(value) else value for value in drawn[name]]
    return drawn


def _edged(drawn: Rows, unknown: Collection[str] = ()) -> Rows:
    """The rows with one more just before an area begins, and just after it ends; ``unknown`` as in ``rows``."""
    areas = [drawn[name] for name in FILLED if name in drawn]
    missing = [tuple(map(math.isnan, row)) for row in zip(*areas, strict=True)]
    first = tuple(name in unknown for name in FILLED if name in drawn)
    for index in range(len(missing) - 1, -1, -1):
        was, now = missing[index - 1] if index else first, missing[index]
        if was == now:
            continue
        row = {name: values[index] for name, values in drawn.items()}
        before = {n: values[index - 1] for n, values in drawn.items() if index} or dict.fromkeys(unknown, math.nan)
        # At the end of a gap in time there is such a row already.
        if any(map(operator.gt, was, now)) and row["t"] - before.get("t", 0.0) > EDGE_SECONDS * 1001:
            _insert(drawn, index, row["t"] - EDGE_SECONDS * 1000, row, before)
        if index and any(map(operator.lt, was, now)):
            _insert(drawn, index, before["t"] + EDGE_SECONDS * 1000, before, row)
    return drawn


def _insert(drawn: Rows, index: int, at: float, near: dict[str, float], far: dict[str, float]) -> None:
    """A row beside ``near``, without the values that ``far`` at its other side has not."""
    for name, values in drawn.items():
        values.insert(index, at if name == "t" else math.nan if math.isnan(far.get(name, 0.0)) else near[name])


def _changes(values: npt.NDArray[np.float64]) -> bool:
    """Whether a series becomes known or unknown within."""
    missing = np.isnan(values)
    return bool(np.any(missing[1:] != missing[:-1]))


def _gaps(times: list[float], period_seconds: float, previous: float | None) -> list[tuple[int, float]]:
    before = [previous if previous is not None else math.inf, *times]
    return [
        (index, at)
        for index, (earlier, later) in enumerate(zip(before, times, strict=False))
        if later - earlier > GAP_PERIODS * period_seconds
        for at in (earlier + period_seconds, later - EDGE_SECONDS)
    ]


def _reduced_cores(columns: Columns) -> Rows:
    cores = [values for name, values in columns.values.items() if name.startswith(CORE)]
    many = len(cores) > CORES_DRAWN
    kept = {n: list(values) for n, values in columns.values.items() if not (many and n.startswith(CORE))}
    if cores:
        known = [[value for value in row if not math.isnan(value)] for row in zip(*cores, strict=True)]
        kept[BUSIEST] = [max(row, default=math.nan) for row in known]
        kept[IDLEST] = [min(row, default=math.nan) for row in known]
    return kept
