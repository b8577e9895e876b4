"""A window of the metric history: for each point the mean, the smallest and the largest value, so that a spike of one
second is seen in a month; and the reduction of rows to buckets. Needs numpy, and nothing else.

Arrays are float64 with NaN for unknown; times are int64 milliseconds inside and float64 Unix seconds in a window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from vain.quality import Span
from vain.steps import Tier

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

GAP_PERIODS = 2.5
"""Rows that are further apart than this many of their usual periods have a gap between them."""


@dataclass(frozen=True, slots=True)
class Bands:
    """One series, all of one length: NaN and a count of 0 where nothing is known."""

    mean: Floats
    min: Floats
    max: Floats
    count: Integers
    """How many samples each point stands for."""

    def each(self, change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]]) -> Bands:
        """The same done to all four columns."""
        return Bands(change(self.mean), change(self.min), change(self.max), change(self.count))


class MetricQuery(Struct, frozen=True):
    """What is asked of the history. Equal queries may share an answer.

    ``metrics`` are names of metrics (``disk.percent``: all its instances), of series (``disk.percent:/home``) or
    patterns (``cpu.*``); None asks for all. ``points`` is how many are wanted at most; None: every sample, or the
    finest step that the server gives at once. ``step_seconds`` fixes the step, in place of ``points``. ``tasks`` are
    those whose own series are wanted as well. ``host`` is the machine that it is about, ``""`` the server's own.
    ``also`` are others on which the tasks had processes: what they used there is added to their series.
    """

    after: float
    before: float
    metrics: tuple[str, ...] | None = None
    points: int | None = None
    step_seconds: float | None = None
    tasks: tuple[int, ...] = ()
    host: str = ""
    also: tuple[str, ...] = ()


class MetricWindow(NamedTuple):
    """The answer: ``t`` is where each point begins, in Unix seconds, ascending.

    A step that has no sample is NaN; where samples come as they are (``tier`` raw, not reduced) one row of NaN stands
    in each gap, so that no line is drawn across. ``spans`` say why, in order of time.
    """

    t: Floats
    series: dict[str, Bands]
    tier: Tier
    step_seconds: float
    spans: tuple[Span, ...] = ()
    is_reduced: bool = False
    """Whether each point is a bucket of ``step_seconds``; if not, the samples come as they are."""


class Rows(NamedTuple):
    """Rows in order of time, before they are reduced: ``t`` in milliseconds."""

    t: Integers
    series: Mapping[str, Bands]


def of_values(values: Floats) -> Bands:
    """Samples as they are: mean, min and max are the value itself."""
    return Bands(values, values, values, (~np.isnan(values)).astype(np.int64))


def unknown(count: int) -> Bands:
    """Nothing is known: columns of their own, so that values can be put into them."""
    nothing = np.full(count, np.nan)
    return Bands(nothing, nothing.copy(), nothing.copy(), np.zeros(count, np.int64))


def joined(parts: Iterable[Bands]) -> Bands:
    """Behind each other."""
    known = list(parts)
    return Bands(
        np.concatenate([part.mean for part in known]),
        np.concatenate([part.min for part in known]),
        np.concatenate([part.max for part in known]),
        np.concatenate([part.count for part in known]),
    )


def usual_period_ms(t: Integers) -> float:
    """The median distance of neighbouring rows in milliseconds; 1000 if there are fewer than two."""
    return float(np.median(np.diff(t))) if len(t) > 1 else 1000.0


def as_they_are(rows: Rows, period_ms: float) -> Rows:
    """The rows, with one of NaN a period after the beginning of each gap."""
    gaps = np.flatnonzero(np.diff(rows.t) > GAP_PERIODS * period_ms)
    if not len(gaps):
        return rows
    at, t = gaps + 1, np.insert(rows.t, gaps + 1, rows.t[gaps] + int(period_ms))

    def opened(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.insert(column, at, 0 if column.dtype == np.int64 else np.nan)

    return Rows(t, {name: bands.each(opened) for name, bands in rows.series.items()})


def reduced(rows: Rows, step_ms: int, first: int, count: int) -> Rows:
    """``count`` buckets from the one with number ``first`` on; bucket ``n`` begins at ``n * step_ms``.

    The mean is weighted by what each row stands for. A bucket without samples is NaN. Rows outside are left out.
    """
    edges = (np.arange(count + 1, dtype=np.int64) + first) * step_ms
    at = np.searchsorted(rows.t, edges)
    filled = np.flatnonzero(at[1:] > at[:-1])
    begin, end = int(at[0]), int(at[-1])
    starts = at[filled] - begin
    return Rows(edges[:-1], {name: _band(b, begin, end, starts, filled, count) for name, b in rows.series.items()})


def _band(band: Bands, begin: int, end: int, starts: Integers, filled: Integers, count: int) -> Bands:
    mean, low, high = np.full(count, np.nan), np.full(count, np.nan), np.full(count, np.nan)
    counts = np.zeros(count, np.int64)
    if len(starts):
        weights = band.count[begin:end]
        known = np.add.reduceat(weights, starts)
        values = band.mean[begin:end]
        counts[filled] = known
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            weighted = np.where(weights > 0, values * weights, 0.0)
            mean[filled] = np.add.reduceat(weighted, starts) / known
        low[filled] = np.fmin.reduceat(band.min[begin:end], starts)
        high[filled] = np.fmax.reduceat(band.max[begin:end], starts)
        # A mean of doubles may fall outside of its own values by a last bit.
        np.clip(mean, low, high, out=mean)
    return Bands(mean, low, high, counts)
