"""A window of the history out of one snapshot of the database.

The step follows from the window and the points asked for, the tier from the step, so that a month is answered from its
hours and an hour from its samples. One series after the other is unpacked and reduced, so that memory is bounded by
the longest one, not by all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from vain import chunks
from vain.bands import (
    Bands,
    Floats,
    Integers,
    MetricQuery,
    MetricWindow,
    Rows,
    as_they_are,
    joined,
    of_values,
    reduced,
    usual_period_ms,
)
from vain.errors import StoreDamaged
from vain.patterns import is_pattern, matching
from vain.steps import FEWEST_PERIODS, Tier, bucket_count, step_for
from vain.store.connection import Connection
from vain.store.metrics import hot, queries, task_series
from vain.store.metrics.book import OWN_HOST, layouts_of
from vain.store.metrics.hot import HotColumns
from vain.store.metrics.periods import (
    BLOCK_HOURS,
    BLOCK_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MINUTES_OF_DAY,
    SECOND_MS,
    chunk_id,
    milliseconds,
    period_of,
)
from vain.store.metrics.planning import Plan, planned
from vain.store.metrics.snapshot import Snapshot
from vain.store.metrics.spans import spans_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

FEWEST_ROWS = 5
"""So many samples have a period; two that are years apart do not."""
RARE_PERIODS = 3
"""A series that has a value that rarely was sampled by somebody else, and has no gap in between."""


class _RollUps(NamedTuple):
    """How a tier's chunks are laid out."""

    query: str
    slot_ms: int
    chunk_ms: int
    slots: int


_ROLL_UPS: Mapping[Tier, _RollUps] = {
    "1m": _RollUps(queries.MINUTES, MINUTE_MS, DAY_MS, MINUTES_OF_DAY),
    "1h": _RollUps(queries.HOURS, HOUR_MS, BLOCK_MS, BLOCK_HOURS),
}


def window(snapshot: Snapshot, query: MetricQuery) -> MetricWindow:
    """The window that is asked for. Raises Invalid for a metric that is not there, and for too many points."""
    names = matching(list(snapshot.ids), query.metrics)
    begin, end = milliseconds(query.after), milliseconds(query.before)
    asked = task_series.asked_for(snapshot, query.metrics, query.tasks, begin, end)
    plan = planned(snapshot, query, [snapshot.ids[name] for name in names], len(asked.names))
    named = {name for name in query.metrics or () if not is_pattern(name)}
    if asked.names and not names:
        found = task_series.alone(snapshot, asked, named, query.after, query.before, plan.points)
    else:
        found = _samples(snapshot, plan, names) if plan.tier == "raw" else _roll_ups(snapshot, plan, names)
        found = found._replace(series=_spoken_of(found.series, named))
    if asked.names and names:
        found = task_series.added(snapshot, found, asked, named, begin, end)
    spans = spans_of(snapshot.connection, snapshot.book, query, found, snapshot.spans)
    return found._replace(spans=spans)


# --- samples -----------------------------------------------------------------------------------------------------


class _Times(NamedTuple):
    """The moments of all samples in a window, and where the values of a series have to go to stand at them."""

    hours: list[tuple[int, int]]
    """Hour since 1970, and how many samples it has."""
    newest: HotColumns
    order: Integers
    t: Integers

    def values(self, connection: Connection, series: int) -> Floats:
        """A series at these moments."""
        parts = {}
        if self.hours:
            bounds = chunk_id(series, self.hours[0][0]), chunk_id(series, self.hours[-1][0])
            parts = {period_of(row[0]): row[1] for row in connection.execute(queries.RAW, bounds)}
        columns = [_column(parts.get(hour), count) for hour, count in self.hours]
        columns.append(self.newest.values.get(series, np.full(len(self.newest.t), np.nan)))
        return np.concatenate(columns)[self.order]


