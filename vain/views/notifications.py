"""The page of notifications: newest first, a part of them at a time, what merely went well folded together.

Titles and messages may hold anything that somebody wrote; the component sets them as text.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Annotated, Any, ClassVar, Final, Literal, get_args

import panel as pn
import param
from msgspec import Meta, Struct, structs
from panel.custom import JSComponent

from vain.clock import Clock
from vain.codec import decode, encode
from vain.errors import VainError
from vain.notification import Notification
from vain.source import Source
from vain.told import Fold, NotificationQuery, folded
from vain.types import Level
from vain.views.address import argument, number
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG
from vain.views.notice_words import entry
from vain.views.text import asset

logger = logging.getLogger(__name__)

LISTED: Final = 100
"""So many that somebody should look at are listed at once; the older follow on the next page."""
FOLDED: Final = 999
"""So many others are read beside them at most: where there are more, the page ends with them."""
OPENED: Final = 50
"""So many of a fold are shown when it is opened, and with each wish for more."""
MOST_OPEN: Final = 20
REFRESH_SECONDS: Final = 1.0
"""Where tasks end by the hundred, the list is not read for each of them."""

Number = Annotated[int, Meta(ge=1, le=2**53)]
About = Literal["task", "rule", "vain"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
ABOUT: Final[tuple[About, ...]] = get_args(About)


class Wish(Struct, frozen=True, forbid_unknown_fields=True):
    """What a person wants to see, as the browser sends it; ``request`` numbers the wishes."""

    request: Annotated[int, Meta(ge=0, le=2**53)] = 0
    before: Number | None = None
    level: Level | Literal[""] = ""
    about: About | Literal[""] = ""
    unread: bool = False

    @property
    def query(self) -> NotificationQuery:
        """Those of it that somebody should look at, and one more."""
        read = False if self.unread else None
        return NotificationQuery(LISTED + 1, self.before, self.level or None, self.about or None, False, read)


class Opened(Struct, frozen=True, forbid_unknown_fields=True):
    """A fold that is opened so far, or closed with 0."""

    fold: Number
    opened: Annotated[int, Meta(ge=0, le=FOLDED)]


class Page(Struct, frozen=True):
    """A part of the list; ``older`` is the number before which it goes on, None at the end."""

    entries: list[Notification | Fold]
    older: int | None


class NotificationList(JSComponent):
    """The browser's side. Sends ``{"wish": Wish}``, ``{"open": Opened}`` and ``{"read": [notification_id, ...]}``."""

    shown = param.Dict(default={}, doc="request, entries, older, trouble; empty before anything was read")
    wish = param.Dict(default={}, doc="What the address asked for")
    may_write = param.Boolean(default=False)

    _esm = "\n".join(map(asset, ("address.js", "when.js", "notifications.js")))
    _stylesheets: ClassVar[list[str]] = [asset("notifications.css")]


class Notifications(pn.viewable.Viewer):
    """The list over a ``Live``; those who may change something can mark entries as read. Loop only.

    One read at a time, of the newest wish; again when something has changed, at most every ``REFRESH_SECONDS``.
    """

    def __init__(self, live: Live, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.live, self._clock = live, clock
        self.wish = by_address()
        self._page = Page([], None)
        self._open: dict[int, int] = {}
        self._reads, self._is_asked = False, False
        self._seen_seq, self._read_at = -1, 0.0
        self._list = NotificationList(
            may_write=live.may_write,
            wish=structs.asdict(self.wish),
            margin=0,
            sizing_mode="stretch_width",
        )
        self._list.on_msg(lambda event: self.receive(event.data))
        live.param.watch(lambda _event: self._follow(), "tick")
        self._renew()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._list

    def receive(self, message: Any) -> None:
        """Takes one message of the browser, which may send anything: what our own list never sends does nothing."""
        asked = message if isinstance(message, dict) else {}
        try:
            if "wish" in asked:
                self._want(decode(Wish, encode(asked["wish"])))
            elif "open" in asked:
                self._unfold(decode(Opened, encode(asked["open"])))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page asked for notifications that there are not: %s", error)
        if isinstance(asked.get("read"), list):
            self._mark(asked["read"])

    def _want(self, wish: Wish) -> None:
        self.wish = wish
        self._renew()

    def _unfold(self, wanted: Opened) -> None:
        self._open.pop(wanted.fold, None)
        if wanted.opened:
            self._open[wanted.fold] = wanted.opened
        for name in tuple(self._open)[:-MOST_OPEN]:
            del self._open[name]
        self._tell()

    def _follow(self) -> None:
        if self._seen_seq != self.live.source.seq and self._clock() - self._read_at >= REFRESH_SECONDS:
            self._renew()

    def _renew(self) -> None:
        self._is_asked = True
        if self._reads:
            return
        self._reads, self._is_asked = True, False
        self._seen_seq, self._read_at = self.live.source.seq, self._clock()
        wish = self.wish
        self.live.fetch(lambda: self._read(wish), lambda found: self._show(wish, found))

    async def _read(self, wish: Wish) -> Page | str:
        try:
            return await page_of(self.live.source, wish)
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("The notifications could not be read")
            return WENT_WRONG

    def _show(self, wish: Wish, found: Page | str) -> None:
        self._reads = False
        if isinstance(found, str):
            self._list.shown = {**self._list.shown, "request": wish.request, "trouble": found}
        elif wish == self.wish:
            self._page = found
            self._tell()
        if self._is_asked:
            self._renew()

    def _tell(self) -> None:
        entries = [
            entry(each, self._open.get(each.name, 0) if isinstance(each, Fold) else 0) for each in self._page.entries
        ]
        self._list.shown = {
            "request": self.wish.request, "entries": entries, "older": self._page.older, "trouble": ""
        }  # fmt: skip

    def _mark(self, numbers: list[Any]) -> None:
        listed = {each.notification_id for each in self._page.entries if isinstance(each, Notification)}
        # Only what was shown can be marked, and only by who may write.
        known = [each for each in numbers[:LISTED] if isinstance(each, int) and each in listed]
        if known and self.live.may_write:
            self.live.fetch(lambda: self._marked(known), lambda _: self._renew())

    async def _marked(self, numbers: list[int]) -> None:
        await asyncio.gather(*map(self.live.source.read_notification, numbers))


async def page_of(source: Source, wish: Wish) -> Page:
    """The part of the list that is wished for."""
    query = wish.query
    loud = await source.notifications(query)
    # Nobody needs to read what is quiet, so it is not among the unread.
    beside = structs.replace(query, limit=FOLDED + 1, quiet=True)
    quiet = [] if wish.unread else await source.notifications(beside)
    lowest = max(_lowest(loud, LISTED), _lowest(quiet, FOLDED))
    entries = folded(*([each for each in found if each.notification_id >= lowest] for found in (loud, quiet)))
    return Page(entries, lowest or None)


def by_address() -> Wish:
    """The wish that the page's address holds; what there is not counts as absent."""
    level: Level | Literal[""] = next((known for known in LEVELS if known == argument("level")), "")
    about: About | Literal[""] = next((known for known in ABOUT if known == argument("kind")), "")
    before = number("before")
    is_one = before is not None and before <= 2**53
    return Wish(before=before if is_one else None, level=level, about=about, unread=argument("unread") == "1")


def _lowest(found: list[Notification], most: int) -> int:
    """The number of the last that is listed, if more follow; else 0."""
    return found[most - 1].notification_id if len(found) > most else 0
