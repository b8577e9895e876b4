"""One metric of all hosts on one grid, out of one snapshot: a statement for each tier instead of one for each host.

Of the samples that are not sealed yet, which are many, some are looked at: ``MOST_LOOKS`` in all, evenly, and at least
one for each cell.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from vain import chunks
from vain.bands import Floats, Integers
from vain.errors import StoreDamaged
from vain.steps import Tier, tier_for
from vain.store.metrics.periods import (
    BLOCK_HOURS,
    BLOCK_MS,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    MINUTES_OF_DAY,
    SECOND_MS,
    milliseconds,
    period_of,
)
from vain.store.postgres.connection import PostgresConnection

logger = logging.getLogger(__name__)

MOST_LOOKS: Final = 15_000
"""Some 0.2 s."""
_SERIES: Final = """
SELECT h.name, s.host_id, s.series_id FROM metric_series AS s JOIN metric_hosts AS h USING (host_id)
WHERE split_part(s.name, ':', 1) = $1 ORDER BY s.host_id, s.series_id"""
_LAYOUTS: Final = "SELECT host_id, layout_id, series FROM metric_layouts WHERE host_id = ANY ($1)"
_CHUNKS: Final = """
SELECT o.place, c.id, c.v
FROM unnest($1::int[], $2::int[], $3::bigint[]) AS o (place, host_id, base)
JOIN {} AS c ON c.host_id = o.host_id AND c.id BETWEEN o.base + $4 AND o.base + $5 ORDER BY o.place, c.id"""
_HOT: Final = """
SELECT o.place, string_agg(int8send(look.t), ''::bytea ORDER BY moment.t),
       string_agg(substring(look.v FROM o.at FOR 8), ''::bytea ORDER BY moment.t)
