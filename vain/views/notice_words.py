"""What the browser is told of notifications: each as it is, many that merely went well as one line."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from msgspec import structs

from vain import words
from vain.catalog import metric_of
from vain.clock import unix
from vain.notification import Notification, ProcessPart, TaskPart
from vain.told import Fold

_FIELDS: Final = (
    "notification_id",
    "timestamp",
    "kind",
    "level",
    "title",
    "message",
    "task_id",
    "tasks",
    "read",
    "quiet",
)
_WENT_WELL: Final = {"task.completed": "completed", "task.skipped": "skipped"}
BEFORE_SECONDS, AFTER_SECONDS = 900.0, 300.0
"""What the timeline shows around the stretch of a notification."""
STRETCH_SECONDS: Final = 60.0
LONGEST_STRETCH_SECONDS: Final = 6 * 3_600.0
"""The stretch that is explained where no rule says how long it lasted."""


def entry(shown: Notification | Fold, opened: int) -> dict[str, Any]:
    """One line of the list. Of a fold, the newest ``opened`` come with it."""
    if isinstance(shown, Notification):
        return plain(shown)
    newest, oldest = shown.notifications[0], shown.notifications[-1]
    return {
        "fold": shown.name,
        "text": fold_words(shown),
        "from": oldest.timestamp,
        "to": newest.timestamp,
        "items": [plain(each) for each in shown.notifications[:opened]],
        "left": max(0, len(shown.notifications) - opened),
    }


def fold_words(fold: Fold) -> str:
    """``300 tasks completed``; if all say the same, ``sync completed, 300 times``.

    What else is quiet did not go well: a rule tells of it in other words, or nobody was to hear of it.
    """
    titles, kinds = ({getattr(each, name) for each in fold.notifications} for name in ("title", "kind"))
    count = len(fold.notifications)
    if len(titles) == 1:
        return f"{titles.pop()}, {count:,} times"
    went_well = sum(each.kind in _WENT_WELL for each in fold.notifications)
    if not went_well:
        return f"{count:,} told by rules, or in silence"
    done = " or ".join(word for kind, word in _WENT_WELL.items() if kind in kinds)
    others = f", {count - went_well:,} told by rules, or in silence" if count > went_well else ""
    return f"{went_well:,} task{'s' if went_well > 1 else ''} {done}{others}"


def plain(notification: Notification) -> dict[str, Any]:
    """What the browser needs of a notification."""
    everything = structs.asdict(notification)
    value, threshold = (amount(each, notification.metric) for each in (notification.value, notification.threshold))
    shown = {name: everything[name] for name in _FIELDS}
    parts: list[TaskPart | ProcessPart] = [*notification.shares, *notification.processes]
    used = [part for part in parts if part.share is not None]
    return {
        **shown,
        "value": value,
        "threshold": threshold,
        "moment": moment_address(notification),
        "used": [_part(part) for part in used],
    }


def _part(part: TaskPart | ProcessPart) -> dict[str, Any]:
    share = words.percent(100 * (part.share or 0.0))
    pid = part.pid if isinstance(part, ProcessPart) else None
    return {"name": part.name, "share": share, "task_id": part.task_id, "pid": pid}


def amount(value: float | None, series: str | None) -> str:
    """A value of a series with its unit; nothing where there is none."""
    metric = metric_of(series) if series else None
    return "" if value is None else words.quantity(value, metric.unit if metric else "count")


def moment_address(notification: Notification) -> str:
    """The timeline around a notification, with the stretch that it is about explained.

    What a rule says began where it says; else the last minute is explained.
    """
    at = unix(notification.timestamp)
    begin = at - _lasted_seconds(notification)
    shown = {"after": begin - BEFORE_SECONDS, "before": at + AFTER_SECONDS, "from": begin, "to": at}
    of_host = {"host": notification.host} if notification.host else {}
    return f"./?{urlencode({**of_host, **{name: f'{value:.0f}' for name, value in shown.items()}})}"


def _lasted_seconds(notification: Notification) -> float:
    if notification.since is None:
        return STRETCH_SECONDS
    lasted = unix(notification.timestamp) - unix(notification.since)
    return min(max(STRETCH_SECONDS, lasted), LONGEST_STRETCH_SECONDS)
