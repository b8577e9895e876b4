"""What each task used in a window, so that each process counts once: in the innermost of nested tasks.

A task's samples are those of its whole tree, with the tasks within it. So what a child used is taken off its parent,
sample by sample, if it was in the parent's tree at all: a child on another machine, or one that only names its parent,
was not. What two tasks used that ran in one process at once cannot be told apart; it is divided evenly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from math import inf
from typing import NamedTuple

import numpy as np

from vain.bands import GAP_PERIODS, Floats
from vain.types import HostResources, Outcome, Resources, Status

USE_METRICS = (
    "task.cpu_percent",
    "task.memory_bytes",
    "task.read_bytes_per_second",
    "task.written_bytes_per_second",
    "task.gpu_percent",
    "task.gpu_memory_bytes",
)
"""The columns of ``TaskUse`` behind its times."""


class TaskUse(NamedTuple):
    """Samples of one task: ``t`` in Unix seconds, ascending; a figure that is not known is NaN."""

    t: Floats
    cpu: Floats
    memory: Floats
    read: Floats
    written: Floats
    gpu: Floats
    gpu_memory: Floats


class Thinned(NamedTuple):
    """Of how many hours one was read, and from when on (Unix seconds) all of them were."""

    hours: float = 1.0
    whole_from: float = inf


WHOLE = Thinned()


class Ran(NamedTuple):
    """A task that ran in the window, in all its attempts there; times in Unix seconds."""

    task_id: int
    name: str
    status: Status | None
    outcome: Outcome | None
    started: float
    ended: float
    """Now, if it runs."""
    parent_id: int | None = None
    progress: float | None = None
    process: tuple[str, int] | None = None
    """Host and number."""
    resources: HostResources | None = None
    """Totals of its newest attempt; as it is stored (``Resources``) on all hosts, after ``on_host`` on that one."""
    attempt: int = 1
    """The newest: of those before it only the samples tell."""
    is_guest: bool = False
    """``process`` is on another machine than what is asked about, where it had others."""


class Sums(NamedTuple):
    """What one task used in all: bytes and seconds, and for levels level times seconds. None: not known."""

    cpu_seconds: float | None = None
    memory_seconds: float | None = None
    memory_peak: float | None = None
    read: float | None = None
    written: float | None = None
    gpu_seconds: float | None = None
    gpu_memory_seconds: float | None = None
    seconds: float | None = None
    """How long it was seen to run."""
    growth: float | None = None


def on_host(task: Ran, host: str, is_here: Callable[[str | None], bool]) -> Ran | None:
    """What of a task was on a host, None if nothing was. ``is_here`` says whether the home of a task (None: not known)
    counts as this host."""
    home = task.process[0] or None if task.process else None
    hosts = task.resources.hosts if isinstance(task.resources, Resources) else None
    if hosts is None:
        return task if is_here(home) else None
    if home != host and host in hosts:
        return task._replace(resources=hosts[host], is_guest=True)
    return task._replace(resources=hosts.get(home or "")) if is_here(home) else None


def exclusive(uses: Mapping[int, TaskUse], ran: Mapping[int, Ran]) -> dict[int, TaskUse]:
    """The same samples without what belongs to tasks within a task."""
    left = {number: TaskUse(use.t, *(column.copy() for column in use[1:])) for number, use in uses.items()}
    for number, use in uses.items():
        parent = _ancestor(number, ran, uses)
        if parent is not None:
            _take_off(left[parent], uses[parent], use)
    for group in _sharing(uses, ran):
        _divide([left[number] for number in group])
    return {number: TaskUse(use.t, *(np.maximum(column, 0.0) for column in use[1:])) for number, use in left.items()}


def sums_of(use: TaskUse, thinned: Thinned = WHOLE) -> Sums:
    """Added up over its samples; those of hours that were thinned out stand for the others."""
    seconds = lengths(use.t) * np.where(use.t < thinned.whole_from, thinned.hours, 1.0)
    return Sums(
        cpu_seconds=_over(use.cpu / 100, seconds),
        memory_seconds=_over(use.memory, seconds),
        memory_peak=_most(use.memory),
        read=_over(use.read, seconds),
        written=_over(use.written, seconds),
        gpu_seconds=_over(use.gpu, seconds),
        gpu_memory_seconds=_over(use.gpu_memory, seconds),
        seconds=float(seconds.sum()),
    )


def totals_of(task: Ran, after: float, before: float, children: Iterable[Ran]) -> Sums:
    """From what the task used in all, as if it had used it evenly; what its children used is taken off."""
    own = task.resources
    if own is None:
        return Sums()
    part = _part(task, after, before)
    inner = [child for child in children if child.resources is not None]

    def left(name: str) -> float | None:
        total = getattr(own, name)
        if total is None:
            return None
        taken = sum((getattr(child.resources, name) or 0) * _part(child, after, before) for child in inner)
        return max(0.0, float(total) * part - taken)

    return Sums(
        cpu_seconds=left("cpu_seconds"),
        memory_peak=own.rss_peak_bytes,
        read=left("read_bytes"),
        written=left("written_bytes"),
        seconds=max(0.0, min(before, task.ended) - max(after, task.started)),
    )


def lengths(t: Floats) -> Floats:
    """For how long each sample stands: the time since the one before, across a gap the usual one."""
    if not len(t):
        return t
    steps = np.diff(t)
    # The middle one; numpy's own median takes longer than all the rest.
    usual = float(np.sort(steps)[len(steps) // 2]) if len(steps) else 1.0
    known = np.append(usual, steps)
    return np.where(known > GAP_PERIODS * usual, usual, known)


def _ancestor(number: int, ran: Mapping[int, Ran], among: Mapping[int, TaskUse]) -> int | None:
    seen = {number}
    task = ran.get(number)
    while task is not None and task.parent_id is not None and task.parent_id not in seen:
        if task.parent_id in among:
            return task.parent_id
        seen.add(task.parent_id)
        task = ran.get(task.parent_id)
    return None


def _take_off(left: TaskUse, parent: TaskUse, child: TaskUse) -> None:
    """In place, if the child was within the parent's tree: no tree has less memory than a part of it."""
    if not len(parent.t):
        return
    at = np.searchsorted(parent.t, child.t).clip(0, len(parent.t) - 1)
    same = parent.t[at] == child.t
    at = at[same]
    if not len(at) or np.any(child.memory[same] > parent.memory[at]):
        return
    for column, inner in zip(left[1:], child[1:], strict=True):
        column[at] -= np.nan_to_num(inner[same])


