"""A running vAIn as a Source: for notebooks, and for ``panel serve`` in a process of its own.

A thread follows ``/ws/tasks`` and keeps a copy of the live metrics and the newest notifications; tasks stay with the
server, which is asked for the page that is shown when something has changed. Whenever the thread connects it reads its
copy anew before it applies what the socket brought meanwhile, so nothing is missed while the connection is down; a hole
in the numbers of the events does the same. Memory is bounded, however many tasks there are: by the capacity of the
history and ``MOST_NOTIFICATIONS``.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

import msgspec
from msgspec import Struct, structs
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from vain import tables, told
from vain.about import About
from vain.answers import MetricHistory, Moment
from vain.bands import MetricQuery, MetricWindow
from vain.busiest import Process
from vain.catalog import TASK_METRICS
from vain.changes import Change, LogPart
from vain.client import Client
from vain.clock import unix, utc
from vain.errors import Unavailable, VainError
from vain.explaining import Explaining, Explanation
from vain.flow.attempts import EVERY_ATTEMPT, AttemptQuery
from vain.flow.figures import Visualizations
from vain.history import Columns, History
from vain.hosts import Host, HostsHistory, HostsQuery
from vain.lanes import LaneQuery, Lanes, checked
from vain.notification import Notification
from vain.patterns import matching
from vain.remote_changes import RemoteChanges
from vain.samples import Sample, series
from vain.steps import bucket_count
from vain.subscribers import Subscribers
from vain.told import NEWEST, NotificationQuery
from vain.types import Task, TaskPage, TaskQuery

logger = logging.getLogger(__name__)
socket_logger = logger.getChild("socket")
# On its lowest level the library logs every header, and with it the API key.
socket_logger.setLevel(logging.INFO)

SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0
HISTORY_SECONDS = 3600
MOST_NOTIFICATIONS = 200
MOST_CHANGES = 200
"""Of one task, the newest."""
LARGEST_MESSAGE_BYTES = 16 * 2**20
LATEST_SECONDS = 60.0
"""A sample that is older than the newest by less than this was overtaken; by more, the server's clock was set back."""
PERIOD_SECONDS = 1.0
"""Assumed until the server has told the real time between two samples."""


class Message(Struct, frozen=True):
    """What all messages have; the rest is decoded by ``type``."""

    type: str
    seq: int | None = None


