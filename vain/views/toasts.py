"""Toasts and notifications of the browser: what a person should know now, wherever they look.

What comes while a page is open, and is neither quiet nor read, appears at its edge; what is older than the page does
not. The browser keeps the number of the newest that it was told, so that a page which heals after a restart goes on
there. One that was allowed to notify (``assets/notify.js``) has one of its pages told also while nobody looks at it.
"""

from __future__ import annotations

import logging
from typing import Annotated, Any, ClassVar, Final

import panel as pn
from msgspec import UNSET, Meta, Struct, UnsetType
from panel.custom import JSComponent

from vain.codec import decode, encode
from vain.errors import VainError
from vain.notification import Notification
from vain.told import NotificationQuery
from vain.types import LARGEST_INTEGER
from vain.views.bell import WAITING
from vain.views.live import Live
from vain.views.notice_words import moment_address
from vain.views.text import asset

logger = logging.getLogger(__name__)

LAST: Final = NotificationQuery(limit=1, quiet=False)
"""Also one that was read: if what waits alone gave the newest, reading it would look like a server that began anew."""


class Said(Struct, frozen=True, forbid_unknown_fields=True):
    """What a page says: one of both."""

    newest: Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)] | UnsetType | None = UNSET
    """It stands; the number of the newest that it was told before this session, if it was."""
    awake: bool | UnsetType = UNSET
    """Whether it is to be told also while nobody looks at it."""


class ToastList(JSComponent):
    """The browser's side: it fills the container of the page, and shows nothing where it stands. Sends ``Said``."""

    _esm = "\n".join(map(asset, ("notify.js", "toasts.js")))
    _stylesheets: ClassVar[list[str]] = [":host { display: none; }"]

    def tell(self, message: dict[str, Any]) -> None:
        """Sends one message to the browser."""
        self._send_msg(message)


class Toasts(pn.viewable.Viewer):
    """What comes, over a ``Live``; what waits is asked for as the bell does, so one answer is for both. Loop only."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live, self._list = live, ToastList()
        self._list.on_msg(lambda event: self.receive(event.data))
        self._seen_seq = -1
        self._stands = False
        """Before the page says so, what is sent to it is lost."""
        self._newest: int | None = None
        """The number of the newest that was told, or that there was when the page stood; None before that."""
        self._last = 0
        self._waiting: list[Notification] = []
        self._is_read = False
        live.param.watch(lambda _event: self._follow(), "tick")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._list

    def receive(self, message: Any) -> None:
        """Takes a message from the browser, which may have sent anything: what has no meaning is dropped."""
        try:
            said = decode(Said, encode(message))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page said something that has no meaning: %s", error)
            return
        if said.awake is not UNSET:
            self._live.heed(self._follow if said.awake else None)
        if said.newest is not UNSET:
            self._stands, self._newest = True, said.newest
            self._tell()

    def _follow(self) -> None:
        if self._seen_seq != self._live.source.seq:
            self._seen_seq = self._live.source.seq
            self._live.fetch(self._read, self._show)

    async def _read(self) -> tuple[list[Notification], list[Notification]]:
        source = self._live.source
        return await source.notifications(LAST), await source.notifications(WAITING)

    def _show(self, found: tuple[list[Notification], list[Notification]]) -> None:
        last, self._waiting = found
        self._last = max((each.notification_id for each in (*last, *self._waiting)), default=0)
        self._is_read = True
        self._tell()

    def _tell(self) -> None:
        if not (self._stands and self._is_read):
            return
        known, self._newest = self._newest, max(self._last, self._newest or 0)
        if known == self._newest:
            return
        told = [] if known is None else [toast(each) for each in self._waiting if each.notification_id > known]
        self._list.tell({"newest": self._newest, "told": told})


def toast(notification: Notification) -> dict[str, Any]:
    """What the browser shows of it."""
    task_id = notification.task_id
    return {
        "id": notification.notification_id,
        "level": notification.level,
        "title": notification.title,
        "message": notification.message,
        "address": moment_address(notification) if task_id is None else f"./task?id={task_id}",
    }
