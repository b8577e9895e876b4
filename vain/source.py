"""What a view or a notebook needs to know and to do, wherever the server is.

``LocalSource`` stands in the server's own process; ``vain.remote.RemoteSource`` reaches one over HTTP and WebSocket.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from functools import partial
from typing import NamedTuple, Protocol

from msgspec.structs import replace

from vain.about import About, version
from vain.alarms import Alarms
from vain.alerting.alert import PastFiring, ShownRule, Silence, SilenceDraft
from vain.alerting.rule import Rule, checked
from vain.bands import MetricQuery, MetricWindow
from vain.busiest import Process
from vain.changes import Change, LogPart
from vain.clock import utc
from vain.codec import decode
from vain.errors import Misconfigured
from vain.explaining import Explaining, Explanation
from vain.fleet.fleet import Fleet
from vain.fleet.machines import Machines
from vain.fleet.member import Member
from vain.flow.attempts import EVERY_ATTEMPT, AttemptQuery
from vain.flow.figures import Visualizations
from vain.history import Columns, History
from vain.hosts import Host, HostsHistory, HostsQuery
from vain.hub import Hub
from vain.lanes import LaneQuery, Lanes
from vain.monitor import Monitor
from vain.notification import Notification
from vain.notifier import Notifier
from vain.rehearsal import Rehearsal
from vain.rulebook import RuleBook
from vain.samples import Sample
from vain.shared import SharedReads
from vain.silences import Silences
from vain.timelines import Timelines
from vain.told import NEWEST, NotificationQuery
from vain.tracker import Tracker
from vain.types import Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.visuals import Asked, Charts
from vain.windows import window_of

MOST_CHANGES = 200
"""Of one task, the newest."""
MOST_SHARED = 32
FRESH_SECONDS = 1.0
"""What is shared of a task's output and its earlier runs is no older than this."""


class Source(Protocol):
    """Every method is called on the event loop, and none blocks it."""

    host: str
    period_seconds: float

    @property
    def seq(self) -> int:
        """Rises with everything that may change what the views show of tasks and notifications."""

    def latest(self) -> Sample | None:
        """The newest sample; None before the first."""

    def columns(self, cursor: int) -> Columns:
        """The metric rows after a cursor; 0 asks for all that are kept."""

    def busiest(self) -> Sequence[Process] | None:
        """The processes that used most; the same object until the next look at them. None: not known."""

    async def about(self) -> About:
        """What the server is and how it is set."""

    async def page(self, query: TaskQuery) -> TaskPage:
        """One page of the tasks that match."""

    async def notifications(self, query: NotificationQuery = NEWEST) -> list[Notification]:
        """The newest notifications that are asked for, newest first; nobody may change the list."""

    async def read_notification(self, notification_id: int) -> None:
        """Mark a notification as read. Raises NotFound."""

    async def window(self, query: MetricQuery) -> MetricWindow:
        """The stored metrics of any window; nobody may change the arrays. Raises Invalid."""

    async def extent(self) -> tuple[float, float] | None:
        """When the oldest and the newest stored sample were taken (Unix seconds); None without any."""

    async def explain(self, asked: Explaining) -> Explanation:
        """Which tasks and processes used what the machine used in a window. Raises Malformed."""

    async def visualizations(
        self,
        after: float | None = None,
        before: float | None = None,
        timezone: str | None = None,
        tasks: AttemptQuery = EVERY_ATTEMPT,
    ) -> Visualizations:
        """The data of all charts, for a window in Unix seconds; the last day if none is given. Raises Malformed."""

    async def lanes(self, query: LaneQuery) -> Lanes:
        """The tasks of a window as bars in rows; nobody may change the answer. Raises Invalid."""

    async def task(self, task_id: int) -> Task:
        """One task. Raises NotFound."""

    async def changes(self, task_id: int) -> list[Change]:
        """The newest changes of a task, oldest first; also of one that was deleted. Raises NotFound."""

    async def log(self, task_id: int, after: int = 0) -> LogPart:
        """What is kept of a task's output from an offset on. Raises NotFound."""

    async def runs(self, task_id: int) -> list[Task]:
        """The runs of the same key, or else name, that succeeded before this one, newest first. Raises NotFound."""

    async def create(self, draft: TaskDraft) -> Task:
        """Make a task. Raises Invalid or Conflict."""

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        """Change a task. Raises NotFound, Invalid or Conflict."""

    async def delete(self, task_id: int) -> None:
        """Delete a task. Raises NotFound."""

    async def rules(self) -> list[ShownRule]:
        """All rules by name, each with who made it and for what it fires now."""

    async def put_rule(self, rule: Rule) -> None:
        """Make a rule, or replace the one of its name. Raises Invalid or Conflict."""

    async def drop_rule(self, name: str) -> None:
        """Forget a rule that somebody made. Raises NotFound or Conflict."""

    async def test_rule(self, rule: Rule, after: float, before: float) -> Rehearsal:
        """When a rule would have fired over stored history (Unix seconds). Raises Invalid."""

    async def firings(self, after: float, before: float) -> list[PastFiring]:
        """When rules fired in a window (Unix seconds), newest first."""

    async def silences(self) -> list[Silence]:
        """Those that hold now or later."""

    async def silence(self, draft: SilenceDraft) -> Silence:
        """Tell nobody, for a time. Raises Invalid or Conflict."""

    async def end_silence(self, silence_id: int) -> None:
        """End a silence before its time. Raises NotFound or Conflict."""

    async def acknowledge(self, notification_id: int) -> None:
        """Somebody takes care of what a rule tells. Raises NotFound, or Conflict if it fires no more."""

    async def hosts(self) -> list[Host]:
        """The machines that report, and what each does now; the server's own comes first."""

    async def hosts_history(self, query: HostsQuery) -> HostsHistory:
        """One metric of all machines over time."""

    def of(self, host: str) -> Source:
        """The same, about another machine: its samples and its history. Raises NotFound."""

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back after each sample and after each batch of events, at once and shortly; the result ends it."""


class Watching(NamedTuple):
    """What a source in the server's process asks about rules and what fires."""

    rulebook: RuleBook
    silences: Silences
    alarms: Alarms


