"""The busiest processes of a window, out of the looks at them."""

from __future__ import annotations

import numpy as np

from vain.bands import Floats, Integers
from vain.explaining.answer import ProcessShare
from vain.explaining.question import ExplainMetric
from vain.looks import NO_TASK, Looks

MOST_PROCESSES = 15
_FIGURES: dict[ExplainMetric | None, str] = {
    "memory": "rss",
    "growth": "rss",
    "read": "io",
    "written": "io",
    "io": "io",
}
"""By which a process is ranked; by CPU otherwise."""


def processes(looks: Looks, kind: ExplainMetric | None, machine: float | None) -> list[ProcessShare]:
    """The processes, the busiest first; ``machine`` is the mean of what all of it used (CPU: in cores)."""
    if not len(looks.at):
        return []
    first, place = _grouped(looks)
    count, figure = len(looks.t), _FIGURES.get(kind, "cpu")
    sums = {name: _summed(getattr(looks, name), place, len(first)) for name in ("cpu", "rss", "io")}
    most = np.full(len(first), np.nan)
    np.fmax.at(most, place, looks.rss)
    ranked = np.argsort(-np.nan_to_num(sums[figure]), kind="stable")[:MOST_PROCESSES].tolist()
    return [
        ProcessShare(
            pid=int(looks.pid[first[number]]),
            name=looks.names[int(looks.name[first[number]])],
            task_id=None if looks.task[first[number]] == NO_TASK else int(looks.task[first[number]]),
            share=_share(sums[figure][number] / count, kind, machine),
            cpu_percent=_known(sums["cpu"][number] / count, 1),
            memory_bytes=None if np.isnan(most[number]) else int(most[number]),
            bytes_per_second=_known(sums["io"][number] / count, 0),
        )
        for number in ranked
    ]


def _grouped(looks: Looks) -> tuple[Integers, Integers]:
    """Of each process, with its name and task, where it is first spoken of; and which of them each entry is.

    One whole number for the three: numpy sorts those a hundred times as fast as rows.
    """
    tasks, task = np.unique(looks.task, return_inverse=True)
    keys = (looks.pid * len(looks.names) + looks.name) * len(tasks) + task.reshape(-1)
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def _summed(values: Floats, place: Integers, size: int) -> Floats:
    """By process; NaN where nothing is known of it at all."""
    known = ~np.isnan(values)
    sums = np.bincount(place, np.where(known, values, 0.0), size)
    return np.where(np.bincount(place, known, size) > 0, sums, np.nan)


def _share(mean: float, kind: ExplainMetric | None, machine: float | None) -> float | None:
    if machine is None or machine <= 0 or np.isnan(mean) or kind in (None, "gpu", "gpu_memory", "growth"):
        return None
    return round(min(1.0, float(mean) / (machine * (100 if kind == "cpu" else 1))), 4)


def _known(value: float, decimals: int) -> float | None:
    return None if np.isnan(value) else round(float(value), decimals)
