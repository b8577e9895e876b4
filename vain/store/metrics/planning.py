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


def planned(snapshot: Snapshot, query: MetricQuery, series: Sequence[int], of_tasks: int = 0) -> Plan:
    """How to answer for these series, and so many of tasks. Raises Invalid for too many points."""
    plan = _plan(query, len(series) + of_tasks)
    tier = _kept_tier(snapshot, plan, series)
    if tier == plan.tier:
        return plan
    return plan._replace(tier=tier, step_seconds=max(plan.step_seconds, float(TIER_SECONDS[tier])))


def _plan(query: MetricQuery, series: int) -> Plan:
    after, before = max(0.0, query.after), max(0.001, query.before)
    most = max(1, min(MOST_POINTS, MOST_CELLS // max(1, series)))
    if query.points is not None:
        _check(query.points, series)
    step_seconds = query.step_seconds
    is_fixed = step_seconds is not None and bucket_count(after, before, step_seconds) <= most
    points = most if query.points is None else query.points
    if step_seconds is None or not is_fixed:
        step_seconds = max(step_seconds or 0.0, step_for(after, before, points))
    return Plan(after, before, points, step_seconds, tier_for(step_seconds), is_fixed)


def _check(points: int, series: int) -> None:
    if points > MOST_POINTS:
        raise _too_many(f"At most {MOST_POINTS:,} points are given at once, not {points:,}.")
    if points * series > MOST_CELLS:
        most = MOST_CELLS // series
        raise _too_many(
            f"{points:,} points of {series:,} series are more than the {MOST_CELLS:,} values that are given at once: "
            f"ask for at most {most:,} points, or for fewer metrics."
        )


def _too_many(detail: str) -> Invalid:
    return Invalid(f"points: {detail}", [Flaw(detail, parameter="points")])


def _kept_tier(snapshot: Snapshot, plan: Plan, series: Sequence[int]) -> Tier:
    """The tier of the plan, or a coarser one if that has something of the window from before the finer one begins."""
    after, before = milliseconds(plan.after), milliseconds(plan.before)
    tier, begins = plan.tier, before
    if tier == "raw":
        begins = _begin_of_samples(snapshot, before)
        if after < begins and _has_slots(snapshot, _MINUTES, series, after, begins):
            tier = "1m"
    if tier == "1m":
        begins = min((_begin_of_minutes(snapshot, number) for number in series), default=before)
    if tier != "1h" and after < begins and _has_slots(snapshot, _HOURS, series, after, min(begins, before)):
        tier = "1h"
    return tier


class _RollUp(NamedTuple):
    query: str
    chunk_ms: int


_MINUTES, _HOURS = _RollUp(queries.MINUTES, DAY_MS), _RollUp(queries.HOURS, BLOCK_MS)


def _begin_of_samples(snapshot: Snapshot, before: int) -> int:
    """When the oldest sample was taken that is still kept, sealed to an hour; ``before`` if none was until then."""
    row = snapshot.connection.execute(queries.FIRST_TIMES, _all(OWN_HOST)).fetchone()
    moments: list[int] = [before, *(t for t in snapshot.connection.execute(queries.HOT_BOUNDS).get if t is not None)]
    if row is not None:
        moments.append(period_of(row[0]) * HOUR_MS)
    moments += [pending.t for pending in snapshot.pending[:1]]
    return min(moments)


def _begin_of_minutes(snapshot: Snapshot, series: int) -> int:
    """When the oldest day of minutes begins that is kept of a series; far ahead if none is."""
    row = snapshot.connection.execute(queries.FIRST_MINUTES, _all(series)).fetchone()
    return 1 << 62 if row is None else period_of(row[0]) * DAY_MS


def _has_slots(snapshot: Snapshot, tier: _RollUp, series: Iterable[int], after: int, before: int) -> bool:
    """Whether a tier has a slot with samples in a stretch (milliseconds)."""
    first, last = after // tier.chunk_ms, (before - 1) // tier.chunk_ms
    for number in series:
        for identifier, packed in snapshot.connection.execute(
            tier.query, (chunk_id(number, first), chunk_id(number, last))
        ):
            count = _unpacked(packed).count
            begin, slot_ms = period_of(identifier) * tier.chunk_ms, tier.chunk_ms // max(1, len(count))
            if count[max(0, (after - begin) // slot_ms) : max(0, (before - begin) // slot_ms)].any():
                return True
    return False


def _all(owner: int) -> tuple[int, int]:
    return chunk_id(owner, 0), chunk_id(owner + 1, 0) - 1


def _unpacked(packed: bytes) -> Bands:
    try:
        return chunks.unpack_bands(packed)
    except StoreDamaged:  # reading it will say so
        return chunks.NOTHING