class RemoteSource(RemoteChanges):
    """The Source of ``vain.source`` over a Client. To make one blocks until the server was read once, and raises what
    the Client raises; ``close`` ends its thread.

    ``host`` is another machine than the server's own, whose samples and history are shown.

    ``seq`` does not number the events of the server: it rises with every change that is told here, and also when
    everything was read anew, so that a view which compares it asks and draws again.
    """

    def __init__(self, client: Client, host: str | None = None) -> None:
        self.client, self._wanted_host = client, host
        self.host = host or ""
        self.seq = 0
        self.period_seconds = PERIOD_SECONDS
        self._lock = threading.Lock()
        self._notifications: deque[Notification] = deque(maxlen=MOST_NOTIFICATIONS)
        self._sample: Sample | None = None
        self._sampled_at = 0.0
        self._history = History()
        self._server_seq: int | None = None
        self._subscribers = Subscribers()
        self._socket: ClientConnection | None = None
        self._closed = threading.Event()
        self._read_all()
        self._thread = threading.Thread(target=self._follow, name="vain-remote", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread and the connection; what was read stays readable. Twice is once."""
        self._closed.set()
        socket = self._socket
        if socket is not None:
            socket.close()
        self._thread.join(timeout=self.client.timeout_seconds)

    def latest(self) -> Sample | None:
        """The newest sample."""
        return self._sample

    def columns(self, cursor: int) -> Columns:
        """The metric rows after ``cursor``; 0: all that are kept."""
        return self._history.since(cursor)

    def busiest(self) -> Sequence[Process] | None:
        """None: the processes are not told over HTTP."""
        return None

    async def about(self) -> About:
        """Since when there is a history; the rest is not told over HTTP."""
        extent = await self.extent()
        return About(history_since=extent[0] if extent else None)

    def tasks(self) -> list[Task]:
        """All tasks, by number, from the server. Blocks; a page of them, or some, are had for less."""
        return self.client.tasks()

    def history(self, after: Moment = -HISTORY_SECONDS) -> MetricHistory:
        """What the server remembers since ``after``. Blocks; for what is kept here there is ``columns``."""
        return self.client.history(after)

    @property
    def history_table(self) -> Callable[..., bytes]:
        """``Client.history_table``, so that ``frames.history_of`` takes a source, too."""
        return self.client.history_table

    async def page(self, query: TaskQuery) -> TaskPage:
        """The tasks that ``query`` asks for, as the server picks them. Raises Malformed for an unknown sort column."""
        seq = self.seq
        return structs.replace(await asyncio.to_thread(self.client.task_page, query), seq=seq)

    async def notifications(self, query: NotificationQuery = NEWEST) -> list[Notification]:
        """The newest notifications that are asked for, from the copy of the newest where that is enough."""
        with self._lock:
            known = list(self._notifications)
        found = told.selected(known, query)
        if len(found) == query.limit or len(known) < MOST_NOTIFICATIONS:
            return found
        asked = {name: value for name, value in structs.asdict(query).items() if value is not None}
        return await asyncio.to_thread(partial(self.client.notifications, **asked))

    async def read_notification(self, notification_id: int) -> None:
        """Marks a notification as read."""
        await asyncio.to_thread(self.client.read_notification, notification_id)
        with self._lock:
            known = [_marked(entry, notification_id) for entry in self._notifications]
            self._notifications = deque(known, maxlen=MOST_NOTIFICATIONS)
        self._changed()

    async def window(self, query: MetricQuery) -> MetricWindow:
        """The stored metrics of any window, from the server. Raises Invalid."""
        return await asyncio.to_thread(self._window, query)

    async def extent(self) -> tuple[float, float] | None:
        """When the oldest and the newest sample were taken (Unix seconds), as the server says."""
        asked = partial(self.client.history, -1.0, metrics=["cpu.percent"], points=1, host=self._wanted_host)
        history = await asyncio.to_thread(asked)
        return history.extent

    async def lanes(self, query: LaneQuery) -> Lanes:
        """The tasks of a window as bars in rows, as the server packs them. Raises Invalid."""
        return await asyncio.to_thread(partial(self.client.lanes, **structs.asdict(checked(query))))

    async def task(self, task_id: int) -> Task:
        """One task. Raises NotFound."""
        return await asyncio.to_thread(self.client.task, task_id)

    async def changes(self, task_id: int) -> list[Change]:
        """The newest changes of a task, oldest first. Raises NotFound."""
        found = await asyncio.to_thread(self.client.changes, task_id)
        return msgspec.convert(found[-MOST_CHANGES:], list[Change])

    async def log(self, task_id: int, after: int = 0) -> LogPart:
        """What is kept of a task's output from an offset on. Raises NotFound."""
        body, end = await asyncio.to_thread(self.client.log, task_id, after)
        return LogPart(end - len(body), body)

    async def runs(self, task_id: int) -> list[Task]:
        """The runs of the same key, or else name, that succeeded before this one began. Raises NotFound."""
        return await asyncio.to_thread(self.client.runs, task_id)

    async def explain(self, asked: Explaining) -> Explanation:
        """Which tasks and processes used what the machine used in a window, as the server says. Raises Malformed."""
        return await asyncio.to_thread(
            self.client.explain,
            asked.after,
            asked.before,
            asked.metric,
            asked.baseline_after,
            asked.baseline_before,
            asked.host or self._wanted_host,
        )

    async def visualizations(
        self,
        after: float | None = None,
        before: float | None = None,
        timezone: str | None = None,
        tasks: AttemptQuery = EVERY_ATTEMPT,
    ) -> Visualizations:
        """The charts of a window (Unix seconds; None: the last day), as data; ``tasks`` by name, tag, priority and
        host."""
        chosen = {"name": tasks.name, "tag": tasks.tag, "priority": tasks.priority, "host": tasks.host}
        return await asyncio.to_thread(
            partial(self.client.visualizations, after, before, timezone=timezone, **chosen)  # type: ignore[arg-type]
        )

    def _window(self, query: MetricQuery) -> MetricWindow:
        points = query.points
        if query.step_seconds is not None:
            points = bucket_count(query.after, query.before, query.step_seconds)
        metrics, task_id = _with_tasks(query)
        # Which hosts a task was on, the server knows as well: it adds them up where none is named.
        host = None if query.also else query.host or self._wanted_host
        body = self.client.history_table("arrow", query.after, query.before, metrics, points, task_id, host)
        return tables.decoded(body)

    async def hosts(self) -> list[Host]:
        """The machines that report, and what each does now, from the server."""
        return await asyncio.to_thread(self.client.hosts)

    async def hosts_history(self, query: HostsQuery) -> HostsHistory:
        """One metric of all machines over time, from the server."""
        return await asyncio.to_thread(
            self.client.hosts_history, query.metric, query.after, query.before, query.points, query.top
        )

    def of(self, host: str) -> RemoteSource:
        """The same server, about another machine; to be closed by whoever asks for it."""
        return RemoteSource(self.client, host)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has ``callback`` called on the running loop after each sample and each change; the result ends that."""
        return self._subscribers.add(callback)

    def _follow(self) -> None:
        wait_seconds = SHORTEST_WAIT_SECONDS
        while not self._closed.is_set():
            try:
                with self._connected() as self._socket:
                    # Whoever closes sets the flag before looking for a socket: one of the two sees the other.
                    if self._closed.is_set():
                        return
                    self._read_all()
                    wait_seconds = SHORTEST_WAIT_SECONDS
                    self._take_all(self._socket)
            except (OSError, WebSocketException, VainError) as exc:
                if self._closed.is_set():
                    return
                logger.warning("connection to %s lost: %s", self.client.url, _reason(exc))
            except Exception:
                logger.exception("following %s failed", self.client.url)
            # Full jitter: a hundred notebooks must not all come back in the same moment after a restart.
            self._closed.wait(random.uniform(0, wait_seconds))  # noqa: S311
            wait_seconds = min(2 * wait_seconds, LONGEST_WAIT_SECONDS)

    def _connected(self) -> ClientConnection:
        return connect(
            "ws" + self.client.url.removeprefix("http") + "/ws/tasks",
            additional_headers=self.client.authorization,
            open_timeout=self.client.timeout_seconds,
            close_timeout=1,
            max_size=LARGEST_MESSAGE_BYTES,
            compression=None,
            proxy=None,
            logger=socket_logger,
        )

    def _take_all(self, socket: ClientConnection) -> None:
        for message in socket:
            self._take(message.encode() if isinstance(message, str) else message)

    def _take(self, message: bytes) -> None:
        head = msgspec.json.decode(message, type=Message)
        if head.seq is not None:
            if self._is_hole(head.seq):
                self._read_all()
            self._server_seq = head.seq
        if head.type == "performanceUpdate":
            self._sampled(msgspec.json.decode(message, type=Sample) if self._wanted_host is None else self._asked())
        elif head.type == "taskUpdate":
            self._changed()
        elif head.type == "notification":
            self._notify(msgspec.json.decode(message, type=Notification))
        elif head.type == "visualizationUpdate":
            self._changed()

    def _asked(self) -> Sample | None:
        """The newest sample of another machine; None while it is silent."""
        with suppress(Unavailable):
            return self.client.performance(self._wanted_host)
        return None

    def _is_hole(self, seq: int) -> bool:
        return self._server_seq is not None and seq != self._server_seq + 1

    def _read_all(self) -> None:
        """Everything anew, by REST."""
        self._server_seq = None
        notifications = self.client.notifications(MOST_NOTIFICATIONS)
        with suppress(Unavailable):  # a server that has just started may have no sample yet; the socket brings it
            sample = self.client.performance(self._wanted_host)
            self._read_history(unix(sample.timestamp))
            self._sampled(sample)
        with self._lock:
            self._notifications = deque(notifications, maxlen=MOST_NOTIFICATIONS)
        self._changed()

    def _read_history(self, newest: float) -> None:
        """The rows after the newest that is known here, up to but without the newest of the server."""
        after = max(self._sampled_at, newest - HISTORY_SECONDS)
        if after >= newest:
            return
        columns = self.client.history(after=utc(after), before=utc(newest), host=self._wanted_host).columns()
        for number, t in enumerate(columns.t):
            if after < t < newest:
                self._history.append(t, [(name, values[number]) for name, values in columns.values.items()])
                self._sampled_at = t

    def _sampled(self, sample: Sample | None) -> None:
        if sample is None:
            return
        t = unix(sample.timestamp)
        if 0 <= self._sampled_at - t < LATEST_SECONDS:
            return
        self._sample, self._sampled_at, self.host = sample, t, sample.host
        self.period_seconds = sample.period_seconds or self.period_seconds
        self._history.append(t, series(sample))
        self._subscribers.tell()

    def _notify(self, notification: Notification) -> None:
        with self._lock:
            if any(known.notification_id == notification.notification_id for known in self._notifications):
                return
            self._notifications.appendleft(notification)
        self._changed()

    def _changed(self) -> None:
        with self._lock:
            self.seq += 1
        self._subscribers.tell()


def _marked(notification: Notification, notification_id: int) -> Notification:
    if notification.notification_id != notification_id:
        return notification
    return msgspec.structs.replace(notification, read=True)


def _reason(exc: Exception) -> str:
    if isinstance(exc, InvalidStatus):
        return f"the server answered {exc.response.status_code}"
    return str(exc) or type(exc).__name__


def _with_tasks(query: MetricQuery) -> tuple[tuple[str, ...] | None, int | None]:
    """Metrics and task as the address has them: one task by its number, several by the names of their series."""
    if len(query.tasks) < 2:
        return query.metrics, next(iter(query.tasks), None)
    names = [f"{metric}:{number}" for number in query.tasks for metric in TASK_METRICS]
    return (*(query.metrics or ("*",)), *matching(names, query.metrics)), None
