"""What a subscription lets through, and whether a position in the stream can be gone on from. Pure.

A filter judges an event by the task after the change, and by what it was before: an event that takes a task out of the
filter comes through as well, marked with ``"matches": false``. What a field was before stands in the event
(``previous``); of events that were stored before it stood there it may be unknown, and then the event comes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from vain.messages import STREAMS, Filter, Previous, ResetReason, Stream, Subscribe
from vain.types import Action, Outcome, Priority, Status, Task, TaskSource

Verdict = Literal["in", "out", "left"]

STREAM_OF_TYPE: Mapping[str, Stream] = {
    "taskUpdate": "tasks",
    "performanceUpdate": "performance",
    "visualizationUpdate": "visualizations",
    "notification": "notifications",
}
_SEARCHED = frozenset({"name", "description", "message", "key", "tags"})
_FIELD_OF_FILTER = {"tag": "tags", "host": "source"}
_TASK_HEAD, _LEFT_HEAD = b'{"type":"taskUpdate",', b'{"type":"taskUpdate","matches":false,'


class _Used(Struct, frozen=True):
    """Where a task has used something, if that was not at home alone."""

    hosts: dict[str, msgspec.Raw] | None = None


class Told(Struct, frozen=True):
    """What is looked at in a task, or in an event of one."""

    task_id: int
    name: str
    status: Status
    priority: Priority
    description: str = ""
    message: str = ""
    tags: list[str] = []
    outcome: Outcome | None = None
    key: str | None = None
    parent_id: int | None = None
    source: TaskSource | None = None
    resources: _Used | None = None
    action: Action = "created"
    changed: frozenset[str] = frozenset()
    previous_status: Status | None = None
    previous: Previous = Previous()

    @property
    def host(self) -> str | None:
        """See ``Task.host``."""
        return None if self.source is None else self.source.host


_told = msgspec.json.Decoder(Told)
told = _told.decode
"""A task's or an event's JSON as what is looked at."""


class TaskFilter(NamedTuple):
    """A filter in the form in which equal ones are equal; None stands for any."""

    task_id: frozenset[int] | None = None
    status: frozenset[str] | None = None
    priority: frozenset[str] | None = None
    outcome: frozenset[str] | None = None
    tag: frozenset[str] | None = None
    key: frozenset[str] | None = None
    parent_id: frozenset[int] | None = None
    host: frozenset[str] | None = None
    q: str | None = None

    @classmethod
    def of(cls, given: Filter) -> TaskFilter | None:
        """What a message asks for; None if that is everything."""
        fields = {name: value for name in cls._fields if (value := getattr(given, name)) is not UNSET}
        text = fields.pop("q", None)
        choices = {name: frozenset(value if isinstance(value, list) else (value,)) for name, value in fields.items()}
        return None if text is None and not choices else cls(**choices, q=text and text.casefold())

    def holds(self, task: Told | Task) -> bool:
        """Whether a task is what is asked for."""
        return all(_meets(self, name, task) for name, wanted in zip(self._fields, self, strict=True) if wanted)

    def judged(self, event: Told) -> Verdict:
        """What an event of a task is to a subscriber with this filter."""
        if self.holds(event):
            return "in"
        if event.action != "updated" or not self._may_have_held(event):
            return "out"
        return "left"

    def _may_have_held(self, event: Told) -> bool:
        before, unknown = _before(event)
        for name, wanted in zip(self._fields, self, strict=True):
            looked_at = _SEARCHED if name == "q" else {_FIELD_OF_FILTER.get(name, name)}
            if wanted and not looked_at & unknown and not _meets(self, name, before):
                return False
        return True


class Subscription(NamedTuple):
    """What a reader wants: which streams, and of the tasks those that a filter holds for (None: all)."""

    streams: frozenset[Stream] = frozenset(STREAMS)
    filter: TaskFilter | None = None

    @classmethod
    def of(cls, asked: Subscribe) -> Subscription:
        """The subscription that a message asks for."""
        streams = STREAMS if asked.streams is UNSET else asked.streams
        return cls(frozenset(streams), None if asked.filter is UNSET else TaskFilter.of(asked.filter))

    def wants(self, type_: str) -> bool:
        """Whether messages of this type are among the streams."""
        return STREAM_OF_TYPE[type_] in self.streams


EVERYTHING = Subscription()


def marked_as_left(body: bytes) -> bytes:
    """A task's event as it is sent to those whose filter the task has left."""
    return _LEFT_HEAD + body.removeprefix(_TASK_HEAD)


class Log(NamedTuple):
    """The log of events that a position is held against: its name, the first event that is kept, and the newest."""

    epoch: str
    oldest: int
    newest: int


def reset_reason(since: int, epoch: str | None, log: Log) -> ResetReason | None:
    """Why a reader that has everything up to ``since`` cannot go on from there; None: it can.

    ``epoch`` None: the reader does not know of which log its position is, and is believed.
    """
    if epoch is not None and epoch != log.epoch:
        return "epoch"
    if since > log.newest:
        return "ahead"
    return "expired" if since + 1 < log.oldest else None


def _meets(wanted: TaskFilter, name: str, task: Told | Task) -> bool:
    if wanted.q is not None and name == "q":
        return wanted.q in _text(task)
    if wanted.tag is not None and name == "tag":
        return wanted.tag.issubset(task.tags)
    choices: frozenset[object] = getattr(wanted, name)
    if getattr(task, name) in choices:
        return True
    hosts = task.resources.hosts if name == "host" and task.resources is not None else None
    return hosts is not None and not choices.isdisjoint(hosts)


def _text(task: Told | Task) -> str:
    return "\n".join((task.name, task.description, task.message, task.key or "", *task.tags)).casefold()


def _before(event: Told) -> tuple[Told, set[str]]:
    """The task before the change, and the fields of which it is not known what they were."""
    known = {name: getattr(event.previous, name) for name in Previous.__struct_fields__}
    known = {name: value for name, value in known.items() if value is not UNSET}
    if "hosts" in known:  # if not, they were those of now
        known["resources"] = _Used(dict.fromkeys(known.pop("hosts"), msgspec.Raw(b"{}")))
    if event.previous_status is not None:
        known["status"] = event.previous_status
        if event.previous_status != "completed":
            known.setdefault("outcome", None)
    return msgspec.structs.replace(event, **known), set(event.changed - known.keys())
