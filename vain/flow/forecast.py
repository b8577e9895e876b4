"""When will it be done: many possible futures, each made of days (or hours, or weeks) that were like those lately.

A trial draws the throughput of past buckets with replacement, those with nothing in them included, until their sum
reaches the number of open tasks; the percentiles of many trials are the forecast (Magennis 2011; Vacanti 2015). A mean
rate gives about the median alone: a coin flip. Pure; needs numpy. The seed is fixed: the same past has the same future.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np

from vain.clock import utc
from vain.flow.attempts import Floats
from vain.flow.figures import MILLISECONDS, PERCENTILES, Cell, Chart, Forecast
from vain.flow.survival import Integers, nearest_rank
from vain.windows import LENGTH_SECONDS, Interval, edges_before

TRIALS = 2_000
SEED = 20_261_123
FEWEST_BUCKETS, MOST_BUCKETS = 30, 90
FEWEST_COMPLETIONS = 10
FURTHEST_BUCKETS = 500
"""What would take longer than this many buckets at the mean rate is too far away to tell."""
PARTS_OF_BUCKET = 12
"""The forecast moves by these parts of a bucket, not with every second of the clock."""
_STEPS = 64


class Past(NamedTuple):
    """What ended in each bucket, the newest last."""

    interval: Interval
    throughput: Integers

    @property
    def ended(self) -> int:
        return int(self.throughput.sum())


def forecast(
    completed: Floats, began: float, items: int, now: float, interval: Interval, timezone: str
) -> tuple[Forecast, Chart]:
    """When ``items`` more will have ended, and the chance of it over time; ``completed`` are the ends so far.

    Drawn from the last 30 to 90 whole buckets, none of them from before ``began``: of the ``interval`` if so many are
    known and the end is not too many of them away, else of another. All times are Unix seconds.
    """
    if items == 0:
        return _unknown(items, "Nothing is open.")
    pasts = [_past(completed, began, now, each, timezone) for each in _order(interval)]
    known = [past for past in pasts if len(past.throughput) >= FEWEST_BUCKETS]
    if not known:
        return _unknown(items, f"Tasks are known for less than {FEWEST_BUCKETS} hours.")
    enough = [past for past in known if past.ended >= FEWEST_COMPLETIONS]
    if not enough:
        return _unknown(items, f"Fewer than {FEWEST_COMPLETIONS} tasks were completed lately.")
    near = [past for past in enough if items / past.throughput.mean() <= FURTHEST_BUCKETS]
    if not near:
        return _unknown(items, "At the pace of late it is too far away to tell.")
    return _told(items, near[0], now)


def trials(throughput: Integers, items: int, count: int = TRIALS) -> Integers:
    """After how many buckets each of ``count`` trials has ``items``, ascending. At least one of ``throughput`` is not
    zero."""
    random = np.random.default_rng(SEED)
    needed = np.zeros(count, dtype=np.int64)
    left = np.full(count, items, dtype=np.int64)
    going = np.arange(count)
    while len(going):
        sums = np.cumsum(throughput[random.integers(len(throughput), size=(len(going), _STEPS))], axis=1)
        is_done = sums[:, -1] >= left[going]
        needed[going] += np.where(is_done, (sums < left[going, None]).sum(axis=1) + 1, _STEPS)
        left[going] -= sums[:, -1]
        going = going[~is_done]
    return np.sort(needed)


def _order(interval: Interval) -> list[Interval]:
    return [interval, *(each for each in LENGTH_SECONDS if each != interval)]


def _past(completed: Floats, began: float, now: float, interval: Interval, timezone: str) -> Past:
    edges = np.array([edge for edge in edges_before(now, interval, timezone, MOST_BUCKETS) if edge >= began])
    if len(edges) < 2:
        return Past(interval, np.zeros(0, dtype=np.int64))
    ascending = np.sort(completed[completed < edges[-1]])
    return Past(interval, np.diff(np.searchsorted(ascending, edges, side="left")))


def _told(items: int, past: Past, now: float) -> tuple[Forecast, Chart]:
    needed = trials(past.throughput, items)
    length = LENGTH_SECONDS[past.interval]
    part = length / PARTS_OF_BUCKET
    begin = ceil(now / part) * part
    p50, p85, p95 = (utc(begin + (nearest_rank(needed, percent) or 0) * length) for percent in PERCENTILES)
    told = Forecast(items, p50, p85, p95, past.interval, len(past.throughput))
    buckets, counts = np.unique(needed, return_counts=True)
    times: list[Cell] = [round((begin + bucket * length) * 1000) for bucket in buckets.tolist()]
    return told, _chart(times, [round(100 * share, 2) for share in (np.cumsum(counts) / TRIALS).tolist()])


def _unknown(items: int, reason: str) -> tuple[Forecast, Chart]:
    return Forecast(items, reason=reason), _chart([], [])


def _chart(times: list[Cell], percent: list[Cell]) -> Chart:
    units = {"percent": "percent", "t": MILLISECONDS}
    return Chart("forecast", "line", "Done by then", "t", ["percent"], units, {"t": times, "percent": percent})
