"""What a watch of the stream gives, and how its kinds are named on the wire."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

from vain.flow.figures import Chart
from vain.notification import Notification
from vain.samples import Sample
from vain.types import Action, Status, Task, Time

EventType = Literal["taskUpdate", "notification", "performanceUpdate", "visualizationUpdate"]
EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


class TaskChange(Struct, frozen=True):
    """A task was created, updated or deleted: as it then was, which fields differ, and its status before."""

    action: Action
    task: Task
    changed: list[str] = []
    previous_status: Status | None = None
    seq: int | None = None
    """The number of the event."""
    timestamp: Time | None = None
    matches: bool = True
    """False: with this change the task is no longer what the watch asks for."""


class Snapshot(Struct, frozen=True):
    """All tasks that the watch asks for, as they were at event ``seq``; what comes next follows it.

    Comes first if it was asked for, and in place of events that are not to be had any more: then ``reset`` is True, and
    ``reason`` says why (``expired``: they left the log; ``epoch``: the server has other data, a restored backup say;
    ``ahead``: its data is older than what the watch has given).
    """

    tasks: list[Task]
    seq: int
    reset: bool = False
    reason: str | None = None
    timestamp: Time | None = None


class ChartsChange(Struct, frozen=True):
    """The charts of ``GET /visualizations`` that changed."""

    charts: list[Chart]
    timestamp: Time | None = None


Event = TaskChange | Notification | Sample | ChartsChange | Snapshot
