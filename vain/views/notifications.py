"""What a person should know: the list of notifications, and their count in the header.

Titles and messages may hold anything that somebody wrote; both components set them as text.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final
from urllib.parse import urlencode

import panel as pn
import param
from msgspec import structs
from panel.custom import JSComponent

from vain import words
from vain.alerts import DEFAULT_RULES, Rule
from vain.catalog import metric_of
from vain.clock import unix
from vain.types import Notification
from vain.views.live import Live
from vain.views.text import asset

SHOWN: Final = 50
"""So many notifications are read and listed; a bell that counts more says ``50+``."""
LISTED: Final = 200
"""So many does the page of notifications read; a source over HTTP keeps no more."""
_FIELDS: Final = ("notification_id", "timestamp", "kind", "level", "title", "message", "task_id", "tasks", "read")
BEFORE_SECONDS, AFTER_SECONDS = 900.0, 300.0
"""What the timeline shows around the stretch of a notification."""
STRETCH_SECONDS: Final = 60.0
"""The stretch that is explained where no rule says how long it lasted."""


class NotificationList(JSComponent):
    """The browser's side of the list. Sends ``{"read": [notification_id, ...]}``."""

    items = param.List(default=[], item_type=dict)
    may_write = param.Boolean(default=False)
    is_read = param.Boolean(default=False, doc="Whether items were read from the source yet")
    rules = param.List(default=[], item_type=str, doc="In words, what is watched for")
    most = param.Integer(default=LISTED, doc="How many are read at most")

    _esm = "\n".join(map(asset, ("address.js", "notifications.js")))
    _stylesheets: ClassVar[list[str]] = [asset("notifications.css")]


class BellCount(JSComponent):
    """The browser's side of the bell: a link to the list, with the number of those that nobody read."""

    text = param.String(default="")
    is_urgent = param.Boolean(default=False, doc="Whether a warning or an error is among them")

    _esm = asset("bell.js")
    _stylesheets: ClassVar[list[str]] = [asset("bell.css")]


class Newest:
    """Reads the newest notifications over a ``Live`` and shows them, now and whenever something has changed."""

    def __init__(self, live: Live, show: Callable[[list[Notification]], None], most: int = SHOWN) -> None:
        self._live, self._show, self._most = live, show, most
        self._seen_seq = -1
        live.param.watch(lambda _event: self._follow(), "tick")
        self.renew()

    def renew(self) -> None:
        """Reads them again."""
        self._seen_seq = self._live.seq
        self._live.fetch(partial(self._live.source.notifications, self._most), self._show)

    def _follow(self) -> None:
        if self._seen_seq != self._live.seq:
            self.renew()


class Notifications(pn.viewable.Viewer):
    """The list over a ``Live``, newest first; those who may change something can mark entries as read."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self._list = NotificationList(
            may_write=live.may_write, rules=[rule_words(rule) for rule in DEFAULT_RULES], margin=0
        )
        self._list.sizing_mode = "stretch_width"
        self._list.on_msg(self._marked)
        self._newest = Newest(live, self._show, LISTED)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._list

    def _show(self, notifications: list[Notification]) -> None:
        self._list.param.update(items=[plain(notification) for notification in notifications], is_read=True)

    def _marked(self, event: Any) -> None:
        asked = event.data.get("read") if isinstance(event.data, dict) else None
        listed = {item["notification_id"] for item in self._list.items}
        # The browser may send anything; only what it was shown can be marked, and only by who may write.
        if self.live.may_write and isinstance(asked, list):
            known = [each for each in asked if isinstance(each, int) and each in listed]
            self.live.fetch(partial(self._mark, known), self._show)

    async def _mark(self, numbers: list[int]) -> list[Notification]:
        await asyncio.gather(*map(self.live.source.read_notification, numbers))
        return await self.live.source.notifications(LISTED)


class Bell(pn.viewable.Viewer):
    """The bell over a ``Live``."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self._count = BellCount(margin=0)
        self._newest = Newest(live, self._show)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._count

    def _show(self, notifications: list[Notification]) -> None:
        self._count.param.update(text=unread(notifications), is_urgent=is_urgent(notifications))


def unread(notifications: list[Notification]) -> str:
    """How many of them nobody read: nothing for none, ``50+`` if all that were asked for are unread."""
    number = sum(not notification.read for notification in notifications)
    return f"{SHOWN}+" if number >= SHOWN else str(number or "")


def is_urgent(notifications: list[Notification]) -> bool:
    """Whether a warning or an error is unread: what merely ended is no alarm."""
    return any(not each.read and each.level != "info" for each in notifications)


def plain(notification: Notification) -> dict[str, Any]:
    """What the browser needs of a notification."""
    everything = structs.asdict(notification)
    value, threshold = (amount(each, notification.metric) for each in (notification.value, notification.threshold))
    shown = {name: everything[name] for name in _FIELDS}
    return {**shown, "value": value, "threshold": threshold, "moment": moment_address(notification)}


def amount(value: float | None, series: str | None) -> str:
    """A value of a series with its unit; nothing where there is none."""
    metric = metric_of(series) if series else None
    return "" if value is None else words.quantity(value, metric.unit if metric else "count")


def moment_address(notification: Notification) -> str:
    """The timeline around a notification, with the stretch that it is about explained.

    What a rule says lasted as long as the rule waits before it fires; else the last minute is explained.
    """
    at = unix(notification.timestamp)
    begin = at - _lasted_seconds(notification)
    shown = {"after": begin - BEFORE_SECONDS, "before": at + AFTER_SECONDS, "from": begin, "to": at}
    return f"/?{urlencode({name: f'{value:.0f}' for name, value in shown.items()})}"


def rule_words(rule: Rule) -> str:
    """``CPU is busy: CPU above 95 % for 5 min``."""
    metric = metric_of(rule.metric)
    label = metric.label if metric else rule.metric
    return f"{rule.title}: {label} above {amount(rule.above, rule.metric)} for {words.duration(rule.for_seconds)}"


def _lasted_seconds(notification: Notification) -> float:
    metric = (notification.metric or "").partition(":")[0]
    for rule in DEFAULT_RULES:
        if notification.kind == "rule.fired" and (rule.metric, rule.above) == (metric, notification.threshold):
            return rule.for_seconds
    return STRETCH_SECONDS