class LocalSource:
    """The Source inside the server's process: of its own machine, or (``of``) of one that an agent reports of."""

    def __init__(
        self,
        host: str,
        period_seconds: float,
        tracker: Tracker,
        monitor: Monitor,
        history: History,
        notifier: Notifier,
        hub: Hub,
        charts: Charts,
        timelines: Timelines,
        watching: Watching,
        about: Callable[[], Awaitable[About]],
        fleet: Fleet,
        machines: Machines,
    ) -> None:
        self.host, self.period_seconds = host, period_seconds
        self._member: Member | None = None
        """The machine that this is about, if it is not the server's own."""
        self._others: dict[str, LocalSource] = {host: self}
        """By machine; the same for all of them."""
        self._history, self._fleet, self._machines = history, fleet, machines
        self._timelines, self._watching, self._about = timelines, watching, about
        self._tracker, self._monitor, self._notifier, self._hub, self._charts = tracker, monitor, notifier, hub, charts
        self._logs: SharedReads[tuple[int, int, int], LogPart] = SharedReads(MOST_SHARED)
        self._firings: SharedReads[tuple[int, float, float], list[PastFiring]] = SharedReads(MOST_SHARED)
        self._runs: SharedReads[tuple[int, int], list[Task]] = SharedReads(MOST_SHARED)
        self._notices: SharedReads[tuple[int, NotificationQuery], list[Notification]] = SharedReads(MOST_SHARED)

    @property
    def seq(self) -> int:
        return self._hub.seq + self._hub.nudges

    def latest(self) -> Sample | None:
        return self._monitor.latest if self._member is None else self._member.latest

    def columns(self, cursor: int) -> Columns:
        return self._history.since(cursor) if self._member is None else self._member.last_hour.columns(cursor)

    def busiest(self) -> Sequence[Process] | None:
        return self._monitor.busiest if self._member is None else self._member.busiest

    async def about(self) -> About:
        return await self._about()

    async def page(self, query: TaskQuery) -> TaskPage:
        return await self._tracker.page(query)

    async def notifications(self, query: NotificationQuery = NEWEST) -> list[Notification]:
        return await self._notices.get((self.seq, query), lambda: self._notifier.newest(query))

    async def read_notification(self, notification_id: int) -> None:
        await self._notifier.mark_read(notification_id)

    async def window(self, query: MetricQuery) -> MetricWindow:
        return await self._machines.shared_window(replace(query, host=query.host or self._elsewhere))

    async def extent(self) -> tuple[float, float] | None:
        past = await self._machines.past_of(self._elsewhere)
        return await past.run(past.store.extent)

    async def explain(self, asked: Explaining) -> Explanation:
        return await self._machines.explain(replace(asked, host=asked.host or self._elsewhere))

    async def visualizations(
        self,
        after: float | None = None,
        before: float | None = None,
        timezone: str | None = None,
        tasks: AttemptQuery = EVERY_ATTEMPT,
    ) -> Visualizations:
        begin, end = (None if t is None else utc(t) for t in (after, before))
        return await self._charts.get(Asked(window_of(begin, end, None, timezone, time.time()), tasks))

    async def lanes(self, query: LaneQuery) -> Lanes:
        return await self._timelines.lanes(query)

    async def task(self, task_id: int) -> Task:
        return decode(Task, (self._tracker.at_hand(task_id) or await self._tracker.get(task_id)).body)

    async def changes(self, task_id: int) -> list[Change]:
        newest: deque[bytes] = deque(maxlen=MOST_CHANGES)
        async for bodies in await self._tracker.changes(task_id):
            newest.extend(bodies)
        return [decode(Change, body) for body in newest]

    async def log(self, task_id: int, after: int = 0) -> LogPart:
        async def read() -> LogPart:
            return LogPart(*await self._tracker.log(task_id, after))

        return await self._logs.get((task_id, after, int(time.monotonic() / FRESH_SECONDS)), read)

    async def runs(self, task_id: int) -> list[Task]:
        question = task_id, int(time.monotonic() / FRESH_SECONDS)
        return await self._runs.get(question, lambda: self._tracker.runs(task_id))

    async def create(self, draft: TaskDraft) -> Task:
        return decode(Task, (await self._tracker.create(draft)).body)

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        return decode(Task, (await self._tracker.update(task_id, patch)).body)

    async def delete(self, task_id: int) -> None:
        await self._tracker.delete(task_id)

    async def rules(self) -> list[ShownRule]:
        alerts = await self._watching.alarms.alerts()
        return [owned.shown(alerts) for owned in self._watching.rulebook.rules()]

    async def put_rule(self, rule: Rule) -> None:
        await self._watching.rulebook.put(rule)
        self._hub.nudge()

    async def drop_rule(self, name: str) -> None:
        await self._watching.rulebook.drop(name)
        self._hub.nudge()

    async def test_rule(self, rule: Rule, after: float, before: float) -> Rehearsal:
        return await self._machines.rehearse(checked(rule), after, before, self._elsewhere)

    async def firings(self, after: float, before: float) -> list[PastFiring]:
        read = partial(self._watching.alarms.firings, after, before)
        return await self._firings.get((self._hub.seq, after, before), read)

    async def silences(self) -> list[Silence]:
        return self._watching.silences.all()

    async def silence(self, draft: SilenceDraft) -> Silence:
        made = await self._watching.silences.add(draft)
        self._hub.nudge()
        return made

    async def end_silence(self, silence_id: int) -> None:
        await self._watching.silences.end(silence_id)
        self._hub.nudge()

    async def acknowledge(self, notification_id: int) -> None:
        await self._watching.alarms.acknowledge(notification_id)
        self._hub.nudge()

    async def hosts(self) -> list[Host]:
        return self._fleet.hosts(self._monitor.latest, version(), self._monitor.period_seconds)

    async def hosts_history(self, query: HostsQuery) -> HostsHistory:
        return await self._machines.history(query)

    def of(self, host: str) -> Source:
        member = None if self._machines.is_own(host) else self._fleet.member(host)
        known = self._others.get(host)
        if known is not None and known._member is member:
            return known  # one for all its pages, which are woken together
        other = self._others[host] = copy(self)
        other._member, other.host = member, host
        other.period_seconds = self._monitor.period_seconds if member is None else member.known.period_seconds
        return other

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        if self._member is None:
            return self._hub.listen(callback)
        end_events, end_samples = self._hub.listen(callback), self._member.last_hour.listen(callback)

        def end() -> None:
            end_events()
            end_samples()

        return end

    @property
    def _elsewhere(self) -> str:
        """The machine, if it is another than the server's own."""
        return "" if self._member is None else self.host


_current: list[Source] = []


def use(source: Source | None) -> None:
    """Make a source the one that this process's pages show; None: no longer any."""
    _current[:] = [] if source is None else [source]


def current(or_else: Callable[[], Source] | None = None) -> Source:
    """The source that this process's pages show; if there is none, what ``or_else`` makes becomes it.

    Raises Misconfigured when there is neither.
    """
    if not _current and or_else is not None:
        use(or_else())
    if not _current:
        raise Misconfigured(
            "This page needs a vAIn server: start it with `vain serve`, or call vain.source.use(...) first."
        )
    return _current[0]
