"""Every message of the stream (``/ws/tasks``, ``/events``) as a type: what the server sends, and what a client may.

``ServerMessage`` and ``ClientMessage`` decode by the field ``type``. A client that does not offer ``vain.v1`` and sends
nothing gets the first four alone. Whoever reads a server's messages reads over types and fields that it does not know;
the server does not: a field of a client's message that there is not is an error. ``docs/stream.md`` tells it in words.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from vain.flow.figures import Chart
from vain.notification import Notification
from vain.samples import Sample
from vain.types import (
    LARGEST_INTEGER,
    Action,
    Label,
    Outcome,
    Priority,
    SourceHost,
    Status,
    Task,
    TaskId,
    TaskSource,
    Time,
)

PROTOCOL = "vain.v1"
"""The subprotocol that a client offers to be asked what it wants."""
KEY_PROTOCOL = "vain.bearer."
"""In front of an API key in base64url without padding, offered as another subprotocol; it is never echoed."""

Stream = Literal["tasks", "performance", "visualizations", "notifications"]
STREAMS: tuple[Stream, ...] = ("tasks", "performance", "visualizations", "notifications")
ResetReason = Literal["epoch", "ahead", "expired"]
"""Why a position cannot be gone on from: it is of another log, after its end, or before what is kept of it."""

MOST_CHOICES = 100
LONGEST_TEXT = 200
LONGEST_SECRET = 256

Seq = Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)]
Epoch = Annotated[str, Meta(min_length=1, max_length=64)]
Choices = Meta(min_length=1, max_length=MOST_CHOICES)


class Previous(Struct, frozen=True, omit_defaults=True):
    """What those of a task's fields were before a change that a filter may ask for; the status stands by itself."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    outcome: Outcome | None | UnsetType = UNSET
    key: str | None | UnsetType = UNSET
    parent_id: int | None | UnsetType = UNSET
    source: TaskSource | None | UnsetType = UNSET
    hosts: list[str] | UnsetType = UNSET
    """Those of ``resources``, where some of them are not there any more."""


class TaskUpdate(Task, frozen=True, kw_only=True, tag_field="type", tag="taskUpdate"):
    """A task was created, changed or deleted: the whole task as it is now (a deleted one as it last was)."""

    seq: int
    timestamp: Time
    action: Action
    changed: list[str]
    """The names of the fields that differ."""
    previous_status: Status | None = None
    """None: it was created."""
    previous: Previous | UnsetType = UNSET
    """Not sent where none of these fields changed, nor with events that were stored before there was such a field."""
    matches: bool = True
    """False: with this change the task is no longer what the filter asks for. Not sent otherwise."""


class NotificationMessage(Notification, frozen=True, kw_only=True, tag_field="type", tag="notification"):
    """Something that a person should know."""

    seq: int


class PerformanceUpdate(Sample, frozen=True, kw_only=True, tag_field="type", tag="performanceUpdate"):
    """A sample of the machine: what ``GET /performance`` answers. Newest-wins: it has no number."""


class VisualizationUpdate(Struct, frozen=True, tag_field="type", tag="visualizationUpdate"):
    """The charts of ``GET /visualizations`` that changed. Newest-wins for each chart."""

    timestamp: Time
    charts: list[Chart]


class Snapshot(Struct, frozen=True, tag_field="type", tag="snapshot"):
    """The answer to a ``subscribe`` that begins anew: all tasks that match, as they are after event ``seq``.

    It comes in as many messages as it needs; ``more`` says that another follows. They are applied in order: ``tasks``
    are set (one may come again, newer), ``removed`` are taken out. Only after the last one all is as of its ``seq``,
    which is the position to go on from.
    """

    timestamp: Time
    epoch: str
    seq: int
    reset: bool
    """The position that was asked for could not be gone on from: what the client holds is no longer the truth."""
    tasks: list[Task]
    reason: ResetReason | None = None
    """Why, with ``reset``."""
    removed: list[int] = []
    """Tasks of earlier parts that are gone, or no longer match."""
    more: bool = False


