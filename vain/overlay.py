"""A run beside its earlier runs: all on one grid, by elapsed time or by progress, and the band of the usual. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

import numpy as np

from vain.bands import GAP_PERIODS, Floats

By = Literal["elapsed", "progress"]

GRID_POINTS: Final = 161
FEWEST_RUNS: Final = 2
"""What one run did says nothing of what is usual."""


class Run(NamedTuple):
    """One run's samples in order of time: seconds since its start, percent done, the values by metric; NaN: unknown."""

    elapsed: Floats
    progress: Floats
    values: Mapping[str, Floats]


class Usual(NamedTuple):
    """From the smallest to the largest value of the earlier runs at each point, with their median; NaN: too few."""

    low: Floats
    mid: Floats
    high: Floats


def grid(by: By, seconds: float) -> Floats:
    """Where runs are compared: up to ``seconds``, or from 0 to 100 percent."""
    return np.linspace(0.0, 100.0 if by == "progress" else max(seconds, 1.0), GRID_POINTS)


def positions(run: Run, by: By) -> Floats:
    """Where each sample stands; progress that fell back stands where it had been, so that it never turns round."""
    if by == "elapsed":
        return run.elapsed
    known = np.where(np.isnan(run.progress), -np.inf, run.progress)
    highest = np.maximum.accumulate(known) if len(known) else known
    return np.where(np.isfinite(highest), highest, np.nan)


def placed(run: Run, metric: str, by: By, at: Floats) -> Floats:
    """The values of a run at the points of a grid, between its samples; NaN outside of them and in its gaps."""
    x, values = positions(run, by), run.values.get(metric)
    if values is None:
        return np.full(len(at), np.nan)
    is_known = ~(np.isnan(x) | np.isnan(values))
    x, elapsed, values = x[is_known], run.elapsed[is_known], values[is_known]
    if not len(x):
        return np.full(len(at), np.nan)
    found = np.interp(at, x, values, left=np.nan, right=np.nan)
    return found if len(x) < 2 else np.where(_in_gap(x, elapsed, at), np.nan, found)


def usual(runs: Sequence[Run], metric: str, by: By, at: Floats) -> Usual:
    """The band of a metric over runs, where at least ``FEWEST_RUNS`` of them are known."""
    nothing = np.full(len(at), np.nan)
    if len(runs) < FEWEST_RUNS:
        return Usual(nothing, nothing, nothing)
    rows = np.array([placed(run, metric, by, at) for run in runs])
    enough = (~np.isnan(rows)).sum(axis=0) >= FEWEST_RUNS
    low, mid, high = nothing.copy(), nothing.copy(), nothing.copy()
    if enough.any():
        compared = rows[:, enough]
        low[enough], high[enough] = np.nanmin(compared, axis=0), np.nanmax(compared, axis=0)
        mid[enough] = np.nanmedian(compared, axis=0)
    return Usual(low, mid, high)


def at_point(line: Floats, at: Floats, point: float | None) -> float | None:
    """What a line of the grid says at one point; None where it says nothing."""
    if point is None or np.isnan(point) or not len(at) or not at[0] <= point <= at[-1]:
        return None
    value = float(line[int(np.argmin(np.abs(at - point)))])
    return None if np.isnan(value) else value


def _in_gap(x: Floats, elapsed: Floats, at: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether two samples around a point are further apart in time than samples of this run are."""
    gaps = np.diff(elapsed)
    after = np.clip(np.searchsorted(x, at, side="left"), 1, len(x) - 1)
    is_sample = x[np.clip(np.searchsorted(x, at, side="left"), 0, len(x) - 1)] == at
    is_gap: np.ndarray[tuple[int], np.dtype[np.bool_]] = (gaps[after - 1] > GAP_PERIODS * np.median(gaps)) & ~is_sample
    return is_gap