FROM unnest($1::int[], $2::int[], $3::int[], $4::int[]) AS o (place, host_id, layout_id, at)
CROSS JOIN generate_series($5::bigint, $6::bigint - 1, $7::bigint) AS moment (t)
CROSS JOIN LATERAL (
    SELECT t, layout_id, v FROM metric_hot
    WHERE host_id = o.host_id AND t >= moment.t AND t < least(moment.t + $7::bigint, $6::bigint) ORDER BY t LIMIT 1
) AS look
WHERE look.layout_id = o.layout_id GROUP BY o.place"""
_HOT_BOUNDS: Final = """
SELECT min(bounds.first), max(bounds.last) FROM unnest($1::int[]) AS o (host_id) CROSS JOIN LATERAL (SELECT
    (SELECT t FROM metric_hot WHERE host_id = o.host_id AND t >= $2 AND t < $3 ORDER BY t LIMIT 1) AS first,
    (SELECT t FROM metric_hot WHERE host_id = o.host_id AND t >= $2 AND t < $3 ORDER BY t DESC LIMIT 1) AS last
) AS bounds"""
_OF_HOST: Final = 1


class _RollUps(NamedTuple):
    table: str
    slot_ms: int
    chunk_ms: int
    slots: int


_MINUTES: Final = _RollUps("metric_minutes", MINUTE_MS, DAY_MS, MINUTES_OF_DAY)
_HOURS: Final = _RollUps("metric_hours", HOUR_MS, BLOCK_MS, BLOCK_HOURS)
_ROLL_UPS: Final[Mapping[Tier, Sequence[_RollUps]]] = {
    "raw": (_MINUTES, _HOURS),
    "1m": (_MINUTES, _HOURS),
    "1h": (_HOURS,),
}
"""The next one gives what the one before does not reach back to."""


class _Grid:
    """Means of each series in cells of ``step_ms`` from ``begin``."""

    def __init__(self, begin: int, step_ms: int, series: int, cells: int) -> None:
        self.begin, self.step_ms, self.series, self.cells = begin, step_ms, series, cells
        self.end = begin + cells * step_ms
        self._at: list[Integers] = []
        self._means: list[Floats] = []
        self._counts: list[Floats] = []

    def add(self, place: int, t: Integers, means: Floats, counts: Floats) -> None:
        """Means that stand for so many samples, at ``t`` (milliseconds, ascending)."""
        first, last = t.searchsorted((self.begin, self.end)).tolist()
        if first < last:
            self._at.append((t[first:last] - self.begin) // self.step_ms + place * self.cells)
            self._means.append(means[first:last])
            self._counts.append(counts[first:last])

    def means(self) -> Floats:
        """NaN where nothing is known."""
        total, count = self._sums()
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = total / count
        return found

    def empty(self) -> list[int]:
        """The series of which nothing is known."""
        return [int(place) for place in np.flatnonzero(~self._sums()[1].any(axis=1))]

    def _sums(self) -> tuple[Floats, Floats]:
        shape = self.series, self.cells
        if not self._at:
            return np.zeros(shape), np.zeros(shape)
        means = np.concatenate(self._means)
        known = ~np.isnan(means)
        at, means, counts = np.concatenate(self._at)[known], means[known], np.concatenate(self._counts)[known]
        size = self.series * self.cells
        total, count = (np.bincount(at, each, size).astype(np.float64) for each in (means * counts, counts))
        return total.reshape(shape), count.reshape(shape)


def means_of_all(connection: PostgresConnection, metric: str, t: Floats, step: float) -> dict[str, Floats]:
    """The means of a metric in the cells that begin at ``t`` (Unix seconds) by host, of several instances the largest;
    in the snapshot that is open."""
    series = [(str(name), int(host), int(number)) for name, host, number in connection.all(_SERIES, metric)]
    if not series:
        return {}
    grid = _Grid(milliseconds(float(t[0])), milliseconds(step), len(series), len(t))
    places = list(range(len(series)))
    if tier_for(step) == "raw":
        _add_samples(connection, series, grid)
        places = grid.empty()
    for tier in _ROLL_UPS[tier_for(step)]:
        if places:
            _add_roll_ups(connection, series, grid, tier, places)
            places = grid.empty() if tier is not _HOURS else []
    _add_hot(connection, series, grid)
    rows: dict[str, Floats] = {}
    for (name, _, _), means in zip(series, grid.means(), strict=True):
        rows[name] = np.fmax(rows[name], means) if name in rows else means
    return rows


def _add_roll_ups(
    connection: PostgresConnection, series: list[tuple[str, int, int]], grid: _Grid, tier: _RollUps, places: list[int]
) -> None:
    first, last = grid.begin // tier.chunk_ms, (grid.end - 1) // tier.chunk_ms
    hosts, bases = [series[place][1] for place in places], [series[place][2] << 32 for place in places]
    slots = np.arange(tier.slots, dtype=np.int64) * tier.slot_ms
    for place, identifier, packed in connection.all(_CHUNKS.format(tier.table), places, hosts, bases, first, last):
        try:
            means, counts = chunks.unpack_means(packed)
        except StoreDamaged as error:
            logger.warning("A chunk is left out: %s", error.detail)
            continue
        if len(counts) == tier.slots:
            filled = counts > 0
            t = slots[filled] + period_of(identifier) * tier.chunk_ms
            grid.add(place, t, means, counts[filled].astype(np.float64))


def _add_samples(connection: PostgresConnection, series: list[tuple[str, int, int]], grid: _Grid) -> None:
    """Those of hours that are sealed."""
    first, last = grid.begin // HOUR_MS, (grid.end - 1) // HOUR_MS
    hosts = list(dict.fromkeys(host for _, host, _ in series))
    bases = [_OF_HOST << 32] * len(hosts)
    times: dict[tuple[int, int], Integers] = {}
    for host, identifier, packed in connection.all(_CHUNKS.format("metric_times"), hosts, hosts, bases, first, last):
        try:
            hour = period_of(identifier)
            times[host, hour] = chunks.unpack_integers(packed) + hour * HOUR_MS
        except StoreDamaged as error:
            logger.warning("A chunk is left out: %s", error.detail)
    places, of_series = list(range(len(series))), [number << 32 for _, _, number in series]
    of_hosts = [host for _, host, _ in series]
    for place, identifier, packed in connection.all(
        _CHUNKS.format("metric_raw"), places, of_hosts, of_series, first, last
    ):
        t = times.get((series[place][1], period_of(identifier)))
        try:
            values = chunks.unpack(packed)
        except StoreDamaged as error:
            logger.warning("A chunk is left out: %s", error.detail)
            continue
        if t is not None and len(t) == len(values):
            grid.add(place, t, values, np.ones(len(t)))


def _add_hot(connection: PostgresConnection, series: list[tuple[str, int, int]], grid: _Grid) -> None:
    """Those that are not sealed."""
    places: dict[int, list[tuple[int, int]]] = {}
    for place, (_, host, number) in enumerate(series):
        places.setdefault(host, []).append((place, number))
    begin, last = connection.row(_HOT_BOUNDS, list(places), grid.begin, grid.end)
    if begin is None:
        return
    looked: list[tuple[int, int, int, int]] = []
    for host, layout, packed in connection.all(_LAYOUTS, list(places)):
        at = {number: offset for offset, number in enumerate(np.frombuffer(packed, "<u4").tolist())}
        looked += [(place, host, layout, at[number] * 8 + 1) for place, number in places[host] if number in at]
    if not looked:
        return
    end = int(last) + 1
    every = max(SECOND_MS, min(grid.step_ms, -(-(end - begin) * len(looked) // MOST_LOOKS)))
    begin -= begin % every
    for place, times, values in connection.all(_HOT, *map(list, zip(*looked, strict=True)), begin, end, every):
        t = np.frombuffer(times, ">i8").astype(np.int64)
        grid.add(place, t, np.frombuffer(values, "<f8"), np.full(len(t), every / SECOND_MS))
