"""What a person should know: the list of notifications, and their count in the header.

Titles and messages may hold anything that somebody wrote; both components set them as text.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Final

import panel as pn
import param
from msgspec import structs
from panel.custom import JSComponent

from vain.types import Notification
from vain.views.live import Live
from vain.views.text import asset

SHOWN: Final = 50
"""So many notifications are read and listed; a bell that counts more says ``50+``."""
_FIELDS: Final = ("notification_id", "timestamp", "level", "title", "message", "read")


class NotificationList(JSComponent):
    """The browser's side of the list. Sends ``{"read": [notification_id, ...]}``."""

    items = param.List(default=[], item_type=dict)
    may_write = param.Boolean(default=False)

    _esm = asset("notifications.js")
    _stylesheets: ClassVar[list[str]] = [asset("notifications.css")]


class BellCount(JSComponent):
    """The browser's side of the bell: a link to the list, with the number of those that nobody read."""

    text = param.String(default="")

    _esm = asset("bell.js")
    _stylesheets: ClassVar[list[str]] = [asset("bell.css")]


class Newest:
    """Reads the newest notifications over a ``Live`` and shows them, now and whenever something has changed."""

    def __init__(self, live: Live, show: Callable[[list[Notification]], None]) -> None:
        self._live, self._show = live, show
        self._seen_seq = -1
        live.param.watch(lambda _event: self._follow(), "tick")
        self.renew()

    def renew(self) -> None:
        """Reads them again."""
        self._seen_seq = self._live.seq
        self._live.fetch(partial(self._live.source.notifications, SHOWN), self._show)

    def _follow(self) -> None:
        if self._seen_seq != self._live.seq:
            self.renew()


class Notifications(pn.viewable.Viewer):
    """The list over a ``Live``, newest first; those who may change something can mark entries as read."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self._list = NotificationList(may_write=live.may_write, sizing_mode="stretch_width", margin=0)
        self._list.on_msg(self._marked)
        self._newest = Newest(live, self._show)

    def __panel__(self) -> pn.viewable.Viewable:
        return self._list

    def _show(self, notifications: list[Notification]) -> None:
        self._list.items = [plain(notification) for notification in notifications]

    def _marked(self, event: Any) -> None:
        asked = event.data.get("read") if isinstance(event.data, dict) else None
        listed = {item["notification_id"] for item in self._list.items}
        # The browser may send anything; only what it was shown can be marked, and only by who may write.
        if self.live.may_write and isinstance(asked, list):
            known = [each for each in asked if isinstance(each, int) and each in listed]
            self.live.fetch(partial(self._mark, known), self._show)

    async def _mark(self, numbers: list[int]) -> list[Notification]:
        for number in numbers:
            await self.live.source.read_notification(number)
        return await self.live.source.notifications(SHOWN)


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
        self._count.text = unread(notifications)


def unread(notifications: list[Notification]) -> str:
    """How many of them nobody read: nothing for none, ``50+`` if all that were asked for are unread."""
    number = sum(not notification.read for notification in notifications)
    return f"{SHOWN}+" if number >= SHOWN else str(number or "")


def plain(notification: Notification) -> dict[str, Any]:
    """What the browser needs of a notification."""
    everything = structs.asdict(notification)
    return {name: everything[name] for name in _FIELDS}