def _sharing(uses: Mapping[int, TaskUse], ran: Mapping[int, Ran]) -> Iterator[list[int]]:
    """Tasks of one process of which none is within another."""
    groups: dict[tuple[str, int], list[int]] = {}
    for number in uses:
        task = ran.get(number)
        if task is not None and task.process is not None and not task.is_guest:
            groups.setdefault(task.process, []).append(number)
    for group in groups.values():
        outer = {parent for number in group if (parent := _ancestor(number, ran, uses)) is not None}
        inner = [number for number in group if number not in outer]
        if len(inner) > 1:
            yield inner


def _divide(parts: Sequence[TaskUse]) -> None:
    moments, count = np.unique(np.concatenate([part.t for part in parts]), return_counts=True)
    for part in parts:
        among = count[np.searchsorted(moments, part.t)]
        for column in part[1:]:
            np.divide(column, among, out=column)


def _part(task: Ran, after: float, before: float) -> float:
    """Which part of a task's time lies in the window."""
    whole = task.ended - task.started
    inside = min(before, task.ended) - max(after, task.started)
    return min(1.0, max(0.0, inside / whole)) if whole > 0 else 1.0


def _over(column: Floats, seconds: Floats) -> float | None:
    known = ~np.isnan(column)
    return float((column[known] * seconds[known]).sum()) if known.any() else None


def _most(column: Floats) -> float | None:
    known = column[~np.isnan(column)]
    return float(known.max()) if len(known) else None
