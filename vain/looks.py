"""Many looks at the busiest processes as columns. Pure; not in ``busiest.py`` because agents do without numpy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vain.busiest import Process

NO_TASK = -1


class Looks(NamedTuple):
    """Many looks as columns: ``t`` (milliseconds, ascending) has one entry for each look, the others one for each
    process in each look; ``at`` says in which. ``name`` counts into ``names``; NaN is unknown, ``NO_TASK`` no task."""

    t: npt.NDArray[np.int64]
    names: tuple[str, ...]
    at: npt.NDArray[np.int64]
    pid: npt.NDArray[np.int64]
    name: npt.NDArray[np.int64]
    task: npt.NDArray[np.int64]
    cpu: npt.NDArray[np.float64]
    rss: npt.NDArray[np.float64]
    io: npt.NDArray[np.float64]


def no_looks() -> Looks:
    """Nothing was seen."""
    return columns_of([])


def columns_of(looks: Sequence[tuple[int, Sequence[Process]]]) -> Looks:
    """Looks, by their times in milliseconds, as columns; of the same time the last one stands."""
    ordered = sorted(dict(looks).items())
    names: dict[str, int] = {}
    entries = [(at, each) for at, (_, processes) in enumerate(ordered) for each in processes]
    for _, each in entries:
        names.setdefault(each.name, len(names))
    return Looks(
        np.array([t for t, _ in ordered], np.int64),
        tuple(names),
        np.array([at for at, _ in entries], np.int64),
        np.array([each.pid for _, each in entries], np.int64),
        np.array([names[each.name] for _, each in entries], np.int64),
        np.array([NO_TASK if each.task_id is None else each.task_id for _, each in entries], np.int64),
        _column([each.cpu_percent for _, each in entries]),
        _column([each.rss_bytes for _, each in entries]),
        _column([each.bytes_per_second for _, each in entries]),
    )


def together(parts: Sequence[Looks]) -> Looks:
    """Looks of several stretches as one, in order of time; of the same time those of the last part stand."""
    known = [part for part in parts if len(part.t)]
    if len(known) < 2:
        return known[0] if known else no_looks()
    names: dict[str, int] = {}
    numbers = [np.array([names.setdefault(name, len(names)) for name in part.names], np.int64) for part in known]
    t, place = np.unique(np.concatenate([part.t for part in known]), return_inverse=True)
    owner = np.full(len(t), -1)
    first = np.cumsum([0, *(len(part.t) for part in known)])
    for number, part in enumerate(known):
        owner[place[first[number] : first[number] + len(part.t)]] = number
    at = [place[first[number] + part.at] for number, part in enumerate(known)]
    kept = [owner[at[number]] == number for number in range(len(known))]
    joined = [
        np.concatenate([column[stands] for column, stands in zip(columns, kept, strict=True)])
        for columns in (
            at,
            [part.pid for part in known],
            [each[part.name] for each, part in zip(numbers, known, strict=True)],
            [part.task for part in known],
            [part.cpu for part in known],
            [part.rss for part in known],
            [part.io for part in known],
        )
    ]
    return Looks(t, tuple(names), *joined)


def within(looks: Looks, begin: int, end: int) -> Looks:
    """The looks from ``begin`` to before ``end`` (milliseconds)."""
    first, last = np.searchsorted(looks.t, (begin, end)).tolist()
    inside = (looks.at >= first) & (looks.at < last)
    cut = [column[inside] for column in looks[2:]]
    return Looks(looks.t[first:last], looks.names, cut[0] - first, *cut[1:])


def _column(values: Sequence[float | None]) -> npt.NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], np.float64)
