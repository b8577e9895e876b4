"""Windows with figures that a test knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vain.bands import MetricWindow, of_values
from vain.busiest import Process
from vain.explaining import Explaining, Explanation
from vain.explaining.explained import Seen, explanation
from vain.explaining.question import windows_of
from vain.explaining.use import Ran, TaskUse
from vain.looks import columns_of
from vain.types import Resources

T0 = 1_800_000_000.0
MIB = 1 << 20
SECONDS = 100
"""The window is from ``T0`` on so long, the baseline as long before."""
LEVELS = {
    "cpu.percent": 50.0,
    "memory.used_bytes": 1000.0 * MIB,
    "disk.read_bytes_per_second": 1.0 * MIB,
    "disk.written_bytes_per_second": 4.0 * MIB,
}


def machine(begin: float = T0, seconds: int = SECONDS, **levels: float) -> MetricWindow:
    """One sample a second; a name with two underscores stands for one with a point."""
    known = LEVELS | {name.replace("__", "."): level for name, level in levels.items()}
    t = begin + np.arange(seconds, dtype=np.float64)
    return MetricWindow(t, {name: of_values(np.full(seconds, level)) for name, level in known.items()}, "raw", 1.0)


def use(cpu: float = 0.0, memory: float = 10.0, read: float = 0.0, written: float = 0.0, **more: Any) -> TaskUse:
    """Percent of a core, MiB, and MiB a second, from ``begin`` on for ``seconds``; ``gpu`` in percent."""
    t = more.get("begin", T0) + np.arange(more.get("seconds", SECONDS), dtype=np.float64)
    columns = cpu, memory * MIB, read * MIB, written * MIB, more.get("gpu", np.nan), np.nan
    return TaskUse(t, *(np.full(len(t), float(level)) for level in columns))


def ran(task_id: int, name: str = "x", started: float = T0 - 1000, ended: float = T0 + 1000, **more: Any) -> Ran:
    """A task that ran before, in and after the window."""
    return Ran(task_id, name, more.pop("status", "in-progress"), more.pop("outcome", None), started, ended, **more)


def used(**totals: Any) -> Resources:
    return Resources(**totals)


def explained(
    tasks: Mapping[int, TaskUse | None],
    metric: str = "cpu.percent",
    *,
    asked: Explaining | None = None,
    runs: Mapping[int, Ran] | None = None,
    uses_before: Mapping[int, TaskUse] | None = None,
    now: MetricWindow | None = None,
    before: MetricWindow | None = None,
    looks: Mapping[float, list[Process]] | None = None,
    **more: Any,
) -> Explanation:
    """The answer on a machine with two cores of which one is busy."""
    question = asked or Explaining(T0, T0 + SECONDS, metric)
    seen = Seen(
        windows=windows_of(question, T0 + 2000, 1.0),
        ran=[(runs or {}).get(number, ran(number)) for number in tasks],
        uses={number: each for number, each in tasks.items() if each is not None},
        uses_before=uses_before or {},
        now=machine() if now is None else now,
        before=machine(T0 - SECONDS) if before is None else before,
        looks=columns_of([(int(t * 1000), each) for t, each in (looks or {}).items()]),
        cores=more.pop("cores", 2),
        **more,
    )
    return explanation(question, seen)
