"""From what was read to the answer: shares, their order, and what is said of what is not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vain.bands import Bands, MetricWindow
from vain.catalog import metric_of
from vain.clock import utc
from vain.explaining.answer import Explanation, Stretch, TaskShare, Unattributed
from vain.explaining.question import Explaining, ExplainMetric, Windows, kind_of
from vain.explaining.seen import processes
from vain.explaining.unusual import changed, mean_of
from vain.explaining.use import Ran, Sums, TaskUse, Thinned, exclusive, lengths, sums_of, totals_of
from vain.looks import Looks
from vain.quality import MEANINGS

MOST_TASKS = 50
MOST_READ = 200
"""Tasks whose samples are read: those that used most in all. Of the others their totals are taken."""
MOST_NOTES = 8
LONG_SECONDS = 6 * 3_600.0
"""Of a longer window, tasks that lie wholly in it are counted by their totals."""
BASES: Mapping[ExplainMetric, tuple[str, ...]] = {
    "cpu": ("cpu.percent",),
    "memory": ("memory.used_bytes",),
    "growth": ("memory.used_bytes",),
    "read": ("disk.read_bytes_per_second",),
    "written": ("disk.written_bytes_per_second",),
    "io": ("disk.read_bytes_per_second", "disk.written_bytes_per_second"),
    "gpu": ("gpu.percent",),
    "gpu_memory": ("gpu.memory_used_bytes",),
}
"""The metrics of the machine that shares are taken of."""
_TOLD = ("asleep", "stopped", "late", "not-stored", "clock-set")


class Seen(NamedTuple):
    """What was read for a question."""

    windows: Windows
    ran: Sequence[Ran]
    uses: Mapping[int, TaskUse]
    uses_before: Mapping[int, TaskUse]
    """In the baseline; read where the metric is about memory."""
    now: MetricWindow
    before: MetricWindow
    looks: Looks
    cores: int | None
    hours_left_out: int = 0
    """Of the looks at processes."""
    thinned: Thinned = Thinned()
    """Which hours of the samples of tasks were read."""
    tasks_left_out: int = 0


def explanation(asked: Explaining, seen: Seen) -> Explanation:
    """The answer to a question."""
    kind, windows = kind_of(asked.metric), seen.windows
    machine, covered = _machine(seen, kind)
    growth = _machine_growth(seen)
    sums = _sums(seen, kind)
    amounts = {task.task_id: _amount(sums[task.task_id], kind) for task in seen.ran}
    whole = growth if kind == "growth" else None if machine is None else machine * covered
    shares = _shares(amounts, whole)
    tasks = [_task(task, shares[task.task_id], sums[task.task_id], kind) for task in seen.ran]
    tasks.sort(key=lambda each: (each.share is None, -(each.share or 0), -(each.cpu_seconds or 0), each.task_id))
    value, peak = (growth, growth) if kind == "growth" else _value(seen.now, asked.metric)
    known = metric_of(asked.metric)
    return Explanation(
        window=Stretch(round(windows.after, 3), round(windows.before, 3)),
        baseline=Stretch(round(windows.baseline_after, 3), round(windows.baseline_before, 3)),
        metric=asked.metric,
        value=_rounded(value),
        peak=_rounded(peak),
        unit="bytes" if known is None else known.unit,
        tasks=tasks[:MOST_TASKS],
        unattributed=Unattributed(_rest(shares, whole)),
        processes=processes(seen.looks, kind, machine),
        changed=changed(seen.now, seen.before),
        notes=_notes(asked, seen, kind, tasks, machine)[:MOST_NOTES],
    )


def _machine(seen: Seen, kind: ExplainMetric | None) -> tuple[float | None, float]:
    """The mean of what the machine used (CPU in cores), and how many seconds of the window are known."""
    means, covered = [], 0.0
    for name, bands in _series(seen.now, BASES[kind] if kind else ()):
        mean = mean_of(bands)
        if mean is not None:
            means.append(mean)
            covered = max(covered, _covered(seen, name))
    if not means or (kind == "cpu" and seen.cores is None):
        return None, covered
    return (means[0] / 100 * (seen.cores or 1) if kind == "cpu" else sum(means)), covered


def _series(window: MetricWindow, metrics: Sequence[str]) -> list[tuple[str, Bands]]:
    return [(name, bands) for name, bands in window.series.items() if name.partition(":")[0] in metrics]


def _covered(seen: Seen, name: str) -> float:
    window = seen.now
    known = window.series[name].count > 0
    seconds = known.sum() * window.step_seconds if window.is_reduced else lengths(window.t[known]).sum()
    return float(min(seconds, seen.windows.seconds))


def _machine_growth(seen: Seen) -> float | None:
    now, before = (window.series.get("memory.used_bytes") for window in (seen.now, seen.before))
    if now is None or before is None or not now.count.any():
        return None
    usual = mean_of(before)
    return None if usual is None else float(np.nanmax(now.max)) - usual


def _sums(seen: Seen, kind: ExplainMetric | None) -> dict[int, Sums]:
    ran = {task.task_id: task for task in seen.ran}
    children: dict[int, list[Ran]] = {}
    for task in seen.ran:
        if task.parent_id is not None:
            children.setdefault(task.parent_id, []).append(task)
    own = exclusive(seen.uses, ran)
    own_before = exclusive(seen.uses_before, ran)
    sums = {}
    for number, task in ran.items():
        inner = children.get(number, ())
        if number in own and not is_by_totals(task, seen.windows, kind):
            found = sums_of(own[number], seen.thinned)
            sums[number] = found._replace(growth=_growth(task, found, own_before.get(number), seen, kind))
        else:
            sums[number] = totals_of(task, seen.windows.after, seen.windows.before, inner)
    return sums


def is_by_totals(task: Ran, windows: Windows, kind: ExplainMetric | None) -> bool:
    """Whether a task's totals say it as well as its samples, which need not be read."""
    if windows.seconds <= LONG_SECONDS or kind not in ("cpu", "read", "written", "io") or task.resources is None:
        return False
    # Totals are those of the newest attempt.
    return task.attempt == 1 and task.started >= windows.after and task.ended <= windows.before


