"""The bell in the header: how many notifications wait for somebody to look at them."""

from __future__ import annotations

from typing import ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.notification import Notification
from vain.told import NotificationQuery
from vain.views.live import Live
from vain.views.text import asset

MOST: Final = 50
"""So many are counted; a bell of more says ``50+``."""
WAITING: Final = NotificationQuery(limit=MOST, quiet=False, read=False)


class BellCount(JSComponent):
    """The browser's side: a link to the list, with the number of those that nobody read."""

    text = param.String(default="")
    is_urgent = param.Boolean(default=False, doc="Whether a warning or an error is among them")

    _esm = asset("bell.js")
    _stylesheets: ClassVar[list[str]] = [asset("bell.css")]


class Bell(pn.viewable.Viewer):
    """The bell over a ``Live``; read again when something has changed. What is quiet is not counted."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        self._count = BellCount(margin=0)
        self._seen_seq = -1
        live.param.watch(lambda _event: self._follow(), "tick")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._count

    def _follow(self) -> None:
        if self._seen_seq != self.live.source.seq:
            self._seen_seq = self.live.source.seq
            self.live.fetch(lambda: self.live.source.notifications(WAITING), self._show)

    def _show(self, waiting: list[Notification]) -> None:
        self._count.param.update(text=told(waiting), is_urgent=is_urgent(waiting))


def told(waiting: list[Notification]) -> str:
    """How many wait: nothing for none, ``50+`` if there may be more than were asked for."""
    return f"{MOST}+" if len(waiting) >= MOST else str(len(waiting) or "")


def is_urgent(waiting: list[Notification]) -> bool:
    """Whether a warning or an error is among them: what merely ended is no alarm."""
    return any(each.level != "info" for each in waiting)