class Resumed(Struct, frozen=True, tag_field="type", tag="resumed"):
    """The answer to a ``subscribe`` that goes on: what follows is everything after ``seq``."""

    timestamp: Time
    epoch: str
    seq: int


class Unsubscribed(Struct, frozen=True, tag_field="type", tag="unsubscribed"):
    """The answer to ``unsubscribe``: no event comes from now on."""

    timestamp: Time
    epoch: str
    seq: int | None
    """Where to go on later. None: nothing was subscribed to, or its answer had not come."""


class Bookmark(Struct, frozen=True, tag_field="type", tag="bookmark"):
    """Everything up to ``seq`` that the subscription lets through was sent; each 15 s, and after what a filter held."""

    timestamp: Time
    epoch: str
    seq: int


class Goaway(Struct, frozen=True, tag_field="type", tag="goaway"):
    """The server is about to end: the connection closes with 1012; come back after so many seconds."""

    timestamp: Time
    retry_seconds: float


class ErrorFlaw(Struct, frozen=True, omit_defaults=True):
    """One thing that was wrong in a message, and where (a JSON pointer into it)."""

    detail: str
    pointer: str | None = None


class ErrorMessage(Struct, frozen=True, tag_field="type", tag="error"):
    """A message of the client could not be understood and changed nothing; the fields are those of problem+json."""

    timestamp: Time
    title: str
    status: int
    detail: str
    problem: str = ""
    """The ``type`` of the problem: this field's own name is taken."""
    errors: list[ErrorFlaw] = []


class Filter(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which tasks: all that is given must hold. Of several values any is right, of several tags all are needed.

    The names are those of the filters of ``GET /tasks``. Holds for ``taskUpdate`` and the snapshot alone.
    """

    task_id: TaskId | Annotated[list[TaskId], Choices] | UnsetType = UNSET
    status: Status | Annotated[list[Status], Choices] | UnsetType = UNSET
    priority: Priority | Annotated[list[Priority], Choices] | UnsetType = UNSET
    outcome: Outcome | Annotated[list[Outcome], Choices] | UnsetType = UNSET
    tag: Label | Annotated[list[Label], Choices] | UnsetType = UNSET
    key: Label | Annotated[list[Label], Choices] | UnsetType = UNSET
    parent_id: TaskId | Annotated[list[TaskId], Choices] | UnsetType = UNSET
    host: SourceHost | Annotated[list[SourceHost], Choices] | UnsetType = UNSET
    """The ``host`` of its source, exactly; or one on which it had others than its own process."""
    q: Annotated[str, Meta(min_length=1, max_length=LONGEST_TEXT)] | UnsetType = UNSET
    """Text in the name, the description, the message, the key or a tag; case does not count."""


class Subscribe(Struct, frozen=True, tag_field="type", tag="subscribe", forbid_unknown_fields=True, omit_defaults=True):
    """What a client wants from now on, in place of what it wanted before.

    With ``since`` (and the ``epoch`` that it is of) everything after that event; without, first a snapshot.
    """

    since: Seq | UnsetType = UNSET
    epoch: Epoch | UnsetType = UNSET
    streams: Annotated[list[Stream], Choices] | UnsetType = UNSET
    """All four, if not given."""
    filter: Filter | UnsetType = UNSET
    snapshot: bool = True
    """False, and no ``since``: begin now, without the tasks; the answer is ``resumed``."""


class Unsubscribe(Struct, frozen=True, tag_field="type", tag="unsubscribe", forbid_unknown_fields=True):
    """Nothing more, but keep the connection."""


class Auth(Struct, frozen=True, tag_field="type", tag="auth", forbid_unknown_fields=True):
    """The API key, as the first message of a client that could send it no other way; or a new one, later."""

    token: Annotated[str, Meta(min_length=1, max_length=LONGEST_SECRET)]


ServerMessage = (
    TaskUpdate
    | NotificationMessage
    | PerformanceUpdate
    | VisualizationUpdate
    | Snapshot
    | Resumed
    | Unsubscribed
    | Bookmark
    | Goaway
    | ErrorMessage
)
ClientMessage = Subscribe | Unsubscribe | Auth
