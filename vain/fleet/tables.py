"""What was read of all hosts lately: who moves the page by a little is answered out of memory.

To look into a thousand histories takes a second, however little is asked of each. So what was read is kept, as one
table for each metric and step: a row for each host, a column for each moment. Where somebody looks, as much again is
read on each side. What may have changed since is read again: the newest columns soon, and any when samples come late.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping
from math import inf

import numpy as np
from msgspec.structs import replace

from vain.bands import Floats
from vain.clock import Clock
from vain.fleet.overview import grid_of, history_of
from vain.hosts import HostsHistory, HostsQuery

MOST_TABLES = 4
MOST_COLUMNS = 2_000
"""A table that would be longer begins anew: 16 MB for a thousand hosts."""
FRESH_SHARE, LEAST_FRESH_SECONDS, MOST_FRESH_SECONDS = 0.1, 2.0, 60.0
"""A newest column is believed for so much of its step."""
SETTLED_SECONDS = 7_200.0
"""What is older changes only when samples come late, of which ``forget`` is told, or with an import, seldom."""
SETTLED_FRESH_SECONDS = 600.0


class _Table:
    """``first`` is the place of its first column, in steps since 1970."""

    def __init__(self, names: tuple[str, ...], first: int, count: int) -> None:
        self.names, self.first = names, first
        self.values: Floats = np.full((len(names), count), np.nan)
        self.read_at: Floats = np.full(count, -inf)
        """On the monotonic clock."""

    @property
    def end(self) -> int:
        """The place behind its last column."""
        return self.first + len(self.read_at)

    def widened(self, first: int, end: int) -> _Table:
        """One that has at least these columns too."""
        begin = min(first, self.first)
        wider = _Table(self.names, begin, max(end, self.end) - begin)
        at = slice(self.first - begin, self.end - begin)
        wider.values[:, at], wider.read_at[at] = self.values, self.read_at
        return wider


class HostTables:
    """One caller at a time. ``wall`` and ``monotonic`` are clocks, in seconds."""

    def __init__(self, monotonic: Clock, wall: Clock) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._tables: OrderedDict[tuple[str, float], _Table] = OrderedDict()

    def wanted(self, query: HostsQuery, names: Collection[str]) -> HostsQuery | None:
        """What has to be read before ``answer`` can be given; None: nothing. ``names`` are all hosts."""
        t, step = grid_of(query)
        first, end = _places(t, step)
        table = self._table(query.metric, step, names, first, end)
        old = np.flatnonzero(~self._is_fresh(table, step)[first - table.first : end - table.first]) + first
        if not len(old):
            return None
        begin, behind = int(old[0]), int(old[-1]) + 1
        return HostsQuery(begin * step, behind * step, query.metric, behind - begin, query.top)

    def around(self, query: HostsQuery) -> list[HostsQuery]:
        """As much again before the window and behind it, up to now."""
        step = grid_of(query)[1]
        width, end = query.before - query.after, (self._wall() // step + 1) * step
        beside = [replace(query, after=max(0.0, query.after - width), before=query.after)]
        if query.before + step < end:
            beside.append(replace(query, after=query.before, before=min(query.before + width, end)))
        # Of the same step as the window, whatever is left of it behind.
        return [each for each in beside if each.after < each.before and grid_of(each)[1] == step]

    def take(self, metric: str, t: Floats, step: float, rows: Mapping[str, Floats], began_at: float) -> None:
        """What was read, by host, beginning at ``began_at`` (monotonic)."""
        first, end = _places(t, step)
        table = self._table(metric, step, rows.keys(), first, end)
        at = slice(first - table.first, end - table.first)
        table.values[:, at] = [rows[name] for name in table.names]
        table.read_at[at] = began_at

    def answer(self, query: HostsQuery, names: Collection[str]) -> HostsHistory:
        """The answer, out of what was read."""
        t, step = grid_of(query)
        first, end = _places(t, step)
        table = self._table(query.metric, step, names, first, end)
        at = slice(first - table.first, end - table.first)
        return history_of(query, t, step, dict(zip(table.names, table.values[:, at], strict=True)))

    def forget(self, since: float) -> None:
        """Samples of that time (Unix seconds) came late."""
        for (_, step), table in self._tables.items():
            table.read_at[max(0, int(since // step) - table.first) :] = -inf

    def _table(self, metric: str, step: float, names: Collection[str], first: int, end: int) -> _Table:
        """The table, with at least these columns."""
        key, ordered = (metric, step), tuple(sorted(names))
        known = self._tables.pop(key, None)
        if known is None or known.names != ordered or max(end, known.end) - min(first, known.first) > MOST_COLUMNS:
            known = _Table(ordered, first, end - first)
        self._tables[key] = known = known.widened(first, end)
        while len(self._tables) > MOST_TABLES:
            self._tables.popitem(last=False)
        return known

    def _is_fresh(self, table: _Table, step: float) -> np.ndarray:
        """Of each column, whether it is still believed."""
        ends = (np.arange(len(table.read_at)) + table.first + 1) * step
        newest = min(max(FRESH_SHARE * step, LEAST_FRESH_SECONDS), MOST_FRESH_SECONDS)
        age = self._monotonic() - table.read_at
        settled = (ends < self._wall() - age - SETTLED_SECONDS) & (age < SETTLED_FRESH_SECONDS)
        fresh: np.ndarray = (age < newest) | settled
        return fresh


def _places(t: Floats, step: float) -> tuple[int, int]:
    first = round(float(t[0]) / step)
    return first, first + len(t)
