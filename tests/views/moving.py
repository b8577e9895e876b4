"""A machine that moves, without a machine: a ``Source`` over a real ``History``, advanced by hand or by a loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import structs

from tests.selected import select
from tests.views.explained import explanation_of
from tests.views.laid_out import lanes_of
from tests.views.made_machines import fleet_row, sample
from tests.views.memory import Memory as Remembered
from vain import clock, told
from vain.about import About
from vain.alerting.alert import Alert, PastFiring, ShownRule, Silence, SilenceDraft
from vain.alerting.replay import replay
from vain.alerting.rule import DEFAULT_RULES, Rule, checked
from vain.alerting.silencing import silence_of
from vain.bands import MetricQuery, MetricWindow
from vain.busiest import Process
from vain.changes import Change, LogPart, between
from vain.errors import Conflict, NotFound
from vain.explaining import Explaining, Explanation
from vain.fleet.overview import grid_of, history_of
from vain.flow.attempts import EVERY_ATTEMPT, Attempt, AttemptQuery, attempts_of
from vain.flow.figures import Visualizations
from vain.flow.trends import MOST_POINTS, PATTERNS
from vain.flow.visualizations import visualizations
from vain.history import Columns, History
from vain.hosts import Host, HostsHistory, HostsQuery, figures
from vain.lanes import LaneQuery, Lanes
from vain.lifecycle import created, patched
from vain.notification import Notification
from vain.rehearsal import Rehearsal
from vain.rulebook import Owned
from vain.samples import (
    Sample,
    series,
)
from vain.told import NEWEST, NotificationQuery
from vain.types import Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.windows import window_of

AWAY_SECONDS = 60.0
"""So much later another host does what the first does."""


class MovingSource:
    """``advance`` makes a sample and tells the subscribers; ``run`` does so every period until cancelled."""

    period_seconds = 1.0

    def __init__(self, rows: int = 0, cores: int = 4, until: float = 1_800_000_000.0, host: str = "kestrel") -> None:
        self.host = host
        self.cores = cores
        self.disks: tuple[str, ...] = ("/",)
        self.history = History()
        self.seq = 0
        self.notices: list[Notification] = []
        self.tasks: dict[int, Task] = {}
        self.subscribers: list[Callable[[], None]] = []
        self.newest: Sample | None = None
        self.memory = Remembered(cores)
        self.queries: list[MetricQuery] = []
        self.explained: list[Explaining] = []
        self.delay_seconds = 0.0
        self.processes: Sequence[Process] | None = None
        self.known = About("0.1.0", 1_799_000_000.0, "127.0.0.1, port 8089", "/data", 2**20, 2**24, 1_790_000_000.0)
        self.logs: dict[int, LogPart] = {}
        self.lives: dict[int, list[Change]] = {}
        self.owned = {rule.name: Owned(rule, "default") for rule in DEFAULT_RULES}
        self.alerts: list[Alert] = []
        self.fired: list[PastFiring] = []
        self.silenced: dict[int, Silence] = {}
        self.others: dict[str, Host] = {}
        """Hosts of agents, by name."""
        self.hosts_read = 0
        self.hosts_asked: list[HostsQuery] = []
        for back in reversed(range(rows)):
            self.append(until - back)

    def append(self, t: float) -> None:
        self.newest = sample(t, self.cores, self.host, self.disks)
        self.history.append(t, series(self.newest))

    def advance(self, t: float) -> None:
        self.append(t)
        if self.processes:
            self.processes = [self.processes[0]._replace(cpu_percent=100 + t % 50), *self.processes[1:]]
        self.tell()

    def tell(self) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber()

    async def run(self, now: Callable[[], float]) -> None:
        while True:
            await asyncio.sleep(self.period_seconds)
            self.advance(now())

    def latest(self) -> Sample | None:
        return self.newest

    def columns(self, cursor: int) -> Columns:
        return self.history.since(cursor)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.subscribers.append(callback)
        return lambda: self.subscribers.remove(callback)

    async def notifications(self, query: NotificationQuery = NEWEST) -> list[Notification]:
        return told.selected(self.notices, query)

    async def read_notification(self, notification_id: int) -> None:
        self.notices = [structs.replace(n, read=n.read or n.notification_id == notification_id) for n in self.notices]
        self.seq += 1

    def busiest(self) -> Sequence[Process] | None:
        return self.processes

    async def about(self) -> About:
        return self.known

    async def page(self, query: TaskQuery) -> TaskPage:
        return select(self.tasks.values(), query, self.seq)

    async def lanes(self, query: LaneQuery) -> Lanes:
        await asyncio.sleep(self.delay_seconds)
        return lanes_of(query, self.tasks, self.seq)

    async def task(self, task_id: int) -> Task:
        return self._known(task_id)

    async def changes(self, task_id: int) -> list[Change]:
        self._known(task_id)
        return list(self.lives.get(task_id, []))

    async def log(self, task_id: int, after: int = 0) -> LogPart:
        self._known(task_id)
        kept = self.logs.get(task_id, LogPart(0, b""))
        begin = max(kept.begin, after)
        return LogPart(begin, kept.body[begin - kept.begin :])

    async def runs(self, task_id: int) -> list[Task]:
        task = self._known(task_id)
        begin = task.started_at or clock.now()
        alike = [t for t in self.tasks.values() if (t.key or t.name) == (task.key or task.name)]
        ended = [t for t in alike if t.outcome == "succeeded" and (t.completed_at or "") < begin]
        return sorted(ended, key=lambda t: t.completed_at or "", reverse=True)

    def _known(self, task_id: int) -> Task:
        if task_id not in self.tasks:
            raise NotFound(f"There is no task {task_id}.")
        return self.tasks[task_id]

    async def hosts(self) -> list[Host]:
        self.hosts_read += 1
        now = None if self.newest is None else figures(self.newest)
        seen = None if self.newest is None else self.newest.timestamp
        own = Host(self.host, "server", False, seen, version="0.1.0", period_seconds=1.0, now=now)
        return [own, *self.others.values()]

    async def hosts_history(self, query: HostsQuery) -> HostsHistory:
        self.hosts_asked.append(query)
        t, step = grid_of(query)
        rows = {name: fleet_row(t, place) for place, name in enumerate([self.host, *self.others])}
        return history_of(query, t, step, rows)

    def of(self, host: str) -> MovingSource:
        """The same about another machine, whose load has another phase."""
        if host == self.host:
            return self
        if host not in self.others:
            raise NotFound(f"No agent has reported of a host {host!r}.")
        return OtherHost(self, host)

    async def create(self, draft: TaskDraft) -> Task:
        return self._keep(created(draft, len(self.tasks) + 1, clock.now()))

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        return self._keep(patched(self.tasks[task_id], patch, clock.now()))

    async def delete(self, task_id: int) -> None:
        del self.tasks[task_id]
        self.seq += 1
        self.tell()

    async def window(self, query: MetricQuery) -> MetricWindow:
        if query.host:
            self.of(query.host)
        self.queries.append(query)
        await asyncio.sleep(self.delay_seconds)
        return await asyncio.to_thread(self.memory.window, query)

    async def extent(self) -> tuple[float, float] | None:
        return None if self.newest is None else (self.memory.begins, clock.unix(self.newest.timestamp))

    async def explain(self, asked: Explaining) -> Explanation:
        self.explained.append(asked)
        await asyncio.sleep(self.delay_seconds)
        return await asyncio.to_thread(explanation_of, asked, list(self.tasks.values()), self.memory, self.cores)

    async def rules(self) -> list[ShownRule]:
        return [self.owned[name].shown(self.alerts) for name in sorted(self.owned)]

    async def put_rule(self, rule: Rule) -> None:
        self._not_of_the_file(rule.name)
        self.owned[rule.name] = Owned(checked(rule), "api")
        self.seq += 1

    async def drop_rule(self, name: str) -> None:
        self._not_of_the_file(name)
        del self.owned[name]
        self.seq += 1

    def _not_of_the_file(self, name: str) -> None:
        if name in self.owned and self.owned[name].origin == "file":
            raise Conflict(f"The rule {name!r} is in the administrator's file and can only be changed there.")

    async def test_rule(self, rule: Rule, after: float, before: float) -> Rehearsal:
        checked(rule)
        await asyncio.sleep(self.delay_seconds)
        window = self.memory.window(MetricQuery(after, before, (rule.metric or "",)))
        return Rehearsal(replay(rule, window, lambda t: ()), window.step_seconds)

    async def firings(self, after: float, before: float) -> list[PastFiring]:
        begun = [each for each in self.fired if clock.unix(each.since) <= before]
        return [each for each in begun if each.until is None or clock.unix(each.until) >= after]

    async def silences(self) -> list[Silence]:
        return list(self.silenced.values())

    async def silence(self, draft: SilenceDraft) -> Silence:
        made = silence_of(draft, 1_001 + len(self.silenced), time.time())
        self.silenced[made.silence_id] = made
        self.seq += 1
        return made

    async def end_silence(self, silence_id: int) -> None:
        del self.silenced[silence_id]
        self.seq += 1

    async def acknowledge(self, notification_id: int) -> None:
        if not any(alert.notification_id == notification_id for alert in self.alerts):
            raise NotFound(f"There is no notification {notification_id}.")
        self.alerts = [
            structs.replace(alert, acknowledged_at=alert.acknowledged_at or clock.now())
            if alert.notification_id == notification_id
            else alert
            for alert in self.alerts
        ]
        self.seq += 1

    async def visualizations(
        self,
        after: float | None = None,
        before: float | None = None,
        timezone: str | None = None,
        tasks: AttemptQuery = EVERY_ATTEMPT,
    ) -> Visualizations:
        attempts = attempts_of(_attempt(task) for task in self.tasks.values() if _is_asked(task, tasks))
        now = time.time()
        asked = [None if t is None else clock.utc(t) for t in (after, before)]
        window = window_of(*asked, None, timezone, now)
        begin, end = clock.unix(window.after), clock.unix(window.before)
        metrics = self.memory.window(MetricQuery(begin, end, PATTERNS, MOST_POINTS))
        return visualizations(attempts, metrics, now, window)

    def _keep(self, task: Task) -> Task:
        before = self.tasks.get(task.task_id)
        created_now = Change(created_at=task.created_at, action="created")
        self.lives.setdefault(task.task_id, []).append(between(before, task) if before else created_now)
        self.tasks[task.task_id] = task
        self.seq += 1
        self.tell()
        return task


class OtherHost(MovingSource):
    """One of the others, over the tasks, the notifications and the clock of the first."""

    def __init__(self, first: MovingSource, host: str) -> None:
        self._first, self.host, self.history = first, host, History()
        self._seen, self._newest = first.newest, None
        for t in first.columns(0).t:
            self._append(t)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._first, name)

    def latest(self) -> Sample | None:
        seen = self._first.newest
        if seen is not self._seen and seen is not None:
            self._append(clock.unix(seen.timestamp))
        self._seen = seen
        return self._newest

    async def hosts(self) -> list[Host]:
        return await self._first.hosts()

    def columns(self, cursor: int) -> Columns:
        self.latest()
        return self.history.since(cursor)

    def _append(self, t: float) -> None:
        moved = sample(t + AWAY_SECONDS, self.cores, self.host)
        self._newest = structs.replace(moved, timestamp=clock.utc(t))
        self.history.append(t, series(self._newest))


def _is_asked(task: Task, query: AttemptQuery) -> bool:
    return (
        query.name in (None, task.name)
        and query.priority in (None, task.priority)
        and (query.tag is None or query.tag in task.tags)
        and query.host in (None, task.host)
    )


def _attempt(task: Task) -> Attempt:
    created, started, completed = (
        None if t is None else round(clock.unix(t) * 1000)
        for t in (task.created_at, task.started_at, task.completed_at)
    )
    return Attempt(task.task_id, task.attempt, task.name, created or 0, started, completed, task.outcome)
