"""Windows of several hosts as one: what a task used on all of them together. Pure.

Each host looks at moments of its own, so there is nothing to be added but means over a step that holds samples of all.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vain.bands import Bands, MetricQuery, MetricWindow, Rows, reduced
from vain.steps import bucket_count, step_for

MOST_POINTS = 10_000
"""Where nobody says how many are wanted."""
_MS = 1_000


def summed(query: MetricQuery, first: MetricWindow, others: Sequence[MetricWindow]) -> MetricWindow:
    """The first window with what the others have of the same series added, over steps that hold samples of all.

    A step in which something is known of some hosts is their sum, one in which nothing is known is unknown. The
    smallest and the largest value are sums as well: what was at one time lies between them.
    """
    step_seconds = _step(query, [first, *others])
    step_ms = round(step_seconds * _MS)
    begin = round(query.after * _MS) // step_ms
    count = bucket_count(query.after, query.before, step_seconds)
    rows = [_reduced(window, step_ms, begin, count) for window in (first, *others)]
    series = dict(rows[0].series)
    for other in rows[1:]:
        for name, bands in other.series.items():
            series[name] = _plus(series[name], bands) if name in series else bands
    return first._replace(t=rows[0].t / _MS, series=series, step_seconds=step_seconds, is_reduced=True)


def _step(query: MetricQuery, windows: Sequence[MetricWindow]) -> float:
    longest = max((window.step_seconds for window in windows if window.is_reduced), default=0.0)
    if query.step_seconds is not None:
        return max(query.step_seconds, longest)
    period = max((window.step_seconds for window in windows if not window.is_reduced), default=0.0)
    return max(longest, step_for(query.after, query.before, query.points or MOST_POINTS, period))


def _reduced(window: MetricWindow, step_ms: int, first: int, count: int) -> Rows:
    return reduced(Rows(np.round(window.t * _MS).astype(np.int64), window.series), step_ms, first, count)


def _plus(one: Bands, other: Bands) -> Bands:
    known = np.maximum(one.count, other.count)
    mean, low, high = (
        np.where(known > 0, np.nan_to_num(ours) + np.nan_to_num(theirs), np.nan)
        for ours, theirs in ((one.mean, other.mean), (one.min, other.min), (one.max, other.max))
    )
    return Bands(mean, low, high, known)
