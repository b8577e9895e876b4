"""One metric of all hosts over time: each at the same moments, who is worst, and what is usual among them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from vain.bands import Floats, MetricQuery
from vain.catalog import mean_decimals, metric_of
from vain.errors import VainError
from vain.hosts import HostRow, HostsHistory, HostsQuery
from vain.past import Past
from vain.steps import step_for
from vain.store.metrics.archive import Archives

logger = logging.getLogger(__name__)


def grid_of(query: HostsQuery) -> tuple[Floats, float]:
    """The moments at which the points begin, multiples of the step, and the step (seconds)."""
    step = step_for(query.after, query.before, query.points)
    first, last = int(query.after // step), int(-(-query.before // step))
    return np.arange(first, max(last, first + 1), dtype=np.float64) * np.float64(step), step


def rows_of(query: HostsQuery, t: Floats, step: float, pasts: dict[str, Past | None]) -> dict[str, Floats]:
    """Out of the histories of all hosts, by name; None: of that one nothing is known then. Blocks."""
    return {name: _row_or_nothing(name, past, query, t, step) for name, past in pasts.items()}


def rows_of_all(
    query: HostsQuery, t: Floats, step: float, archives: Archives, names: Sequence[str]
) -> dict[str, Floats] | None:
    """The same at once, where all histories are in one database; None: they are not. Blocks. Raises Unavailable."""
    rows = archives.means_of_all(query.metric, t, step)
    return None if rows is None else {name: rows.get(name, np.full(len(t), np.nan)) for name in names}


def _row_or_nothing(name: str, past: Past | None, query: HostsQuery, t: Floats, step: float) -> Floats:
    if past is not None:
        try:
            return row_of(past, query, t, step)
        except VainError as error:
            logger.warning("The history of %s is left out: %s", name, error.detail)
    return np.full(len(t), np.nan)


def row_of(past: Past, query: HostsQuery, t: Floats, step: float) -> Floats:
    """The means of one host on the grid, NaN where nothing is known; of several instances the largest."""
    names = [name for name in past.store.names() if name.partition(":")[0] == query.metric]
    row = np.full(len(t), np.nan)
    if not names:
        return row
    window = past.store.window(MetricQuery(float(t[0]), float(t[-1]) + step, tuple(names), step_seconds=step))
    for bands in window.series.values():
        known = bands.count > 0
        at = np.floor((window.t[known] - t[0]) / step).astype(np.int64)
        inside = (at >= 0) & (at < len(t))
        total, count = np.zeros(len(t)), np.zeros(len(t))
        np.add.at(total, at[inside], bands.mean[known][inside] * bands.count[known][inside])
        np.add.at(count, at[inside], bands.count[known][inside])
        with np.errstate(invalid="ignore", divide="ignore"):
            row = np.fmax(row, total / count)
    return row


def history_of(query: HostsQuery, t: Floats, step: float, rows: Mapping[str, Floats]) -> HostsHistory:
    """The answer, out of the row of each host."""
    decimals = mean_decimals(metric_of(query.metric))
    names = sorted(rows)
    table = np.array([rows[name] for name in names]).reshape(len(names), len(t))
    known = ~np.isnan(table)
    means = _where(known.any(axis=1), table, known, axis=1)
    order = sorted(range(len(names)), key=lambda place: (-np.nan_to_num(means[place], nan=-np.inf), names[place]))
    shown, others = order[: query.top], order[query.top :]
    rest = _where(known[others].any(axis=0), table[others], known[others], axis=0)
    return HostsHistory(
        metric=query.metric,
        unit=metric.unit if (metric := metric_of(query.metric)) else "count",
        after=query.after,
        before=query.before,
        step=step,
        t=t.round(3).tolist(),
        count=len(names),
        hosts=[
            HostRow(names[at], _cell(means[at], decimals), _largest(table[at], decimals), _cells(table[at], decimals))
            for at in shown
        ],
        rest_count=len(others),
        rest=_cells(rest, decimals),
        p50=_cells(_percentile(table, 50), decimals),
        p90=_cells(_percentile(table, 90), decimals),
        max=_cells(_percentile(table, 100), decimals),
    )


def _where(some: np.ndarray, table: Floats, known: np.ndarray, axis: int) -> Floats:
    total, count = np.where(known, table, 0.0).sum(axis=axis), known.sum(axis=axis)
    mean: Floats = np.full(len(some), np.nan)
    mean[some] = total[some] / count[some]
    return mean


def _percentile(table: Floats, percent: int) -> Floats:
    """By nearest rank (Hyndman and Fan's type 1) of the values that are known at each time."""
    ordered = np.sort(table, axis=0)  # NaN comes last
    count = (~np.isnan(table)).sum(axis=0)
    found: Floats = np.full(table.shape[1], np.nan)
    some = np.flatnonzero(count)
    rank = np.maximum(1, np.ceil(count[some] * percent / 100)).astype(np.int64) - 1
    found[some] = ordered[rank, some]
    return found


def _largest(row: Floats, decimals: int | None) -> float | None:
    return None if np.isnan(row).all() else _cell(float(np.nanmax(row)), decimals)


def _cells(column: Floats, decimals: int | None) -> list[float | None]:
    return [_cell(value, decimals) for value in column.tolist()]


def _cell(value: float, decimals: int | None) -> float | None:
    if np.isnan(value):
        return None
    return float(value) if decimals is None else round(float(value), decimals)
