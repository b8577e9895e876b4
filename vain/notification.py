"""What a person is told, as it stands on the wire and before it is stored."""

from __future__ import annotations

from msgspec import Struct

from vain.types import Level, Time


class TaskPart(Struct, frozen=True):
    """A task that ran then, and its part (0 to 1) of what the metric measures; None: not known."""

    task_id: int
    name: str
    share: float | None


class ProcessPart(Struct, frozen=True):
    """One of the processes that used most then; ``task_id`` is that of its task, if it is of one."""

    pid: int
    name: str
    share: float | None
    task_id: int | None = None


class Notification(Struct, frozen=True):
    """Something that a person should know. Stored, and sent once on ``/ws/tasks``."""

    notification_id: int
    timestamp: Time
    kind: str
    level: Level
    title: str
    message: str = ""
    task_id: int | None = None
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    tasks: list[int] = []
    """The tasks that ran then, by number."""
    quiet: bool = False
    """Nobody needs to look at it: a short task, for which nobody waits, went well."""
    read: bool = False
    rule: str | None = None
    """The rule that says so."""
    since: Time | None = None
    """When what a rule watches for began."""
    duration_seconds: float | None = None
    """Of a rule that is over: how long it lasted, from ``since`` on."""
    fired_by: int | None = None
    """Of a reminder and of an end: the notification with which it began."""
    shares: list[TaskPart] = []
    """Tasks that ran then, the largest share first."""
    processes: list[ProcessPart] = []
    """The processes that used most then."""
    url: str | None = None
    """That moment, or the task, on the dashboard: relative to the address of the server."""
    channels: list[str] | None = None
    """Where else it is told; None: everywhere."""
    host: str | None = None
    """The machine of ``metric``; None: the server's own."""


class Notice(Struct, frozen=True):
    """A notification before it is stored: what the rules say should be told."""

    kind: str
    level: Level
    title: str
    message: str = ""
    task_id: int | None = None
    metric: str | None = None
    value: float | None = None
    threshold: float | None = None
    quiet: bool = False
    rule: str | None = None
    since: Time | None = None
    duration_seconds: float | None = None
    fired_by: int | None = None
    shares: list[TaskPart] = []
    processes: list[ProcessPart] = []
    url: str | None = None
    channels: list[str] | None = None
    host: str | None = None
