"""How long the work takes: cycle and lead times of a window, durations by name, and the age of what is under way.

Cycle time is from start to end, lead time from arrival (creation or reopening) to end, both in calendar time, as the
Kanban Guide has it. Where a clock was set back in between, the length is not known and counts nowhere. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import NamedTuple

import numpy as np

from vain.flow.attempts import ENDINGS, Attempts, Floats, Integers, Mask, spans
from vain.flow.figures import MILLISECONDS, PERCENTILES, Cell, Chart, Durations
from vain.flow.survival import Observed, kaplan_meier, nearest_rank
from vain.types import OUTCOMES

MOST_NAMES = 20
MOST_RUNNING = 200
MOST_DOTS = 200
FEWEST_RUNS = 5
"""From fewer earlier runs no percentile of a name is told."""
_P_SECONDS = tuple(f"p{percent}_seconds" for percent in PERCENTILES)


class _Name(NamedTuple):
    """The runs of one name whose length is known, in seconds, ascending."""

    name: str
    lengths: Floats

    @property
    def total(self) -> float:
        return float(self.lengths.sum())

    @property
    def percentiles(self) -> list[float | None]:
        return [nearest_rank(self.lengths, percent) for percent in PERCENTILES]


def durations(attempts: Attempts, begin: Floats, after: float, until: float) -> Durations:
    """How long it takes from ``begin`` to the end, as seen between ``after`` and ``until`` (Unix seconds).

    What ended then counts in full. What had not ended by ``until`` is censored at its age, what was deleted unfinished
    at its age when it was. What had begun before ``after`` counts from the age that it had then: it would not be here
    if it had ended sooner, so it says nothing of younger ages (Tsai, Jewell and Wang 1987, "left truncation").
    """
    ended = attempts.completed < until
    gone = np.fmin(np.fmin(attempts.completed, attempts.removed), until)
    lasted = spans(begin, gone)
    seen = (begin < until) & (gone >= after) & ~np.isnan(lasted)
    entry = np.maximum(0.0, np.round(after - begin, 3))[seen]
    exits, ended = lasted[seen], ended[seen]
    survival = kaplan_meier(Observed(entry, exits, ended))
    count = int(np.count_nonzero(ended))
    p50, p85, p95 = (survival.percentile(percent) for percent in PERCENTILES)
    return Durations(count, p50, p85, p95, len(exits) - count)


def durations_chart(attempts: Attempts, ended: Mask) -> Chart:
    """The runs that ``ended``, by name: those ``MOST_NAMES`` names that took most time in all, the longest first."""
    names = sorted(_by_name(attempts, ended), key=lambda each: (-each.total, each.name))
    shown = names[:MOST_NAMES]
    data: dict[str, list[Cell]] = {
        "name": [each.name for each in shown],
        "runs": [len(each.lengths) for each in shown],
        "mean_seconds": [round(each.total / len(each.lengths), 3) for each in shown],
        "total_seconds": [round(each.total, 3) for each in shown],
    }
    data |= {column: [each.percentiles[i] for each in shown] for i, column in enumerate(_P_SECONDS)}
    y = list(_P_SECONDS)
    left_out = len(names) - len(shown)
    return Chart("durations", "bar", "Duration by name", "name", y, dict.fromkeys(y, "seconds"), data, left_out)


def outcomes_chart(attempts: Attempts, ended: Mask) -> Chart:
    """How the runs that ``ended`` did, by name: those ``MOST_NAMES`` names with most runs, the most first.

    ``success_percent`` is of those that were not cancelled or skipped; None where all were.
    """
    counts = {each: _per_name(attempts, ended & attempts.ended_as(each)) for each in ENDINGS}
    runs = sum(counts.values(), np.zeros(len(attempts.names), dtype=np.int64))
    order = sorted(np.flatnonzero(runs).tolist(), key=lambda place: (-runs[place], attempts.names[place]))
    shown = order[:MOST_NAMES]
    data: dict[str, list[Cell]] = {"name": [attempts.names[place] for place in shown]}
    data |= {each: counts[each][shown].tolist() for each in ENDINGS}
    judged = (counts["succeeded"] + counts["failed"]).tolist()
    data["success_percent"] = [
        round(100 * int(counts["succeeded"][place]) / judged[place], 2) if judged[place] else None for place in shown
    ]
    y: list[str] = list(ENDINGS)
    left_out = len(order) - len(shown)
    return Chart("outcomes", "stacked-bar", "Outcomes by name", "name", y, dict.fromkeys(y, "count"), data, left_out)


def aging_chart(attempts: Attempts, now: float) -> Chart:
    """What is in progress, the oldest first, beside how long earlier runs of the same name took.

    Ages are whole minutes as of the last full minute, so that the chart changes once a minute, not with every task's
    own. Of what started in the future, by a clock that was set back since, the age is not known. Percentiles are those
    of all completed runs of the name, from ``FEWEST_RUNS`` on.
    """
    running = np.flatnonzero(attempts.is_in_progress)
    running = running[np.argsort(attempts.started[running], kind="stable")]
    shown: list[int] = running[:MOST_RUNNING].tolist()
    started = attempts.started[shown]
    ages = np.where(started > now, np.nan, np.maximum(0.0, now // 60 * 60 - started) // 60)
    wanted = {attempts.name[i] for i in shown}
    earlier = {each.name: each for each in _by_name(attempts, ~np.isnan(attempts.completed), wanted)}
    percentiles = {name: _percentiles(earlier.get(name)) for name in wanted}
    known = [percentiles[attempts.name[i]] for i in shown]
    data: dict[str, list[Cell]] = {
        "task_id": [attempts.task_id[i] for i in shown],
        "name": [attempts.name[i] for i in shown],
        "t": _milliseconds(started),
        "age_minutes": [None if isnan(age) else int(age) for age in ages.tolist()],
        "runs": [len(earlier[name].lengths) if (name := attempts.name[i]) in earlier else 0 for i in shown],
    }
    data |= {column: [each[i] for each in known] for i, column in enumerate(_P_SECONDS)}
    units = {"age_minutes": "minutes", "t": MILLISECONDS}
    left_out = len(running) - len(shown)
    return Chart("aging", "scatter", "Age of work in progress", "name", ["age_minutes"], units, data, left_out)


def scatter_chart(attempts: Attempts, ended: Mask) -> Chart:
    """Each run that ``ended``: when, and how long it took from start to end; the newest ``MOST_DOTS``."""
    known = np.flatnonzero(ended & ~np.isnan(attempts.cycle_seconds))
    known = known[np.argsort(attempts.completed[known], kind="stable")]
    shown: list[int] = known[-MOST_DOTS:].tolist()
    data: dict[str, list[Cell]] = {
        "t": _milliseconds(attempts.completed[shown]),
        "cycle_seconds": attempts.cycle_seconds[shown].tolist(),
        "task_id": [attempts.task_id[i] for i in shown],
        "name": [attempts.name[i] for i in shown],
        "outcome": [OUTCOMES[place] for place in attempts.outcome[shown].tolist()],
    }
    units = {"cycle_seconds": "seconds", "t": MILLISECONDS}
    return Chart("cycle-time", "scatter", "Cycle time", "t", ["cycle_seconds"], units, data, len(known) - len(shown))


def _per_name(attempts: Attempts, which: Mask) -> Integers:
    """How many of ``which`` each of ``attempts.names`` has."""
    return np.bincount(attempts.named[which], minlength=len(attempts.names))


def _percentiles(earlier: _Name | None) -> list[float | None]:
    return earlier.percentiles if earlier and len(earlier.lengths) >= FEWEST_RUNS else [None] * len(PERCENTILES)


def _by_name(attempts: Attempts, ended: Mask, wanted: set[str] | None = None) -> Iterator[_Name]:
    """The lengths of those that ``ended``, name by name; of the ``wanted`` ones only."""
    cycle = attempts.cycle_seconds
    known = np.flatnonzero(ended & ~np.isnan(cycle))
    order = known[np.lexsort((cycle[known], attempts.named[known]))]
    places, first = np.unique(attempts.named[order], return_index=True)
    for place, lengths in zip(places.tolist(), np.split(cycle[order], first[1:]), strict=False):
        name = attempts.names[place]
        if wanted is None or name in wanted:
            yield _Name(name, lengths)


def _milliseconds(seconds: Floats) -> list[Cell]:
    return [round(each * 1000) for each in seconds.tolist()]
