"""The last hour or so of every metric, in memory, for charts that follow.

A row is one sample: there is one ring of times, and one of values for each series. Series may appear and vanish at any
time (a disk is mounted, a core goes offline): where a row says nothing about a series it holds NaN, and so does an
unknown value. The rings are ``array('d')``, so memory is bounded by ``capacity`` times ``LARGEST_SERIES_COUNT`` and
numpy is not needed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import nan
from threading import Lock
from typing import NamedTuple

LARGEST_SERIES_COUNT = 512


class Columns(NamedTuple):
    """Rows as columns of equal length. ``t`` is in Unix seconds, NaN unknown; ``cursor`` asks for what comes next."""

    cursor: int
    t: array[float]
    values: dict[str, array[float]]


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


def _unknown(count: int) -> array[float]:
    return array("d", [nan]) * count
