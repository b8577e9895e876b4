"""From the newest rows to what a chart draws: a whole window from a DataFrame, a tick's few from plain columns.

A DataFrame costs a millisecond however small it is; a tick comes every second to every open page. Pure.
"""

from __future__ import annotations

import math
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
    return drawn | {FILL + name: np.nan_to_num(drawn[name]) for name in FILLED if name in drawn}


def rows(columns: Columns, period_seconds: float, previous: float | None = None) -> Rows:
    """The columns as lists of equal length under ``t`` (Unix milliseconds, as Bokeh has it) and each series' name.

    ``previous`` is the time (Unix seconds) of the last row that is already drawn. Unknown is NaN; a gap in time is two
    rows of NaN, one period after it begins and just before it ends.
    """
    drawn: Rows = dict(_reduced_cores(columns))
    drawn["t"] = [t * 1000 for t in columns.t]
    for index, at in reversed(_gaps(list(columns.t), period_seconds, previous)):
        for name, values in drawn.items():
            values.insert(index, at * 1000 if name == "t" else math.nan)
    for name in FILLED:
        if name in drawn:
            drawn[FILL + name] = [0.0 if math.isnan(value) else value for value in drawn[name]]
    return drawn


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
