"""The words of vAIn: tasks, events and notifications, as they stand on the wire.

Every type is a frozen ``msgspec.Struct``; the same types validate what comes in and encode what goes out. Times are
strings in one canonical form, RFC 3339 in UTC with milliseconds (``2026-11-23T03:06:00.123Z``), so that they compare in
order as text; ``vain.codec.parse_time`` brings any RFC 3339 time into it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

LARGEST_INTEGER = 2**53 - 1
"""Integers beyond this are not exact in JavaScript, so none goes over the wire."""

LARGEST_LOG_BYTES = 64 << 10
"""The end of a task's output that is kept."""
BEAT_SECONDS = 15.0
"""How often a process that reports says that it lives, when it has nothing else to say."""
LARGEST_IMPORT_BYTES = 16 << 20
"""Of one body of samples; a larger file is sent in parts."""
TABLE_TYPES = {
    "csv": "text/csv",
    "arrow": "application/vnd.apache.arrow.stream",
    "parquet": "application/vnd.apache.parquet",
}
"""The media types of the history as a table."""

Time = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Status = Literal["pending", "in-progress", "completed"]
Priority = Literal["low", "medium", "high"]
Outcome = Literal["succeeded", "failed", "cancelled", "timed-out", "crashed", "skipped"]
Action = Literal["created", "updated", "deleted"]
Level = Literal["info", "warning", "error"]
Role = Literal["read", "write", "admin"]
KeyRole = Literal["agent", "read", "write", "admin"]
"""An agent may write what it sees of its own host, and read nothing."""

STATUSES: tuple[Status, ...] = ("pending", "in-progress", "completed")
PRIORITIES: tuple[Priority, ...] = ("low", "medium", "high")
"""From the least to the most urgent: a position here is the rank by which ``priority`` sorts."""
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "failed", "cancelled", "timed-out", "crashed", "skipped")
FAILURES: frozenset[str] = frozenset({"failed", "timed-out", "crashed"})
ROLES: tuple[Role, ...] = ("read", "write", "admin")
"""From the weakest to the strongest; each may do all that those before it may."""
KEY_ROLES: tuple[KeyRole, ...] = ("agent", *ROLES)

Name = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema={"pattern": r"\S"})]
Text = Annotated[str, Meta(max_length=10_000)]
Line = Annotated[str, Meta(max_length=500)]
Label = Annotated[str, Meta(min_length=1, max_length=64)]
Tags = Annotated[list[Label], Meta(max_length=32)]
SourceHost = Annotated[str, Meta(min_length=1, max_length=255)]
"""What a task's source calls its machine, as it is asked for."""
TaskId = Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Amount = Annotated[float, Meta(ge=0, le=LARGEST_INTEGER)]
Seconds = Annotated[float, Meta(gt=0, le=LARGEST_INTEGER)]
WholeNumber = Annotated[int, Meta(ge=-LARGEST_INTEGER, le=LARGEST_INTEGER)]
MetadataValue = Annotated[str, Meta(max_length=2_000)] | bool | WholeNumber | float
Metadata = Annotated[dict[Label, MetadataValue], Meta(max_length=50)]


class TaskError(Struct, frozen=True, forbid_unknown_fields=True):
    """What went wrong in a task that failed."""

    type: Annotated[str, Meta(max_length=200)]
    message: Annotated[str, Meta(max_length=2_000)] = ""
    traceback: Annotated[str, Meta(max_length=64_000)] | None = None


class TaskSource(Struct, frozen=True, forbid_unknown_fields=True):
    """The process that does the work. Never its environment."""

    host: Annotated[str, Meta(max_length=255)] | None = None
    pid: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    pid_started_at: Time | None = None
    boot_id: Annotated[str, Meta(max_length=64)] | None = None
    command: Annotated[str, Meta(max_length=2_000)] | None = None
    kind: Annotated[str, Meta(max_length=64)] | None = None


class Eta(Struct, frozen=True):
    """When a task is expected to end, as a range, and what that rests on."""

    at: Time
    low: Time
    high: Time
    basis: str


class HostResources(Struct, frozen=True, omit_defaults=True):
    """What the processes of a task have used on one host; what is left out is unknown.

    Totals (``cpu_seconds``, ``read_bytes``, ``written_bytes``) and peaks stay with the task for ever. The others are
    the last that was seen, and None once the task is completed.
    """

    cpu_seconds: float | None = None
    """Of all processes, those that have ended among them."""
    cpu_percent: float | None = None
    """Of one core, so that four busy cores are 400."""
    cpu_percent_peak: float | None = None
    rss_bytes: int | None = None
    """The sum over the processes; what they share counts for each."""
    rss_peak_bytes: int | None = None
    pss_bytes: int | None = None
    """The same with shared pages divided among those who share them."""
    pss_peak_bytes: int | None = None
    read_bytes: int | None = None
    """From storage; what the page cache had is not among it."""
    written_bytes: int | None = None
    threads: int | None = None
    processes: int | None = None
    gpu_memory_bytes: int | None = None
    gpu_memory_peak_bytes: int | None = None
    gpu_percent: float | None = None
    basis: dict[str, str] = {}
    """How each kind of figure was got: ``{"cpu": "tree", "memory": "pss", "io": "proc-io"}``."""
    since: Time | None = None
    """When the watch began; None: with the task."""


