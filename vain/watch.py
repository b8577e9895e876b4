"""The processes of all running tasks on this machine: what they use, and whether they are still there.

``follow``, ``attend`` and ``forget`` are called on the event loop, ``look`` once a tick in the monitor's thread. What
the loop changes is replaced, never changed in place, so neither waits for the other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from vain.accounting import Look, Watched
from vain.busiest import Process
from vain.catalog import TASK_METRICS
from vain.clock import Clock, unix
from vain.costs import Cost, gone_before, part_of, with_look, without_now
from vain.samples import Attribution, Sample, TaskUse
from vain.types import HostResources, Resources, Task

GONE_SECONDS = 5.0
"""A process must be gone for so long, and be looked for twice, before its task counts as crashed: its last words may
still be on their way."""
AGAIN_SECONDS = 60.0
"""After so long it is told again that a process is gone, if its task is still in progress."""
WHOLE_SECONDS = 5.0
"""A process that began no earlier than this before its first task has done nothing else."""
MOST_FIRSTS = 4_096
ATTACHED = "attached"

Used = Mapping[int, Mapping[str, float | None]]
"""By task and metric."""

logger = logging.getLogger(__name__)


class Trees(Protocol):
    """What is needed of ``vain.sampler.trees.ProcessTrees``."""

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]: ...

    def busiest(self) -> list[Process] | None: ...

    def take_strangers(self) -> list[str] | None: ...

    def close(self) -> None: ...


class _Followed(NamedTuple):
    watched: Watched
    earlier: HostResources | None
    """What an earlier watch of the attempt had seen here."""
    progress: float | None


class Watch:
    """``costs`` is what each watched task has used, by its number; ``on_gone`` is called in the monitor's thread."""

    def __init__(
        self,
        trees: Trees,
        host: str,
        boot_id: str | None,
        on_gone: Callable[[int, int, str, int | None], None],
        monotonic: Clock = time.monotonic,
    ) -> None:
        self._trees, self._host, self.boot_id = trees, host, boot_id
        self._on_gone, self._monotonic = on_gone, monotonic
        self._followed: Mapping[int, _Followed] = {}
        self._guests: Mapping[int, _Followed] = {}
        """Tasks whose process is on another machine, and that have others here."""
        self._gone_before: dict[tuple[int, int], HostResources] = {}
        """What guests had used before this watch and nobody holds any more."""
        self._strangers: list[str] = []
        self._firsts: dict[tuple[int, float | None], tuple[int, int]] = {}
        """The first run of each process, of the processes that were followed last."""
        self._gone_since: dict[tuple[int, int], float] = {}
        self._exit_codes: dict[tuple[int, int], int] = {}
        self.costs: dict[int, Cost] = {}

    def follow(self, task: Task, run_id: str | None, runs: Sequence[str] = ()) -> None:
        """Watch a task that is in progress, if its process is on this machine. Again: what changed of it.

        ``runs`` are other names that processes of it carry here.
        """
        source, known = task.source, self._followed.get(task.task_id)
        if not self._is_here(task) or source is None or source.pid is None:
            self._followed = _without(self._followed, task.task_id)
            return
        started = None if source.pid_started_at is None else unix(source.pid_started_at)
        watched = Watched(
            key=task.task_id,
            pid=source.pid,
            started_at=started,
            run_id=run_id or (known.watched.run_id if known else None),
            kind=source.kind or "",
            attempt=task.attempt,
            whole=self._is_whole(task, source.pid, started),
            runs=tuple(runs) or (known.watched.runs if known else ()),
        )
        each = _Followed(watched, self._earlier(task), task.progress)
        self._guests = _without(self._guests, task.task_id)
        self._followed = {**self._followed, task.task_id: each}

    def attend(self, task: Task, runs: Sequence[str]) -> None:
        """Watch what a task has on this machine beside its process, which is on another: what carries one of ``runs``
        and what descends from that. Again: what changed of it."""
        # What carries its name does nothing else, so all that it used counts, before it was noticed as well.
        watched = Watched(task.task_id, None, None, attempt=task.attempt, whole=True, runs=tuple(runs))
        self._guests = {**self._guests, task.task_id: _Followed(watched, self._earlier(task), None)}
        self._followed = _without(self._followed, task.task_id)

    def forget(self, task_id: int) -> None:
        """It is over."""
        self._followed, self._guests = _without(self._followed, task_id), _without(self._guests, task_id)

    def has_news(self, task: Task) -> bool:
        """Whether something is known of a task of which nothing is stored."""
        return task.resources is None and task.task_id in self.costs

    def take_strangers(self) -> list[str]:
        """The runs that processes here carry and nobody watches, each time that all were looked at."""
        strangers, self._strangers = self._strangers, []
        return strangers

    def look(self, sample: Sample) -> tuple[Sample, Used]:
        """The sample with what belongs to which task, and what each task used for its series."""
        followed = {**self._guests, **self._followed}
        for number in [number for number in self.costs if number not in followed]:
            del self.costs[number]
        looks, attribution = self._trees.look([each.watched for each in followed.values()])
        used: dict[int, Mapping[str, float | None]] = {}
        uses = []
        for look in looks:
            each = followed[look.key]
            if each.watched.pid is None and not look.processes and not self._has_used(each, look):
                continue
            cost = self._costed(each, look, sample)
            self._notice_end(each.watched, look)
            if look.alive is not False and (each.watched.pid is not None or look.processes):
                used[look.key] = _series(look, each.progress)
                uses.append(_use(look, cost))
        self._forget_gone(followed)
        if attribution is not None:
            attribution = replace(attribution, tasks=uses)
        return replace(sample, attribution=attribution), used

    def busiest(self) -> list[Process] | None:
        """The busiest processes of the machine, every five seconds; None in between. Called after ``look``."""
        processes = self._trees.busiest()
        strangers = self._trees.take_strangers()
        if strangers is not None:
            self._strangers = strangers
        return processes

    def close(self) -> None:
        """Let go of what is open."""
        self._trees.close()

    def _is_here(self, task: Task) -> bool:
        source = task.source
        if task.status != "in-progress" or source is None or source.pid is None or source.host != self._host:
            return False
        return source.boot_id is None or self.boot_id is None or source.boot_id == self.boot_id

    def _earlier(self, task: Task) -> HostResources | None:
        """What an earlier watch of the attempt had seen here: what was stored of it when this one began."""
        known = self._followed.get(task.task_id) or self._guests.get(task.task_id)
        if known is not None and known.watched.attempt == task.attempt:
            return self._gone_before.get((task.task_id, task.attempt), known.earlier)
        return part_of(task.resources, task.host, self._host)

    def _has_used(self, each: _Followed, look: Look) -> bool:
        """Whether a guest ever had a process here."""
        return bool(look.cpu_seconds) or each.earlier is not None or look.key in self.costs

    def _is_whole(self, task: Task, pid: int, started: float | None) -> bool:
        """Whether all that the process has used is the task's: not what the tasks before it or around it used."""
        first = self._firsts.setdefault((pid, started), (task.task_id, task.attempt))
        while len(self._firsts) > MOST_FIRSTS:
            del self._firsts[next(iter(self._firsts))]
        if started is None or first != (task.task_id, task.attempt):
            return False
        return started >= unix(task.started_at or task.created_at) - WHOLE_SECONDS

    def _costed(self, each: _Followed, look: Look, sample: Sample) -> Resources:
        watched = each.watched
        before = self.costs.get(look.key)
        seen = before.resources if before is not None and before.attempt == watched.attempt else None
        if look.alive is False and seen is not None:
            return seen  # what was seen last; a process that is gone tells nothing
        if look.alive is None and look.cpu_seconds is None and seen is not None:
            cost = without_now(seen)
        else:
            since = None if watched.whole or seen is not None else sample.timestamp
            is_guest = watched.pid is None
            earlier = self._gone_of(each, look) if is_guest else each.earlier
            cost = with_look(seen, look, earlier, watched.whole and not is_guest, since)
        self.costs[look.key] = Cost(watched.attempt, cost)
        return cost

    def _gone_of(self, each: _Followed, look: Look) -> HostResources | None:
        """A look at a guest has all in it that its processes used: of an earlier watch counts what is not in that."""
        if each.earlier is None:
            return None
        run = each.watched.key, each.watched.attempt
        if run not in self._gone_before:
            self._gone_before[run] = gone_before(each.earlier, look)
        return self._gone_before[run]

    def _notice_end(self, watched: Watched, look: Look) -> None:
        run = watched.key, watched.attempt
        if look.alive is not False:
            self._gone_since.pop(run, None)
            return
        if look.exit_code is not None:
            self._exit_codes[run] = look.exit_code
        now = self._monotonic()
        if now - self._gone_since.setdefault(run, now) >= GONE_SECONDS:
            # Told again as long as it is followed: the store may have refused.
            self._gone_since[run] = now + AGAIN_SECONDS - GONE_SECONDS
            self._on_gone(watched.key, watched.attempt, watched.kind, self._exit_codes.get(run))

    def _forget_gone(self, followed: Mapping[int, _Followed]) -> None:
        self._gone_since = {run: since for run, since in self._gone_since.items() if run[0] in followed}
        self._exit_codes = {run: code for run, code in self._exit_codes.items() if run[0] in followed}
        self._gone_before = {run: left for run, left in self._gone_before.items() if run[0] in followed}


