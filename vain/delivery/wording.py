"""A notification as a message: what, how much, since when, what ran then, and where to look. Plain text. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from vain import words
from vain.delivery.sending import Message
from vain.notification import Notification, ProcessPart, TaskPart

LONGEST_TITLE = 120
MOST_LISTED = 20
"""So many notifications are written out in one message; the rest is counted."""
MOST_PARTS = 5


class Voice(Struct, frozen=True):
    """Who speaks: ``host`` is this machine's name, ``base_url`` the address of its dashboard, without a last slash."""

    host: str
    base_url: str

    def link(self, notification: Notification) -> str:
        """Where to look: the moment or the task it is about, else the list."""
        return f"{self.base_url}{notification.url or '/alerts'}"

    def message(self, notifications: Sequence[Notification]) -> Message:
        """One or more notifications as one message."""
        if len(notifications) == 1:
            return self._of_one(notifications[0])
        listed = [_paragraph(each) for each in notifications[:MOST_LISTED]]
        if len(notifications) > MOST_LISTED:
            listed.append(f"And {len(notifications) - MOST_LISTED} more.")
        titles = ", ".join(_line(each.title) for each in notifications)
        title = f"{self.host}: {len(notifications)} notifications: {titles}"
        return Message(_cut(title), "\n\n".join((*listed, f"{self.base_url}/alerts")))

    def _of_one(self, notification: Notification) -> Message:
        lines = [*_lines(notification), self.link(notification)]
        return Message(_cut(f"{self.host}: {_line(notification.title)}"), "\n".join(lines))


def _paragraph(notification: Notification) -> str:
    return "\n".join((_line(notification.title), *_lines(notification)))


def _lines(notification: Notification) -> list[str]:
    lines = [notification.message.strip()] if notification.message.strip() else []
    if notification.since is not None:
        lines.append(f"Since {words.moment(notification.since)}.")
    if notification.duration_seconds is not None and notification.kind == "rule.cleared":
        lines.append(f"It lasted {words.duration(notification.duration_seconds)}.")
    if notification.shares:
        lines.append(f"Tasks that ran then: {_listed(notification.shares)}.")
    elif notification.tasks and notification.task_id is None:
        count = len(notification.tasks)
        lines.append(f"{count} {'task' if count == 1 else 'tasks'} ran then.")
    if notification.processes:
        lines.append(f"Processes that used most: {_listed(notification.processes)}.")
    return lines


def _listed(parts: Sequence[TaskPart] | Sequence[ProcessPart]) -> str:
    return ", ".join(_part(each) for each in parts[:MOST_PARTS])


def _part(part: TaskPart | ProcessPart) -> str:
    name = _line(part.name) if isinstance(part, TaskPart) else f"{_line(part.name)} ({part.pid})"
    return name if part.share is None else f"{name} {words.percent(100 * part.share)}"


def _line(text: str) -> str:
    """On one line, and without characters that control a terminal or a header."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _cut(title: str) -> str:
    return title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1]}…"
