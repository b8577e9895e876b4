"""What the server watches over by its own clock: tasks that fall silent, run long or vanish, jobs that do not come.

Owned by the event loop. It is told of each change (``Follower``), of beats and of what the watch finds; ``sweep`` is
called once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

from vain import lifecycle, liveness, usual
from vain.clock import Clock, unix
from vain.codec import decode, encode
from vain.costs import Cost
from vain.errors import VainError
from vain.liveness import Liveness, Promise
from vain.marks import EARLIER_RUNS
from vain.tracker import Tracker
from vain.types import BEAT_SECONDS, CLIENT_FIELDS, LARGEST_INTEGER, Task
from vain.watch import ATTACHED

BEATING_KINDS = frozenset({"run", "python", "cell"})
"""Reporters of ours beat by themselves; after a restart the server knows it from the kind of the source."""
STOOD_STILL_SECONDS = 5.0
"""If the sweep did not run for so long, the server was stopped or the machine slept: nobody could be heard."""
SAVE_COSTS_SECONDS = 60.0
"""How often the costs of a running task are stored when nothing else changes."""
TOLD_SECONDS = 10.0
"""What another server had to tell before it was gone is not told again, if it had so much time for it."""
HEARD_SECONDS = 5.0
"""Other servers are told of the beats that came within this time, every second."""
FIRST_COSTS_SECONDS = 5.0
"""The first of them, and the first of each host, so that a task that has just begun is not without for long."""
LOOKS_AT_ONCE = 50
MOST_ENDED = 1_000
ARRANGED = frozenset({"name", "description", "priority", "tags", "key", "parent_id", "due_at"})
"""What people change to have order on the board; it says nothing of whether the work goes on."""

_Beats = list[tuple[int, float | None]]
"""Tasks, and how often each says that it lives, in seconds."""

logger = logging.getLogger(__name__)


class Watching(Protocol):
    """What is needed of ``vain.watch.Watch``, and of ``vain.fleet.everywhere.Everywhere``."""

    @property
    def costs(self) -> Mapping[int, Cost]: ...

    def has_news(self, task: Task) -> bool: ...

    def follow(self, task: Task, run_id: str | None) -> None: ...

    def forget(self, task_id: int) -> None: ...


class Vigil:
    """``beats`` of a task are expected from when it says so, or from its kind after a restart."""

    def __init__(
        self,
        tracker: Tracker,
        watch: Watching,
        monotonic: Clock = time.monotonic,
        wall: Clock = time.time,
        leads: Callable[[], bool] = lambda: True,
    ) -> None:
        self._tracker, self._watch, self._leads = tracker, watch, leads
        """``leads``: whether it is this server that says who is silent or runs long; the others only listen."""
        self._monotonic, self._wall = monotonic, wall
        self._liveness = Liveness(monotonic())
        self._running: dict[int, Task] = {}
        self._beats: dict[int, float] = {}
        self._heard: dict[int, float] = {}
        """When tasks beat lately, here."""
        self._ended: dict[int, int] = {}
        """At which version tasks ended at other servers; the last of them."""
        self._durations: dict[int, list[float]] = {}
        self._told_longer: set[tuple[int, int]] = set()
        self._saved_at: dict[int, float] = {}
        self._swept_at = monotonic()
        self._turned: dict[int, bool] = {}
        """Tasks that fell silent or were heard again, and are not stored as such yet."""
        self._pending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take up the tasks that were in progress when the server ended."""
        began = self._wall()
        for task, run_id in await self._tracker.started():
            kind = task.source.kind if task.source else None
            if kind in BEATING_KINDS:
                self._beats[task.task_id] = BEAT_SECONDS
            self._follow(task, run_id, stale=task.stale)
            self._durations[task.task_id] = await self._tracker.durations(task, EARLIER_RUNS)
        await self._take_as_told(began)
        self._tracker.follower = self

    async def take_over(self) -> None:
        """This server leads from now on: what another one has told is not told again."""
        await self._take_as_told(self._wall() - TOLD_SECONDS)

    async def close(self) -> None:
        """Wait for what was begun."""
        self._tracker.follower = None
        await asyncio.gather(*self._pending, return_exceptions=True)

    def saved(self, task: Task, run_id: str | None, by_client: bool) -> None:
        """See ``vain.tracker.Follower``."""
        if task.status != "in-progress":
            self.deleted(task.task_id)
            return
        before = self._running.get(task.task_id)
        if task.version <= self._ended.get(task.task_id, 0) or (before and before.version > task.version):
            return  # what another server made of it came before the answer to our own change
        self._follow(task, run_id, stale=task.stale and before is None)
        self._saved_at[task.task_id] = self._monotonic()
        if by_client and not _is_only_arranged(before, task):
            self._liveness.reported(task.task_id, self._monotonic())

    def changed_elsewhere(self, task: Task, is_deleted: bool = False) -> bool:
        """Another server has made, changed or deleted a task. Whether it is one in progress that was not known."""
        before = self._running.get(task.task_id)
        if before is not None and before.version > task.version:
            return False
        has_ended = is_deleted or task.status != "in-progress"
        if has_ended:
            self.deleted(task.task_id)
            self._ended[task.task_id] = LARGEST_INTEGER if is_deleted else task.version
            while len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]
            return False
        self.saved(task, None, before is None or before.heartbeat_at != task.heartbeat_at)
        return before is None

    def named(self, task_id: int, run_id: str) -> None:
        """What the reporter of a task calls it."""
        if (task := self._running.get(task_id)) is not None:
            self._watch.follow(task, run_id)

    def deleted(self, task_id: int) -> None:
        """See ``vain.tracker.Follower``."""
        self._liveness.forget(task_id)
        self._watch.forget(task_id)
        for known in (self._running, self._beats, self._durations, self._saved_at):
            known.pop(task_id, None)

    def expect_beats(self, task_id: int, beat_seconds: float) -> None:
        """The reporter of a task says how often it will say that it lives."""
        task = self._running.get(task_id)
        if task is not None and self._beats.get(task_id) != beat_seconds:
            self._beats[task_id] = beat_seconds
            self._follow(task, None)

    def beat(self, task_ids: Iterable[int]) -> list[int]:
        """These live. Returns those that are not in progress."""
        unknown, now = [], self._monotonic()
        for task_id in task_ids:
            if task_id in self._running:
                self._liveness.beat(task_id, now)
                self._heard[task_id] = now
            else:
                unknown.append(task_id)
        return unknown

    def beats_told(self) -> bytes:
        """What other servers are told: the tasks that beat lately, and how often each said that it would."""
        since = self._monotonic() - HEARD_SECONDS
        self._heard = {task_id: at for task_id, at in self._heard.items() if at > since}
        return encode([(task_id, self._beats.get(task_id)) for task_id in self._heard])

    def beats_heard(self, told: Mapping[str, bytes]) -> None:
        """What other servers tell."""
        for body in told.values():
            for task_id, beat_seconds in decode(_Beats, body):
                if beat_seconds is not None:
                    self.expect_beats(task_id, beat_seconds)
                self._liveness.beat(task_id, self._monotonic())

    def resumed(self) -> None:
        """The machine slept: everybody gets the full grace anew."""
        self._liveness.resumed(0.0, self._monotonic())

    def gone(self, task_id: int, attempt: int, kind: str, exit_code: int | None = None) -> None:
        """The process of a task is not there any more; of some it was seen how they ended."""
        if kind == ATTACHED:
            self._begin(self._tracker.finish_attached(task_id, attempt, exit_code))
        else:
            self._begin(self._tracker.crash(task_id, attempt))

    def running_names(self, is_meant: Callable[[Task], bool] = lambda task: True) -> set[str]:
        """Names and keys of the tasks in progress that are meant."""
        running = (task for task in self._running.values() if is_meant(task))
        return {name for task in running for name in (task.name, task.key) if name}

    async def sweep(self) -> None:
        """What the clock brings."""
        now = self._monotonic()
        if now - self._swept_at > STOOD_STILL_SECONDS:
            self._liveness.resumed(now - self._swept_at, now)
        self._swept_at = now
        if self._leads():
            await self._tell_silent(now)
            await self._tell_longer()
        await self._save_costs(now)

    async def _tell_silent(self, now: float) -> None:
        self._turned |= self._liveness.due(now)
        for task_id, stale in list(self._turned.items()):
            task = self._running.get(task_id)
            if task is not None and task.stale != stale:
                notice = liveness.stale_notice(task) if stale else liveness.recovered_notice(task)
                await self._tracker.mark(task_id, task.attempt, [notice], stale=stale)
            del self._turned[task_id]  # only now: what the store refuses is tried again

    async def _save_costs(self, now: float) -> None:
        due = [number for number, at in self._saved_at.items() if now - at >= self._patience_seconds(number)]
        for task_id in due[:LOOKS_AT_ONCE]:
            self._saved_at[task_id] = now
            task = self._running.get(task_id)
            if task is not None and task_id in self._watch.costs:
                await self._tracker.mark(task_id, task.attempt)

    def _patience_seconds(self, task_id: int) -> float:
        task = self._running.get(task_id)
        return FIRST_COSTS_SECONDS if task is not None and self._watch.has_news(task) else SAVE_COSTS_SECONDS

    async def _tell_longer(self) -> None:
        now = self._wall()
        for task in list(self._running.values()):
            run = task.task_id, task.attempt
            if run in self._told_longer:
                continue
            durations, age = await self._durations_of(task), now - unix(task.started_at or task.created_at)
            if usual.longer_than_usual(age, durations) is not None:
                await self._tracker.mark(*run, [usual.longer_notice(task, age, durations)])
                self._told_longer.add(run)
        self._told_longer = {run for run in self._told_longer if run[0] in self._running}

    async def _take_as_told(self, until: float) -> None:
        """Of tasks that ran longer than usual at a time (Unix seconds) it was told."""
        for task in list(self._running.values()):
            durations, age = await self._durations_of(task), until - unix(task.started_at or task.created_at)
            if usual.longer_than_usual(age, durations) is not None:
                self._told_longer.add((task.task_id, task.attempt))

    async def _durations_of(self, task: Task) -> list[float]:
        known = self._durations.get(task.task_id)
        if known is None:
            known = await self._tracker.durations(task, EARLIER_RUNS)
            if task.task_id in self._running:  # it may have ended meanwhile
                self._durations[task.task_id] = known
        return known

    def _follow(self, task: Task, run_id: str | None, stale: bool = False) -> None:
        known = self._running.get(task.task_id)
        self._running[task.task_id] = task
        self._saved_at.setdefault(task.task_id, self._monotonic())
        if known is None or known.attempt != task.attempt:
            self._durations.pop(task.task_id, None)
        promise = Promise(task.task_id, self._beats.get(task.task_id), task.expect_next_in)
        self._liveness.follow(promise, self._monotonic(), stale=stale)
        self._watch.follow(task, run_id)

    def _begin(self, work: Awaitable[object]) -> None:
        async def run() -> None:
            try:
                await work
            except VainError as error:
                logger.warning("A task whose process is gone could not be changed: %s", error.detail)

        task = asyncio.ensure_future(run())
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)


def _is_only_arranged(before: Task | None, after: Task) -> bool:
    """Whether a change is no sign of life. A report without anything new changes no field that a client sets."""
    if before is None:
        return False
    changed = {field for field in lifecycle.changed_fields(before, after) if field in CLIENT_FIELDS}
    return bool(changed) and changed <= ARRANGED