def _without(followed: Mapping[int, _Followed], task_id: int) -> Mapping[int, _Followed]:
    if task_id not in followed:
        return followed
    return {number: each for number, each in followed.items() if number != task_id}


def _series(look: Look, progress: float | None) -> dict[str, float | None]:
    values = {
        "task.cpu_percent": look.cpu_percent,
        "task.memory_bytes": look.rss_bytes,
        "task.read_bytes_per_second": look.read_bytes_per_second,
        "task.written_bytes_per_second": look.written_bytes_per_second,
        "task.threads": look.threads,
        "task.gpu_memory_bytes": look.gpu_memory_bytes,
        "task.gpu_percent": look.gpu_percent,
        "task.progress_percent": progress,
    }
    return {name: values[name] for name in TASK_METRICS}


def _use(look: Look, cost: Resources) -> TaskUse:
    return TaskUse(
        task_id=look.key,
        cpu_seconds=cost.cpu_seconds,
        cpu_percent=cost.cpu_percent,
        rss_bytes=cost.rss_bytes,
        rss_peak_bytes=cost.rss_peak_bytes,
        read_bytes_per_second=look.read_bytes_per_second,
        written_bytes_per_second=look.written_bytes_per_second,
        gpu_memory_bytes=cost.gpu_memory_bytes,
    )