class Resources(HostResources, frozen=True, omit_defaults=False):
    """What all processes of a task have used since it started, on all hosts; unknown is None.

    Totals (``cpu_seconds``, ``read_bytes``, ``written_bytes``) and peaks stay with the task for ever. The others are
    the last that was seen, and None once the task is completed. Of several hosts each figure is the sum of what is
    known; a peak is the largest sum that was seen at one time, and no less than that of any host.
    """

    hosts: dict[str, HostResources] | None = None
    """What of it was used on each host; None: all of it where the task's process is."""


class Usage(Struct, frozen=True, forbid_unknown_fields=True):
    """What a process itself measured when its task ended (``wait4``, ``getrusage``)."""

    cpu_seconds: Amount | None = None
    rss_peak_bytes: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    read_bytes: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None
    written_bytes: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None = None


class Task(Struct, frozen=True):
    """A piece of work. The first five fields are the user's contract; ``docs/rest.md`` explains the others."""

    task_id: int
    name: str
    status: Status
    priority: Priority
    created_at: Time
    description: str = ""
    message: str = ""
    tags: list[str] = []
    progress: float | None = None
    current: float | None = None
    total: float | None = None
    unit: str | None = None
    outcome: Outcome | None = None
    exit_code: int | None = None
    error: TaskError | None = None
    key: str | None = None
    parent_id: int | None = None
    due_at: Time | None = None
    expect_next_in: float | None = None
    metadata: dict[str, MetadataValue] = {}
    source: TaskSource | None = None
    started_at: Time | None = None
    completed_at: Time | None = None
    updated_at: Time | None = None
    heartbeat_at: Time | None = None
    version: int = 1
    attempt: int = 1
    stale: bool = False
    overdue: bool = False
    eta: Eta | None = None
    resources: Resources | None = None

    @property
    def host(self) -> str | None:
        """The machine on which the work is done, as its source calls it."""
        return None if self.source is None else self.source.host


SERVER_FIELDS = (
    "task_id created_at started_at completed_at updated_at heartbeat_at version attempt stale overdue eta resources"
).split()
"""The server alone writes these; in a body they are read over, so that GET, edit, PUT works."""


