"""What has to be read for a question: the step, and the tier that gives it and reaches back far enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vain import chunks
from vain.bands import Bands, MetricQuery
from vain.errors import Flaw, Invalid, StoreDamaged
from vain.steps import TIER_SECONDS, Tier, bucket_count, step_for, tier_for
from vain.store.metrics import queries
from vain.store.metrics.book import OWN_HOST
from vain.store.metrics.periods import BLOCK_MS, DAY_MS, HOUR_MS, chunk_id, milliseconds, period_of
from vain.store.metrics.snapshot import Snapshot

MOST_POINTS = 10_000
MOST_CELLS = 400_000
"""Points times series of one answer: as JSON, which takes most, some 20 MB on the way and 50 MB of memory."""


class Plan(NamedTuple):
    """``after`` and ``before`` in Unix seconds; ``points`` is how many the answer may have."""

    after: float
    before: float
    points: int
    step_seconds: float
    tier: Tier
    is_fixed: bool
    """Whether the step was asked for, and not the number of points."""


def planned(snapshot: Snapshot, query: MetricQuery, series: Sequence[int]) -> Plan:
    """How to answer for these series. Raises Invalid for too many points."""
    plan = _plan(query, len(series))
    tier = _kept_tier(snapshot, plan, series)
    if tier == plan.tier:
        return plan
    return plan._replace(tier=tier, step_seconds=max(plan.step_seconds, float(TIER_SECONDS[tier])))


def _plan(query: MetricQuery, series: int) -> Plan:
    points = MOST_POINTS if query.points is None else query.points
    if query.step_seconds is not None:
        points = bucket_count(query.after, query.before, query.step_seconds)
    _check(points, series, is_asked=query.points is not None or query.step_seconds is not None)
    points = max(1, min(points, MOST_CELLS // max(1, series)))
    step_seconds = query.step_seconds or step_for(query.after, query.before, points)
    is_fixed = query.step_seconds is not None
    return Plan(query.after, query.before, points, step_seconds, tier_for(step_seconds), is_fixed)


def _check(points: int, series: int, is_asked: bool) -> None:
    if points > MOST_POINTS:
        raise _too_many(f"At most {MOST_POINTS:,} points are given at once, not {points:,}.")
    if is_asked and points * series > MOST_CELLS:
        most = MOST_CELLS // series
        raise _too_many(
            f"{points:,} points of {series:,} series are more than the {MOST_CELLS:,} values that are given at once: "
            f"ask for at most {most:,} points, or for fewer metrics."
        )


def _too_many(detail: str) -> Invalid:
    return Invalid(f"points: {detail}", [Flaw(detail, parameter="points")])


def _kept_tier(snapshot: Snapshot, plan: Plan, series: Sequence[int]) -> Tier:
    """The tier of the plan, or the finest coarser one if only that reaches back to the beginning of the window."""
    after = milliseconds(plan.after)
    tier = plan.tier
    if tier == "raw":
        oldest = _oldest(snapshot, queries.FIRST_TIMES, [OWN_HOST], HOUR_MS)
        if (oldest is None or after < oldest) and _reaches_further(
            snapshot, queries.FIRST_MINUTES, series, DAY_MS, oldest
        ):
            tier = "1m"
    if tier == "1m":
        oldest = _oldest(snapshot, queries.FIRST_MINUTES, series, DAY_MS)
        if (
            oldest is not None
            and after < oldest
            and _reaches_further(snapshot, queries.FIRST_HOURS, series, BLOCK_MS, oldest)
        ):
            tier = "1h"
    return tier


def _oldest(snapshot: Snapshot, query: str, owners: Iterable[int], period_ms: int) -> int | None:
    """When the oldest chunk begins, in milliseconds."""
    found = [
        period_of(row[0]) * period_ms
        for owner in owners
        if (row := snapshot.connection.execute(query, (chunk_id(owner, 0), chunk_id(owner + 1, 0) - 1)).fetchone())
    ]
    return min(found, default=None)


def _reaches_further(snapshot: Snapshot, query: str, series: Iterable[int], period_ms: int, oldest: int | None) -> bool:
    """Whether a coarser tier has a slot with samples from before ``oldest`` (milliseconds; None: from whenever)."""
    first = _oldest(snapshot, query, series, period_ms)
    # The first chunk holds the same first samples as the finer tier does, unless it begins whole periods earlier.
    return first is not None and (
        oldest is None
        or first // period_ms < (oldest - 1) // period_ms
        or _has_before(snapshot, query, series, first, oldest, period_ms)
    )


def _has_before(snapshot: Snapshot, query: str, series: Iterable[int], first: int, oldest: int, period_ms: int) -> bool:
    for number in series:
        row = snapshot.connection.execute(query, (chunk_id(number, 0), chunk_id(number + 1, 0) - 1)).fetchone()
        if row is not None and period_of(row[0]) * period_ms == first:
            count = _unpacked(row[1]).count
            before = max(0, (oldest - first) // (period_ms // max(1, len(count))))
            if count[:before].any():
                return True
    return False


def _unpacked(packed: bytes) -> Bands:
    try:
        return chunks.unpack_bands(packed)
    except StoreDamaged:  # reading it will say so
        return chunks.NOTHING
