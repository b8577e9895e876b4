"""The last hour or so of every metric, in memory: one ring of times and one of values for each series.

A row is one sample. Series may appear and vanish at any time (a disk is mounted, a core goes offline): where a row says
nothing about a series it holds NaN, and so does an unknown value. The rings are ``array('d')``, so memory is bounded by
``capacity`` times ``LARGEST_SERIES_COUNT`` and numpy is not needed.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import floor, isnan, nan
from statistics import median
from threading import Lock
from typing import NamedTuple

LARGEST_SERIES_COUNT = 512
STEPS_SECONDS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
"""Lengths of a bucket. Only these, so that a window that slides keeps its buckets, and a chart its shape."""
FEWEST_ROWS_PER_BUCKET = 1.25
"""A bucket hardly longer than the period would now and then miss a row by jitter, and show a gap that is none."""
GAP_PERIODS = 3.0
"""Between rows that are further apart than this many periods nothing was seen."""


class Columns(NamedTuple):
    """Rows as columns of equal length. ``t`` is in Unix seconds, NaN unknown; ``cursor`` asks for what comes next."""

    cursor: int
    t: array[float]
    values: dict[str, array[float]]


class Band(NamedTuple):
    """One series, reduced: mean, smallest and largest known value of each bucket; NaN where there was none."""

    mean: array[float]
    min: array[float]
    max: array[float]


class Reduced(NamedTuple):
    """Buckets in order of time. ``t`` is where each begins, in Unix seconds; ``step`` its length in seconds."""

    t: array[float]
    series: dict[str, Band]
    step: float


class History:
    """The newest ``capacity`` rows. One thread appends, any thread reads; no call blocks for longer than a copy."""

    def __init__(self, capacity: int = 3600) -> None:
        self.capacity = capacity
        self._lock = Lock()
        self._rows = 0
        """How many rows there ever were: the cursor of the newest."""
        self._t = _unknown(capacity)
        self._values: dict[str, array[float]] = {}
        self._last_row: dict[str, int] = {}
        """The row that last spoke of each series."""

    def append(self, t: float, values: Iterable[tuple[str, float | None]]) -> None:
        """Add one row: ``t`` in Unix seconds, ``None`` for what is unknown.

        Beyond ``LARGEST_SERIES_COUNT`` the series that vanished longest ago makes room; if none has, the new one is
        left out.
        """
        row = dict(values)
        with self._lock:
            slot = self._rows % self.capacity
            self._rows += 1
            self._forget_vanished()
            for name in row:
                if name not in self._values:
                    self._make_ring(name, row)
            self._t[slot] = t
            for name, ring in self._values.items():
                value = row.get(name)
                ring[slot] = nan if value is None else value
                if name in row:
                    self._last_row[name] = self._rows

    def names(self) -> list[str]:
        """The series that the kept rows speak of, in the order in which they came."""
        with self._lock:
            return list(self._values)

    def since(self, cursor: int, names: Sequence[str] | None = None) -> Columns:
        """The rows after the cursor. 0, or the cursor of another history, gives all that is kept.

        A name that no row speaks of gives a column of NaN; without names, all series come.
        """
        with self._lock:
            oldest = max(0, self._rows - self.capacity)
            first = max(cursor, oldest) if 0 < cursor <= self._rows else oldest
            return self._copy(first, names)

    def window(self, after: float, before: float, names: Sequence[str] | None = None) -> Columns:
        """The rows with ``after < t <= before`` (Unix seconds); the cursor is that of the newest row of all."""
        with self._lock:
            everything = self._copy(max(0, self._rows - self.capacity), names)
        # Not bisected: the clock of the day may have been set back, and then times are not in order.
        chosen = [number for number, t in enumerate(everything.t) if after < t <= before]
        if chosen and chosen[-1] - chosen[0] + 1 == len(chosen):
            return _each(everything, lambda column: column[chosen[0] : chosen[-1] + 1])
        return _gathered(everything, chosen)

    def _forget_vanished(self) -> None:
        """Once in a turn of the ring, give back the series that it no longer speaks of."""
        if self._rows % self.capacity == 0:
            oldest = self._rows - self.capacity
            for name in [name for name, row in self._last_row.items() if row <= oldest]:
                self._drop(name)

    def _make_ring(self, name: str, row: dict[str, float | None]) -> None:
        if len(self._values) >= LARGEST_SERIES_COUNT:
            vanished = [old for old in self._values if old not in row]
            if not vanished:
                return
            self._drop(min(vanished, key=self._last_row.__getitem__))
        self._values[name] = _unknown(self.capacity)
        self._last_row[name] = self._rows

    def _drop(self, name: str) -> None:
        del self._values[name], self._last_row[name]

    def _copy(self, first: int, names: Sequence[str] | None) -> Columns:
        """The rows from ``first`` (counted from the very first row) to the newest."""
        count = self._rows - first
        begin = first % self.capacity
        end = begin + count
        wrapped = end - self.capacity

        def part(ring: array[float]) -> array[float]:
            return ring[begin:end] if wrapped <= 0 else ring[begin:] + ring[:wrapped]

        wanted = self._values if names is None else names
        values = {name: part(self._values[name]) if name in self._values else _unknown(count) for name in wanted}
        return Columns(self._rows, part(self._t), values)


def reduced(columns: Columns, points: int) -> Reduced:
    """At most ``points`` buckets, aligned to multiples of their step, each with the mean, min and max of its rows.

    A bucket without rows is NaN: a gap stays a gap. If there are no more rows than points, the rows come as they are
    (mean, min and max the same), a row of NaN stands in each gap, and ``step`` is the usual time between two rows.
    Raises ValueError if ``points`` is below 1.
    """
    if points < 1:
        raise ValueError("points must be at least 1")
    columns = _in_order(columns)
    period = _usual_period(columns.t)
    rows = list(_rows_and_gaps(columns.t, period))
    if len(rows) <= points:
        return _as_they_are(columns, rows, period)
    step = _step(columns.t[0], columns.t[-1], period, points)
    first, last = floor(columns.t[0] / step), floor(columns.t[-1] / step)
    edges = [bisect_left(columns.t, number * step) for number in range(first, last + 2)]
    spans = list(pairwise(edges))
    starts = array("d", (number * step for number in range(first, last + 1)))
    return Reduced(starts, {name: _band(values, spans) for name, values in columns.values.items()}, step)


def _unknown(count: int) -> array[float]:
    return array("d", [nan]) * count


def _each(columns: Columns, part: Callable[[array[float]], array[float]]) -> Columns:
    return Columns(columns.cursor, part(columns.t), {name: part(column) for name, column in columns.values.items()})


def _gathered(columns: Columns, rows: Sequence[int]) -> Columns:
    return _each(columns, lambda column: array("d", [column[row] for row in rows]))


def _in_order(columns: Columns) -> Columns:
    order = sorted(range(len(columns.t)), key=columns.t.__getitem__)
    return columns if order == list(range(len(order))) else _gathered(columns, order)


def _usual_period(t: array[float]) -> float:
    return median(later - earlier for earlier, later in pairwise(t)) if len(t) > 1 else 1.0


def _rows_and_gaps(t: array[float], period: float) -> Iterator[tuple[float, int | None]]:
    """The time and number of each row; between rows that are far apart a time with no row."""
    for row, moment in enumerate(t):
        if row and moment - t[row - 1] > GAP_PERIODS * period > 0:
            yield t[row - 1] + period, None
        yield moment, row


def _as_they_are(columns: Columns, rows: Sequence[tuple[float, int | None]], period: float) -> Reduced:
    def band(column: array[float]) -> Band:
        values = array("d", [nan if row is None else column[row] for _, row in rows])
        return Band(values, values, values)

    t = array("d", [moment for moment, _ in rows])
    return Reduced(t, {name: band(column) for name, column in columns.values.items()}, period)


def _step(first: float, last: float, period: float, points: int) -> float:
    """The shortest allowed step that needs no more than ``points`` buckets, in seconds."""
    shortest = period * FEWEST_ROWS_PER_BUCKET

    def fits(step: float) -> bool:
        return step >= shortest and floor(last / step) - floor(first / step) < points

    for allowed in STEPS_SECONDS:
        if fits(allowed):
            return float(allowed)
    step = float(STEPS_SECONDS[-1])
    while not fits(step):
        step *= 2
    return step


def _band(values: array[float], spans: Sequence[tuple[int, int]]) -> Band:
    means, lows, highs = array("d"), array("d"), array("d")
    for begin, end in spans:
        part: Sequence[float] = values[begin:end]
        total = sum(part)
        if isnan(total):
            part = [value for value in part if not isnan(value)]
            total = sum(part)
        if part:
            means.append(total / len(part))
            lows.append(min(part))
            highs.append(max(part))
        else:
            means.append(nan)
            lows.append(nan)
            highs.append(nan)
    return Band(means, lows, highs)
