"""What ``vain watch`` does: a line for each event, for people or, with ``--json``, for programs."""

from __future__ import annotations

import select
import threading
import time
from argparse import Namespace
from typing import TextIO

import msgspec

from vain.blocking import BlockingWatch
from vain.client import Client
from vain.clock import now, unix
from vain.happened import ChartsChange, Event, EventType, Snapshot, TaskChange
from vain.notification import Notification
from vain.samples import Sample
from vain.setting_types import Settings
from vain.terminal import Screen, cut, safe, safe_json, width_of
from vain.types import FAILURES

SUCCESS, FAILURE = 0, 1
SUBJECT_WIDTH, WORD_WIDTH = 8, 11
SHOWN_TYPES: tuple[EventType, ...] = ("taskUpdate", "notification")
"""Without ``--type``: a line each second for the machine would bury them."""
DIM, RED, YELLOW, GREEN, CYAN = "2", "31", "33", "32", "36"
COLORS = {
    "pending": YELLOW,
    "in-progress": CYAN,
    "succeeded": GREEN,
    "deleted": DIM,
    "left": DIM,
    "warning": YELLOW,
    "error": RED,
    "reset": YELLOW,
    **dict.fromkeys(FAILURES, RED),
}


def watch(args: Namespace, settings: Settings, screen: Screen) -> int:
    """``vain watch``: until Ctrl-C, or until nobody reads any more."""
    show = _json_line if args.json else Lines(screen).line
    with Client(settings.url, settings.api_key, settings.timeout_seconds) as client:
        # Notifications are of all tasks: who asks for some does not mean those.
        types = args.type or (SHOWN_TYPES[:1] if args.task or args.tag or args.task_host else SHOWN_TYPES)
        watched = client.watch(types, args.since, task_id=args.task, tag=args.tag, host=args.task_host)
        with watched:
            _end_with_reader(watched, screen.out)
            for event in watched:
                screen.print(show(event, watched.position))
                screen.out.flush()
    return FAILURE


class Lines:
    """Events as aligned lines: when, what, a word, the rest."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def line(self, event: Event, position: str | None) -> str:
        """One event; times are local."""
        timestamp, subject, word, rest = told(event)
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix(timestamp or now())))
        cells = f"{_padded(subject, SUBJECT_WIDTH)}  "
        used = len(when) + 2 + width_of(cells) + max(WORD_WIDTH, width_of(word)) + 2
        rest = safe(rest)
        if self._screen.width is not None:
            rest = cut(rest, max(1, self._screen.width - used))
        styled = self._screen.styled(word, COLORS.get(word, "")) + " " * max(0, WORD_WIDTH - width_of(word))
        return f"{self._screen.styled(when, DIM)}  {cells}{styled}  {rest}".rstrip()


def told(event: Event) -> tuple[str | None, str, str, str]:
    """When an event was, what it is about, a word for what happened, and the rest."""
    match event:
        case TaskChange():
            return event.timestamp, f"task {event.task.task_id}", _word(event), _rest(event)
        case Notification():
            return event.timestamp, "notice", event.level, ": ".join(filter(None, (event.title, event.message)))
        case Sample():
            figures = {"CPU": event.cpu_usage, "memory": event.memory_usage, "disk": event.disk_usage}
            known = (f"{name} {'?' if value is None else f'{value:.1f} %'}" for name, value in figures.items())
            return event.timestamp, "machine", "", "  ".join(known)
        case ChartsChange():
            return event.timestamp, "charts", "", ", ".join(chart.id for chart in event.charts)
        case Snapshot():
            lost = f"what happened meanwhile is not to be had ({event.reason}); there are now {len(event.tasks)} tasks"
            return event.timestamp, "stream", "reset", lost


def _word(event: TaskChange) -> str:
    task = event.task
    if event.action != "updated":
        return event.action
    if not event.matches:
        return "left"
    if event.previous_status is not None and event.previous_status != task.status:
        return task.outcome or task.status
    if "progress" in event.changed and task.progress is not None:
        return f"{task.progress:.0f} %"
    return "changed"


def _rest(event: TaskChange) -> str:
    """The name, and what a person wants to know of the change."""
    task, name = event.task, event.task.name
    if task.error is not None and "error" in event.changed:
        return f"{name}: {task.error.type}: {task.error.message}"
    if task.message and "message" in event.changed:
        return f"{name}: {task.message}"
    if _word(event) == "changed" and event.changed:
        return f"{name} ({', '.join(event.changed)})"
    return name


def _json_line(event: Event, position: str | None) -> str:
    """The event as on the wire, with the position after it."""
    fields = msgspec.to_builtins(event)
    if isinstance(event, TaskChange):
        fields |= fields.pop("task")
    return safe_json({"type": TYPES[type(event)], "position": position, **fields})


TYPES: dict[type, str] = {
    TaskChange: "taskUpdate",
    Notification: "notification",
    Sample: "performanceUpdate",
    ChartsChange: "visualizationUpdate",
    Snapshot: "snapshot",
}


def _padded(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def _end_with_reader(watched: BlockingWatch, out: TextIO) -> None:
    """Has the watch end when nobody reads what is printed (``| head``), not only when the next event is written."""
    try:
        number = out.fileno()
    except OSError:  # no file of the system
        return

    def wait() -> None:
        poll = select.poll()
        poll.register(number, 0)  # an end of the reader is told unasked
        poll.poll()
        watched.close()

    if not out.isatty():
        threading.Thread(target=wait, name="vain-reader", daemon=True).start()
