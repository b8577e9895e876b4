"""From the history's columns to the rows that a chart draws. Pure."""

from __future__ import annotations

import math
from typing import Final

from vain.history import Columns

CORE: Final = "cpu.core.percent:"
CORES_DRAWN: Final = 8
"""With more cores than this a chart of one line each is a thicket: the busiest and the idlest stand for them."""
BUSIEST, IDLEST = "cpu.core.busiest", "cpu.core.idlest"
GAP_PERIODS: Final = 2.5
"""Samples further apart than this many periods have a gap between them: no line is drawn through what nobody saw."""

Rows = dict[str, list[float]]


def rows(columns: Columns, period_seconds: float, previous: float | None = None, after: float = -math.inf) -> Rows:
    """The columns as lists of equal length under ``t`` (Unix milliseconds, as Bokeh has it) and each series' name.

    ``previous`` is the time (Unix seconds) of the last row that is already drawn, ``after`` cuts off what is older.
    Unknown is NaN; a gap in time is a row of NaN one period after its beginning.
    """
    first = next((i for i, t in enumerate(columns.t) if t > after), len(columns.t))
    times = columns.t[first:]
    drawn: Rows = {name: list(values[first:]) for name, values in _reduced_cores(columns).items()}
    drawn["t"] = [t * 1000 for t in times]
    for index, at in reversed(_gaps(list(times), period_seconds, previous)):
        for name, values in drawn.items():
            values.insert(index, at * 1000 if name == "t" else math.nan)
    return drawn


def _gaps(times: list[float], period_seconds: float, previous: float | None) -> list[tuple[int, float]]:
    before = [previous if previous is not None else math.inf, *times]
    return [
        (index, earlier + period_seconds)
        for index, (earlier, later) in enumerate(zip(before, times, strict=False))
        if later - earlier > GAP_PERIODS * period_seconds
    ]


def _reduced_cores(columns: Columns) -> Rows:
    cores = [values for name, values in columns.values.items() if name.startswith(CORE)]
    many = len(cores) > CORES_DRAWN
    kept = {n: list(values) for n, values in columns.values.items() if not (many and n.startswith(CORE))}
    if cores:
        known = [[value for value in row if not math.isnan(value)] for row in zip(*cores, strict=True)]
        kept[BUSIEST] = [max(row, default=math.nan) for row in known]
        kept[IDLEST] = [min(row, default=math.nan) for row in known]
    return kept