def _samples(snapshot: Snapshot, plan: Plan, names: Sequence[str]) -> MetricWindow:
    ids = [snapshot.ids[name] for name in names]
    times = _own(snapshot.connection, _times(snapshot, *_bounds(plan, plan.step_seconds), set(ids)), ids)
    period_ms = usual_period_ms(times.t)
    within = slice(*np.searchsorted(times.t, (milliseconds(plan.after), milliseconds(plan.before))).tolist())
    t = times.t[within]
    gaps = int(np.count_nonzero(np.diff(t) > period_ms * 2))
    if not plan.is_fixed and len(t) + gaps <= plan.points:

        def read(number: int) -> Rows:
            band = of_values(times.values(snapshot.connection, number)[within])
            return as_they_are(Rows(t, {"": band}), period_ms)

        return _window(names, ids, read, MetricWindow(t / SECOND_MS, {}, "raw", round(period_ms / SECOND_MS, 3)))
    step_seconds = plan.step_seconds
    if not plan.is_fixed:
        step_seconds = step_for(plan.after, plan.before, plan.points, period_ms / SECOND_MS)
        times = _own(snapshot.connection, _times(snapshot, *_bounds(plan, step_seconds), set(ids)), ids)

    def read_rows(number: int) -> Rows:
        return Rows(times.t, {"": of_values(times.values(snapshot.connection, number))})

    return _reduced(plan, names, ids, step_seconds, read_rows)


