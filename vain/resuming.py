"""What a watch keeps of the stream across its connections: where it is, and what of what comes is news. Pure.

Each connection begins with ``subscription``, and every message goes through ``take``: an event that was given already
is dropped, one that is missing is noticed, and so each comes once and in order, however often the line is cut.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import msgspec
from msgspec import UNSET, Struct, UnsetType

from vain.codec import convert
from vain.errors import Flaw, Invalid, Unavailable
from vain.happened import EVENT_TYPES, ChartsChange, Event, EventType, Snapshot, TaskChange
from vain.messages import Filter, Stream, Subscribe
from vain.notification import Notification
from vain.samples import Sample
from vain.types import Action, Status, Task, Time

SILENT_SECONDS = 45.0
"""A server says something every 15 seconds: a connection on which nothing came for so long is lost."""
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.2, 10.0

STREAMS: Mapping[EventType, Stream] = {
    "taskUpdate": "tasks",
    "notification": "notifications",
    "performanceUpdate": "performance",
    "visualizationUpdate": "visualizations",
}
DURABLE: frozenset[str] = frozenset({"taskUpdate", "notification"})
"""The types whose events are numbered."""


class Position(NamedTuple):
    """A place in the stream: the last event that was given, in the numbers of one epoch. ``str`` to store it."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}:{self.seq}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position that ``str`` has written. Raises ValueError."""
        epoch, colon, seq = text.rpartition(":")
        if not (colon and epoch and seq.isascii() and seq.isdigit() and len(seq) < 17):
            raise ValueError(f"{text[:80]!r} is no position such as 'a1b2c3:812', as `watch.position` gives it")
        return cls(epoch, int(seq))


class Hole(Exception):
    """An event is missing: what follows it cannot be trusted to be all."""


class Pauses:
    """How long to wait before the next connection: longer each time, a random part of it (full jitter)."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._most_seconds = SHORTEST_PAUSE_SECONDS

    def next_seconds(self, asked_seconds: float = 0.0) -> float:
        """A pause; ``asked_seconds``: within which the server asked all to come back."""
        # Without it a hundred watchers would all come back in the same moment after a restart.
        pause = self._uniform(0.0, max(self._most_seconds, asked_seconds))
        self._most_seconds = min(2 * self._most_seconds, LONGEST_PAUSE_SECONDS)
        return pause

    def reset(self) -> None:
        """A connection stands: the next pause is short again."""
        self._most_seconds = SHORTEST_PAUSE_SECONDS


class Wish(NamedTuple):
    """What a watch is to give: types of events, what tasks must be like, and whether all tasks come first."""

    types: frozenset[str]
    filter: Filter | UnsetType
    snapshot: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether every numbered event is wanted, so that a missing number is a missing event."""
        return self.types >= DURABLE and self.filter is UNSET

    @property
    def streams(self) -> list[Stream]:
        """The streams that bring them."""
        return [stream for type_, stream in STREAMS.items() if type_ in self.types]


def wish(types: Collection[str] | None, snapshot: bool, filter_: Mapping[str, object]) -> Wish:
    """The wish in these words; None stands for all types, and in a filter for any.

    Raises ValueError for types that there are not, and Invalid, which names the field, for a filter that cannot be.
    """
    wanted = EVENT_TYPES if types is None else types
    if unknown := sorted(set(wanted) - set(EVENT_TYPES)):
        raise ValueError(f"{unknown} are no types of events: {', '.join(EVENT_TYPES)} are")
    if not wanted:
        raise ValueError(f"types is empty: at least one of {', '.join(EVENT_TYPES)} would be right")
    given = {name: value for name, value in filter_.items() if value is not None}
    return Wish(frozenset(wanted), convert(Filter, given) if given else UNSET, snapshot)


class _Head(Struct, frozen=True):
    """What is read of a message before it is known what it is."""

    type: str
    seq: int | None = None
    timestamp: Time | None = None
    epoch: str = ""
    action: Action = "updated"
    changed: list[str] = []
    previous_status: Status | None = None
    matches: bool = True
    reset: bool = False
    reason: str | None = None
    more: bool = False
    retry_seconds: float = 0.0


class _Part(Struct, frozen=True):
    """Of a snapshot."""

    tasks: list[Task] = []
    removed: list[int] = []


class _Problem(Struct, frozen=True):
    title: str = ""
    detail: str = ""
    status: int = 400
    errors: list[Flaw] = []


