"""Answers "what did that?" for those who ask on the event loop: read off it, worked out once for equal questions."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from vain.bands import MetricQuery, MetricWindow
from vain.busiest import LOOK_SECONDS
from vain.clock import Clock
from vain.explaining import GROWTH, Explaining, Explanation, checked, kind_of
from vain.explaining.explained import BASES, MOST_READ, Seen, explanation, is_by_totals
from vain.explaining.question import ExplainMetric, Windows, rounded, windows_of
from vain.explaining.unusual import WATCHED
from vain.explaining.use import Ran, TaskUse, on_host
from vain.past import FRESH_SECONDS, Past
from vain.patterns import exactly
from vain.shared import SharedReads
from vain.store.database import Store
from vain.store.metrics.store import MetricStore
from vain.store.ran import ran_between

MOST_POINTS = 600
MOST_KEPT = 16


class Spikes:
    """Explains windows. ``cores`` tells how many the machine has; ``now`` is the time of day in Unix seconds.
    ``host`` is what the machine is called that this is about; ``is_here`` says whether the home of a task (None: not
    known) counts as that.
    """

    def __init__(
        self,
        store: Store,
        past: Past,
        cores: Callable[[], int | None],
        period_seconds: float = 1.0,
        now: Clock = time.time,
        is_here: Callable[[str | None], bool] = lambda host: True,
        host: str = "",
    ) -> None:
        self._store, self.past, self._cores, self._now = store, past, cores, now
        self._period_seconds, self._is_here, self._host = period_seconds, is_here, host
        self._shared: SharedReads[tuple[Explaining, int], Explanation] = SharedReads(MOST_KEPT)

    async def explain(self, asked: Explaining) -> Explanation:
        """The answer, at most ``FRESH_SECONDS`` old. Raises Malformed that names the parameter."""
        question = rounded(checked(asked))
        key = question, int(time.monotonic() / FRESH_SECONDS)
        return await self._shared.get(key, lambda: self._explain(question))

    async def _explain(self, asked: Explaining) -> Explanation:
        now = self._now()
        windows = windows_of(asked, now, self._period_seconds)
        find = partial(ran_between, after=windows.after, before=windows.before, now=now)
        ran, left_out = await self._store.read(find)
        ran = [here for task in ran if (here := on_host(task, self._host, self._is_here)) is not None]
        return await self.past.run(partial(self._explained, asked, windows, ran, left_out))

    def _explained(self, asked: Explaining, windows: Windows, ran: list[Ran], left_out: int) -> Explanation:
        store, kind = self.past.store, kind_of(asked.metric)
        metrics = _metrics(store.names(), asked.metric, kind)
        # A look tells of the time since the one before.
        looks, hours_left_out = store.looks(windows.after, windows.before + LOOK_SECONDS)
        tasks = _to_be_read(ran, windows, kind)
        uses, thinned = store.use_of(tasks, windows.after, windows.before)
        uses_before: dict[int, TaskUse] = {}
        if kind in ("memory", "growth"):
            uses_before, _ = store.use_of(tasks, windows.baseline_after, windows.baseline_before)
        seen = Seen(
            windows=windows,
            ran=ran,
            uses=uses,
            uses_before=uses_before,
            now=_window(store, metrics, windows.after, windows.before),
            before=_window(store, metrics, windows.baseline_after, windows.baseline_before),
            looks=looks,
            cores=self._cores() or sum(name.startswith("cpu.core.percent:") for name in store.names()) or None,
            hours_left_out=hours_left_out,
            thinned=thinned,
            tasks_left_out=left_out,
        )
        return explanation(asked, seen)


def _metrics(names: Sequence[str], asked: str, kind: ExplainMetric | None) -> tuple[str, ...]:
    """The series to be read, of those that there are."""
    wanted = {*WATCHED, *(BASES[kind] if kind else ()), *(() if asked == GROWTH else (asked,))}
    return tuple(exactly(name) for name in names if name in wanted or name.partition(":")[0] in wanted)


def _window(store: MetricStore, metrics: tuple[str, ...], after: float, before: float) -> MetricWindow:
    if not metrics:
        return MetricWindow(np.empty(0), {}, "raw", 1.0)
    return store.window(MetricQuery(after, before, metrics, MOST_POINTS))


def _to_be_read(ran: Sequence[Ran], windows: Windows, kind: ExplainMetric | None) -> list[int]:
    """Tasks that may have samples that are needed; those that used most first, which is known of all but the newest."""
    wanted = (task for task in ran if (task.process or task.is_guest) and not is_by_totals(task, windows, kind))
    known = {task.task_id: _estimate(task, windows, kind) for task in wanted}
    return sorted(known, key=lambda number: (-known[number], -number))[:MOST_READ]


def _estimate(task: Ran, windows: Windows, kind: ExplainMetric | None) -> float:
    """About what it used; infinite where that was not stored yet."""
    used = task.resources
    inside = max(0.0, min(windows.before, task.ended) - max(windows.after, task.started))
    if used is None or task.status == "in-progress":
        return math.inf
    match kind:
        case "memory" | "growth":
            total = used.rss_peak_bytes
        case "read":
            total = used.read_bytes
        case "written":
            total = used.written_bytes
        case "io":
            total = (used.read_bytes or 0) + (used.written_bytes or 0)
        case "gpu" | "gpu_memory":
            total = used.gpu_memory_peak_bytes
        case _:
            return (used.cpu_seconds or 0.0) * inside / max(task.ended - task.started, 0.001)
    share = inside / max(task.ended - task.started, 0.001)
    return (total or 0) * (inside if kind == "memory" else share)