def _times(snapshot: Snapshot, begin: int, end: int, wanted: set[int]) -> _Times:
    bounds = chunk_id(OWN_HOST, begin // HOUR_MS), chunk_id(OWN_HOST, end // HOUR_MS)
    hours, parts = [], []
    for identifier, packed in snapshot.connection.execute(queries.TIMES, bounds):
        t = unpacked(packed, chunks.unpack_integers)
        if t is not None:
            hours.append((period_of(identifier), len(t)))
            parts.append(t + period_of(identifier) * HOUR_MS)
    newest = _newest(snapshot, begin, end, wanted)
    t = np.concatenate([*parts, newest.t])
    order = np.arange(len(t))
    if len(newest.t) and parts and newest.t[0] <= parts[-1][-1]:
        order = np.argsort(t, kind="stable")
        # Of a time that is there twice, because a clock was set back, what was written last.
        order = order[np.append(np.diff(t[order]) > 0, True)]
    in_order = t[order]
    first, last = np.searchsorted(in_order, (begin, end)).tolist()
    return _Times(hours, newest, order[first:last], in_order[first:last])


def _own(connection: Connection, times: _Times, ids: Sequence[int]) -> _Times:
    """Only the moments of these series, if they are much rarer than those of all: an import among our own samples."""
    known = np.zeros(len(times.t), bool)
    for number in ids:
        known |= ~np.isnan(times.values(connection, number))
        if known.all():
            return times
    if not known.any() or usual_period_ms(times.t[known]) < RARE_PERIODS * usual_period_ms(times.t):
        return times  # What is unknown now and then is a gap.
    return times._replace(order=times.order[known], t=times.t[known])


def _newest(snapshot: Snapshot, begin: int, end: int, wanted: set[int]) -> HotColumns:
    """The samples that are not sealed yet; those that wait to be written may have been written in between."""
    rows = list(snapshot.connection.execute(queries.HOT, (begin, end)))
    pending = [row for row in snapshot.pending if begin <= row.t < end]
    return hot.columns(rows, layouts_of(snapshot.connection), pending, snapshot.ids, wanted)


# --- roll-ups ----------------------------------------------------------------------------------------------------


def _roll_ups(snapshot: Snapshot, plan: Plan, names: Sequence[str]) -> MetricWindow:
    tier = _ROLL_UPS[plan.tier]
    ids = [snapshot.ids[name] for name in names]

    def reader(step_seconds: float) -> Callable[[int], Rows]:
        begin, end = _bounds(plan, step_seconds)
        newest = _newest(snapshot, begin, end, set(ids))
        return lambda number: _slots(snapshot.connection, tier, number, begin, end, newest)

    read, step_seconds = reader(plan.step_seconds), plan.step_seconds
    if not plan.is_fixed:
        step_seconds = _fitting_step(plan, read, ids, tier)
        if step_seconds != plan.step_seconds:
            read = reader(step_seconds)
    return _reduced(plan, names, ids, step_seconds, read)


def _fitting_step(plan: Plan, read: Callable[[int], Rows], ids: Sequence[int], tier: _RollUps) -> float:
    """The step of the plan, or a longer one where the samples are further apart than that (an import, say)."""
    for number in ids:
        rows = read(number)
        if len(rows.t) >= FEWEST_ROWS:
            period_seconds = usual_period_ms(rows.t) / SECOND_MS
            if period_seconds <= tier.slot_ms / SECOND_MS or period_seconds * FEWEST_PERIODS <= plan.step_seconds:
                return plan.step_seconds
            return max(plan.step_seconds, step_for(plan.after, plan.before, plan.points, period_seconds))
    return plan.step_seconds


def _slots(connection: Connection, tier: _RollUps, series: int, begin: int, end: int, newest: HotColumns) -> Rows:
    """The filled slots of a tier within the window; those of samples that are not sealed are made here."""
    bounds = chunk_id(series, begin // tier.chunk_ms), chunk_id(series, (end - 1) // tier.chunk_ms)
    times: list[Integers] = []
    parts: list[Bands] = []
    for identifier, packed in connection.execute(tier.query, bounds):
        bands = unpacked(packed, chunks.unpack_bands)
        if bands is not None:
            _add_filled(times, parts, bands, period_of(identifier) * tier.chunk_ms, tier.slot_ms)
    values = newest.values.get(series)
    if values is not None:
        first = int(newest.t[0]) // tier.slot_ms
        count = int(newest.t[-1]) // tier.slot_ms - first + 1
        made = reduced(Rows(newest.t, {"": of_values(values)}), tier.slot_ms, first, count).series[""]
        _add_filled(times, parts, made, first * tier.slot_ms, tier.slot_ms)
    if not times:
        return Rows(np.empty(0, np.int64), {"": of_values(np.empty(0))})
    t = np.concatenate(times)
    together = joined(parts)
    if len(parts) > 1 and np.any(np.diff(t) < 0):
        order = np.argsort(t, kind="stable")
        t, together = t[order], together.each(lambda column: column[order])
    return Rows(t, {"": together})


def _add_filled(times: list[Integers], parts: list[Bands], bands: Bands, begin: int, slot_ms: int) -> None:
    filled = np.flatnonzero(bands.count)
    if len(filled) == len(bands.count):
        times.append(begin + np.arange(len(filled), dtype=np.int64) * slot_ms)
        parts.append(bands)
    elif len(filled):
        times.append(begin + filled * slot_ms)
        parts.append(bands.each(lambda column: column[filled]))


# --- both --------------------------------------------------------------------------------------------------------


def _reduced(
    plan: Plan, names: Sequence[str], ids: Sequence[int], step_seconds: float, read: Callable[[int], Rows]
) -> MetricWindow:
    step_ms = round(step_seconds * SECOND_MS)
    begin, end = _bounds(plan, step_seconds)
    first, count = begin // step_ms, (end - begin) // step_ms
    edges = (np.arange(count) + first) * step_ms / SECOND_MS
    empty = MetricWindow(edges, {}, plan.tier, step_seconds, is_reduced=True)
    return _window(names, ids, lambda number: reduced(read(number), step_ms, first, count), empty)


def _window(names: Sequence[str], ids: Sequence[int], read: Callable[[int], Rows], empty: MetricWindow) -> MetricWindow:
    """``empty`` with the series in it, one after the other."""
    t, series = empty.t, {}
    for name, number in zip(names, ids, strict=True):
        rows = read(number)
        t, series[name] = rows.t / SECOND_MS, rows.series[""]
    return empty._replace(t=t, series=series)


def _bounds(plan: Plan, step_seconds: float) -> tuple[int, int]:
    """The whole buckets that the window touches, in milliseconds."""
    step_ms = round(step_seconds * SECOND_MS)
    first = int(round(plan.after / step_seconds, 9) // 1)
    return first * step_ms, (first + bucket_count(plan.after, plan.before, step_seconds)) * step_ms


def _spoken_of(series: dict[str, Bands], named: set[str]) -> dict[str, Bands]:
    """Without those that say nothing in this window, unless they were asked for by name."""
    return {name: bands for name, bands in series.items() if name in named or bands.count.any()}


def _column(packed: bytes | None, count: int) -> Floats:
    column = None if packed is None else unpacked(packed, chunks.unpack)
    return np.full(count, np.nan) if column is None or len(column) != count else column


def unpacked(packed: bytes, unpack: Callable[[bytes], T]) -> T | None:
    """A chunk; None for one that is damaged, so that one bad sector does not take the rest of the history away."""
    try:
        return unpack(packed)
    except StoreDamaged as error:
        logger.warning("A chunk is left out: %s", error.detail)
        return None