class Reader:
    """One watch's place in the stream; ``position``: that of what ``take`` gave last, None before the first answer."""

    def __init__(self, wished: Wish, position: Position | None = None) -> None:
        self.position = position
        self.is_placed = False
        """Whether this connection's subscription was answered."""
        self.retry_seconds = 0.0
        """Within which the server asked to come back."""
        self._wish = wished
        self._tasks: dict[int, Task] = {}

    def subscription(self) -> bytes:
        """The first message of a new connection."""
        self.is_placed, self.retry_seconds = False, 0.0
        self._tasks.clear()
        wanted, position = self._wish, self.position
        if position is None:
            message = Subscribe(streams=wanted.streams, filter=wanted.filter, snapshot=wanted.snapshot)
        else:
            message = Subscribe(position.seq, position.epoch, wanted.streams, wanted.filter)
        return msgspec.json.encode(message)

    def take(self, message: str | bytes) -> Event | None:
        """What a message tells, if it is news. Raises Hole; Invalid for a subscription that the server refuses."""
        head = msgspec.json.decode(message, type=_Head)
        match head.type:
            case "snapshot":
                return self._snapshot(head, message)
            case "resumed":
                self._resumed(head)
            case "bookmark" if self.is_placed:
                self._moved(head)
            case "goaway":
                self.retry_seconds = max(0.0, head.retry_seconds)
            case "error":
                raise _refusal(message)
            case known if self.is_placed and known in self._wish.types:
                return self._event(head, message)
        return None

    def _snapshot(self, head: _Head, message: str | bytes) -> Snapshot | None:
        self.is_placed = False
        part = msgspec.json.decode(message, type=_Part)
        self._tasks |= {task.task_id: task for task in part.tasks}
        for task_id in part.removed:
            self._tasks.pop(task_id, None)
        if head.more:
            return None
        tasks, self._tasks = list(self._tasks.values()), {}
        position = self._placed_at(head)
        return Snapshot(tasks, position.seq, head.reset, head.reason, head.timestamp)

    def _resumed(self, head: _Head) -> None:
        if self.position not in (None, (head.epoch, head.seq)):
            raise Hole(f"the server went on after {head.seq}, not after {self.position}")
        self._placed_at(head)

    def _placed_at(self, head: _Head) -> Position:
        if head.seq is None:
            raise Hole("the answer to a subscription has no number")
        self.position, self.is_placed = Position(head.epoch, head.seq), True
        return self.position

    def _moved(self, head: _Head) -> None:
        """Up to there nothing was wanted; or, of a watch that wants all, there was nothing."""
        last = self._last()
        if head.seq is not None and head.seq > last:
            if self._wish.is_whole:
                raise Hole(f"the server is at {head.seq}, and what came last was {last}")
            self._advance(head.seq)

    def _event(self, head: _Head, message: str | bytes) -> Event | None:
        if head.seq is not None and head.type in DURABLE:
            last = self._last()
            if head.seq <= last:
                return None
            if head.seq > last + 1 and self._wish.is_whole:
                raise Hole(f"event {head.seq} came after {last}")
        event = _decoded(head, message)
        if head.seq is not None and head.type in DURABLE:
            self._advance(head.seq)
        return event

    def _last(self) -> int:
        return -1 if self.position is None else self.position.seq

    def _advance(self, seq: int) -> None:
        if self.position is not None:
            self.position = Position(self.position.epoch, seq)


def reader(types: Collection[str] | None, since: str | Position | None, snapshot: bool, **filter_: object) -> Reader:
    """A reader that begins after ``since``, or without it from now on. Raises what ``wish`` and ``parse`` raise."""
    return Reader(wish(types, snapshot, filter_), Position.parse(since) if isinstance(since, str) else since)


def _decoded(head: _Head, message: str | bytes) -> Event:
    if head.type == "taskUpdate":
        task = msgspec.json.decode(message, type=Task)
        return TaskChange(head.action, task, head.changed, head.previous_status, head.seq, head.timestamp, head.matches)
    if head.type == "notification":
        return msgspec.json.decode(message, type=Notification)
    if head.type == "performanceUpdate":
        return msgspec.json.decode(message, type=Sample)
    return msgspec.json.decode(message, type=ChartsChange)


def _refusal(message: str | bytes) -> Invalid | Unavailable:
    """What an ``error`` says: that the subscription is wrong, or that it cannot be served now."""
    problem = msgspec.json.decode(message, type=_Problem)
    detail = problem.detail or problem.title or "The server refused the subscription."
    return Unavailable(detail) if problem.status >= 500 else Invalid(detail, problem.errors)