def _growth(task: Ran, found: Sums, before: TaskUse | None, seen: Seen, kind: ExplainMetric | None) -> float | None:
    if kind not in ("memory", "growth") or found.memory_peak is None:
        return None
    if before is None or np.isnan(before.memory).all():
        return found.memory_peak if task.started >= seen.windows.baseline_after else None
    return found.memory_peak - float(np.nanmean(before.memory))


def _amount(sums: Sums, kind: ExplainMetric | None) -> float | None:
    match kind:
        case "cpu":
            return sums.cpu_seconds
        case "memory":
            return sums.memory_seconds
        case "growth":
            return None if sums.growth is None else max(0.0, sums.growth)
        case "read":
            return sums.read
        case "written":
            return sums.written
        case "io":
            return None if sums.read is None and sums.written is None else (sums.read or 0) + (sums.written or 0)
        case "gpu":
            return sums.gpu_seconds
        case "gpu_memory":
            return sums.gpu_memory_seconds
    return None


def _shares(amounts: Mapping[int, float | None], whole: float | None) -> dict[int, float | None]:
    """Of the whole, or of what the tasks used together if that is more: what is written reaches the disk later."""
    together = sum(amount for amount in amounts.values() if amount is not None)
    if whole is None:
        return dict.fromkeys(amounts)
    whole = max(whole, together)
    if whole <= 0:
        return dict.fromkeys(amounts)
    return {number: None if amount is None else round(amount / whole, 4) for number, amount in amounts.items()}


def _rest(shares: Mapping[int, float | None], whole: float | None) -> float | None:
    if whole is None or whole <= 0:
        return None
    return round(max(0.0, 1 - sum(share for share in shares.values() if share is not None)), 4)


def _task(task: Ran, share: float | None, sums: Sums, kind: ExplainMetric | None) -> TaskShare:
    cores = sums.cpu_seconds / sums.seconds if sums.cpu_seconds is not None and sums.seconds else None
    return TaskShare(
        task_id=task.task_id,
        name=task.name,
        status=task.status,
        outcome=task.outcome,
        share=share,
        cpu_seconds=_rounded(sums.cpu_seconds),
        cpu_cores=_rounded(cores),
        memory_peak_bytes=_whole(sums.memory_peak),
        memory_growth_bytes=_whole(sums.growth),
        read_bytes=_whole(sums.read),
        written_bytes=_whole(sums.written),
        progress=task.progress,
    )


def _value(window: MetricWindow, metric: str) -> tuple[float | None, float | None]:
    """The mean, of several instances theirs, and the largest value."""
    wanted = [bands for name, bands in window.series.items() if metric in (name, name.partition(":")[0])]
    means = [mean for bands in wanted if (mean := mean_of(bands)) is not None]
    if not means:
        return None, None
    return sum(means) / len(means), max(float(np.nanmax(bands.max)) for bands in wanted if bands.count.any())


def _notes(
    asked: Explaining, seen: Seen, kind: ExplainMetric | None, tasks: Sequence[TaskShare], machine: float | None
) -> list[str]:
    notes = []
    if machine is None and kind is not None:
        notes.append(f"Of this time {' and '.join(BASES[kind])} is not known, so there are no shares.")
    if kind is None:
        notes.append(f"Which task or process {asked.metric} is due to is not known.")
    if not len(seen.looks.t):
        notes.append("No look at the busiest processes is in this window: there is one in five seconds, kept 14 days.")
    unknown = sum(each.share is None for each in tasks)
    if unknown and kind is not None and machine is not None:
        words = "One task has" if unknown == 1 else f"{unknown:,} tasks have"
        why = "" if len(tasks) <= MOST_READ else f", or they were not among the {MOST_READ} that were looked at"
        notes.append(f"{words} no share: what they used is not known{why}; it is in the rest.")
    if len(tasks) > MOST_TASKS:
        notes.append(f"{len(tasks) - MOST_TASKS:,} tasks more ran then; those with the largest shares are listed.")
    if seen.tasks_left_out:
        notes.append(f"{seen.tasks_left_out:,} tasks more ran then and were left out; what they used is in the rest.")
    if seen.thinned.hours > 1 or seen.hours_left_out:
        notes.append("The window is long: some of its hours were looked at, and stand for the others.")
    for span in seen.now.spans:
        if span.series is None and span.cause in _TOLD:
            begin, end = (utc(moment)[11:19] for moment in (span.begin, span.end))
            notes.append(f"{begin} to {end} UTC: {MEANINGS[span.cause]}.")
    return notes


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
