"""When a task will end, as a range: from its pace, and from how long earlier runs took. Pure.

The pace is tqdm's: an exponential moving average of seconds per unit with the bias of its beginning taken out
(``EMA`` in tqdm/std.py, after Kingma and Ba, "Adam", section 3). The range comes from how much the pace varied.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from msgspec import Struct

from vain.clock import unix, utc
from vain.types import Eta, Task, Time
from vain.usual import nearest_rank

SMOOTHING = 0.3
FEWEST_UPDATES = 3
FEWEST_RUNS = 5
LEAST_SPREAD = 0.05
"""Of what remains: no pace is known better."""
LONGEST_SECONDS = 3_650 * 86_400.0
SILENT_GAPS = 3
"""So many usual gaps without an update, and the pace is no longer that of today."""


class Pace(Struct, frozen=True):
    """How fast the amount grew: biased averages of seconds per unit, of its square, and of the gap between updates."""

    amount: float
    t: float
    updates: int = 0
    seconds_per_unit: float = 0.0
    square: float = 0.0
    gap_seconds: float = 0.0

    @property
    def mean(self) -> float:
        """Seconds per unit."""
        return self.seconds_per_unit / self._weight

    @property
    def gap(self) -> float:
        """Usual seconds between two updates."""
        return self.gap_seconds / self._weight

    @property
    def spread(self) -> float:
        """The standard deviation of the seconds per unit, relative to their mean."""
        variance = max(0.0, self.square / self._weight - self.mean**2)
        return sqrt(variance) / self.mean if self.mean > 0 else 0.0

    @property
    def _weight(self) -> float:
        return 1 - (1 - SMOOTHING) ** self.updates


class Remaining(NamedTuple):
    """Seconds from now."""

    low: float
    mid: float
    high: float


def paced(pace: Pace | None, amount: float, t: float) -> Pace:
    """The pace after the amount was reported at ``t`` (seconds of any clock). An amount that fell begins anew."""
    if pace is None or amount < pace.amount:
        return Pace(amount, t)
    gained, seconds = amount - pace.amount, t - pace.t
    if gained <= 0 or seconds <= 0:
        return pace  # the time counts with the next gain
    each = min(seconds / gained, LONGEST_SECONDS)
    return Pace(
        amount,
        t,
        pace.updates + 1,
        SMOOTHING * each + (1 - SMOOTHING) * pace.seconds_per_unit,
        SMOOTHING * each**2 + (1 - SMOOTHING) * pace.square,
        SMOOTHING * seconds + (1 - SMOOTHING) * pace.gap_seconds,
    )


def eta_by_progress(pace: Pace | None, total: float, t: float) -> Remaining | None:
    """What remains at ``t`` until the amount is ``total``; None with too few updates, or once it fell silent."""
    if pace is None or pace.updates < FEWEST_UPDATES or t - pace.t > SILENT_GAPS * pace.gap:
        return None
    left = max(0.0, total - pace.amount)
    mid = left * pace.mean - max(0.0, t - pace.t)
    # The mean of many steps varies less than one of them; the newest weigh most, so they count for a few.
    spread = max(LEAST_SPREAD, pace.spread / sqrt(min(pace.updates, 1 / SMOOTHING)))
    low, high = left * pace.mean * (1 - min(spread, 0.9)), left * pace.mean * (1 + spread)
    elapsed = max(0.0, t - pace.t)
    return _ordered(low - elapsed, mid, high - elapsed, pace.mean)


def eta_by_runs(age_seconds: float, durations: Sequence[float]) -> Remaining | None:
    """What remained of the earlier runs that took longer than this one has: 15th, 50th and 85th percentile.

    Conditional on the age, so it grows for a run that outlasts most others. None with fewer than ``FEWEST_RUNS``.
    """
    left = [seconds - age_seconds for seconds in durations if seconds > age_seconds]
    if len(left) < FEWEST_RUNS:
        return None
    low, mid, high = (nearest_rank(left, percent) for percent in (15, 50, 85))
    return _ordered(low, mid, high, LEAST_SPREAD * mid)


def eta_of(task: Task, pace: Pace | None, durations: Sequence[float], now: Time) -> Eta | None:
    """The range with its basis; None for a task that is not in progress, or of which too little is known.

    ``pace`` counts in the task's ``current`` where it has a ``total``, else in percent, and in Unix seconds.
    """
    if task.status != "in-progress" or task.started_at is None:
        return None
    seconds = unix(now)
    total = task.total if task.current is not None and task.total else 100.0
    by_progress = eta_by_progress(pace, total, seconds)
    by_runs = eta_by_runs(seconds - unix(task.started_at), durations)
    runs = f"{len(durations)} earlier runs"
    if by_progress is None:
        return None if by_runs is None else _eta(by_runs, seconds, runs)
    if by_runs is None:
        return _eta(by_progress, seconds, "progress")
    done = 0.0 if pace is None else min(1.0, pace.amount / total)
    mixed = Remaining(*(done * p + (1 - done) * r for p, r in zip(by_progress, by_runs, strict=True)))
    return _eta(mixed, seconds, f"progress and {runs}")


def _ordered(low: float, mid: float, high: float, least: float) -> Remaining:
    """Not in the past, in order, and never a single moment."""
    low = max(0.0, low)
    mid = max(low, mid)
    return Remaining(low, mid, max(high, mid + least, low + 1.0))


def _eta(remaining: Remaining, now: float, basis: str) -> Eta | None:
    if remaining.high > LONGEST_SECONDS:
        return None
    low, mid, high = (utc(now + seconds) for seconds in remaining)
    return Eta(at=mid, low=low, high=high, basis=basis)