class TaskPatch(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a client may set on a task; what is ``UNSET`` was not given. The body of ``PUT /tasks/{task_id}``."""

    name: Name | UnsetType = UNSET
    status: Status | UnsetType = UNSET
    priority: Priority | UnsetType = UNSET
    description: Text | UnsetType = UNSET
    message: Line | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    progress: Percent | None | UnsetType = UNSET
    current: Amount | None | UnsetType = UNSET
    total: Amount | None | UnsetType = UNSET
    unit: Label | None | UnsetType = UNSET
    outcome: Outcome | None | UnsetType = UNSET
    exit_code: WholeNumber | None | UnsetType = UNSET
    error: TaskError | None | UnsetType = UNSET
    key: Label | None | UnsetType = UNSET
    parent_id: TaskId | None | UnsetType = UNSET
    due_at: Time | None | UnsetType = UNSET
    expect_next_in: Seconds | None | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET
    source: TaskSource | None | UnsetType = UNSET
    usage: Usage | None | UnsetType = UNSET
    """Goes into ``resources`` when the task ends."""
    # Owned by the server: accepted in any form and read over.
    task_id: Raw | UnsetType = UNSET
    created_at: Raw | UnsetType = UNSET
    started_at: Raw | UnsetType = UNSET
    completed_at: Raw | UnsetType = UNSET
    updated_at: Raw | UnsetType = UNSET
    heartbeat_at: Raw | UnsetType = UNSET
    version: Raw | UnsetType = UNSET
    attempt: Raw | UnsetType = UNSET
    stale: Raw | UnsetType = UNSET
    overdue: Raw | UnsetType = UNSET
    eta: Raw | UnsetType = UNSET
    resources: Raw | UnsetType = UNSET


class TaskErrorMerge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of ``error`` is changed; null takes a value away."""

    type: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    message: Annotated[str, Meta(max_length=2_000)] | None | UnsetType = UNSET
    traceback: Annotated[str, Meta(max_length=64_000)] | None | UnsetType = UNSET


class TaskSourceMerge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What of ``source`` is changed; null takes a value away."""

    host: Annotated[str, Meta(max_length=255)] | None | UnsetType = UNSET
    pid: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | None | UnsetType = UNSET
    pid_started_at: str | None | UnsetType = UNSET
    boot_id: Annotated[str, Meta(max_length=64)] | None | UnsetType = UNSET
    command: Annotated[str, Meta(max_length=2_000)] | None | UnsetType = UNSET
    kind: Annotated[str, Meta(max_length=64)] | None | UnsetType = UNSET


class TaskMerge(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The body of ``PATCH /tasks/{task_id}``: a merge patch (RFC 7396).

    ``null`` resets a field to what a new task has, and takes a value out of ``metadata``, ``error`` and ``source``,
    whose other values stay; a list is replaced as a whole.
    """

    name: Name | UnsetType = UNSET
    status: Status | None | UnsetType = UNSET
    priority: Priority | None | UnsetType = UNSET
    description: Text | None | UnsetType = UNSET
    message: Line | None | UnsetType = UNSET
    tags: Tags | None | UnsetType = UNSET
    progress: Percent | None | UnsetType = UNSET
    current: Amount | None | UnsetType = UNSET
    total: Amount | None | UnsetType = UNSET
    unit: Label | None | UnsetType = UNSET
    outcome: Outcome | None | UnsetType = UNSET
    exit_code: WholeNumber | None | UnsetType = UNSET
    error: TaskErrorMerge | None | UnsetType = UNSET
    key: Label | None | UnsetType = UNSET
    parent_id: TaskId | None | UnsetType = UNSET
    due_at: str | None | UnsetType = UNSET
    expect_next_in: Seconds | None | UnsetType = UNSET
    metadata: Annotated[dict[Label, MetadataValue | None], Meta(max_length=100)] | None | UnsetType = UNSET
    source: TaskSourceMerge | None | UnsetType = UNSET
    usage: Usage | None | UnsetType = UNSET
    """Goes into ``resources`` when the task ends."""
    # Owned by the server: accepted in any form and read over.
    task_id: Raw | UnsetType = UNSET
    created_at: Raw | UnsetType = UNSET
    started_at: Raw | UnsetType = UNSET
    completed_at: Raw | UnsetType = UNSET
    updated_at: Raw | UnsetType = UNSET
    heartbeat_at: Raw | UnsetType = UNSET
    version: Raw | UnsetType = UNSET
    attempt: Raw | UnsetType = UNSET
    stale: Raw | UnsetType = UNSET
    overdue: Raw | UnsetType = UNSET
    eta: Raw | UnsetType = UNSET
    resources: Raw | UnsetType = UNSET


class TaskDraft(TaskPatch, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A task that is to be made; only ``name`` is needed. The body of ``POST /tasks``."""

    name: Name


CLIENT_FIELDS = tuple(f for f in TaskPatch.__struct_fields__ if f not in (*SERVER_FIELDS, "usage"))


class Event(Struct, frozen=True):
    """One entry of the log: the number it was committed under, and the very JSON that is sent."""

    seq: int
    type: Literal["taskUpdate", "notification"]
    body: bytes


class TaskEventHead(Struct, frozen=True):
    """What is looked at in an event of a task by those who need no more than to know which it is."""

    task_id: int
    action: Action = "updated"


Trouble = Literal["stale", "overdue", "late", "failed", "any"]
"""``late``: stale or overdue; ``failed``: an outcome of ``FAILURES``; ``any``: one of all these."""


class TaskQuery(Struct, frozen=True):
    """Which tasks, in which order, which part of them. ``None`` and ``""`` mean "any"."""

    status: Status | None = None
    priority: Priority | None = None
    outcome: Outcome | None = None
    text: str = ""
    """Found in the name, the description, the message, the key or a tag; case does not count."""
    sort: str = "-created_at"
    """A column of ``SORTS``, with ``-`` in front for the other direction."""
    limit: int = 50
    offset: int = 0
    tag: str | None = None
    trouble: Trouble | None = None
    completed_after: Time | None = None
    """Completed at this time or later."""
    task_id: int | None = None
    host: str | None = None
    """The ``host`` of its source, or one on which it had others than its own process."""


SORTS = ("created_at", "updated_at", "completed_at", "due_at", "name", "status", "priority", "progress", "task_id")


class TaskCounts(Struct, frozen=True):
    """How many tasks there are, by status; ``failed`` are those of ``completed`` that did not succeed."""

    pending: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    overdue: int = 0


class TaskPage(Struct, frozen=True):
    """One page of what matches a query, how many match in all, the counts of all tasks, and the ``seq`` shown."""

    tasks: list[Task]
    total: int
    counts: TaskCounts
    seq: int
