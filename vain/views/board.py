"""The task board: a table that a person reads, searches and edits, and that follows what everybody else does.

The browser sends intents, Python answers with one page of rows and then with the rows that changed. When the same tasks
stand in the same order, only their changes travel; the browser patches rows in place and never redraws an open editor.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, Final

import panel as pn
import param
from msgspec import structs

from vain.clock import now
from vain.errors import VainError
from vain.types import Task, TaskPage, TaskQuery
from vain.views.board_intents import Intent, carry_out, read_intent, refusal
from vain.views.board_pages import columns, pages_of
from vain.views.board_rows import changed, row
from vain.views.live import Live
from vain.views.text import asset

logger = logging.getLogger(__name__)

SCRIPTS: Final = (
    "board_dom.js",
    "board_rows.js",
    "board_cards.js",
    "board_menu.js",
    "board_dialog.js",
    "board_address.js",
    "board_filters.js",
    "board_frame.js",
    "board_choice.js",
    "board.js",
)
"""Joined into one module: a component's script is loaded from a blob, which cannot import from our server."""


class TaskTable(pn.custom.JSComponent):
    """The browser's half: it draws what it is sent and sends what a person does. It decides nothing."""

    may_write = param.Boolean(default=False, doc="Whether controls that change tasks are offered")
    linked = param.Boolean(default=False, doc="Whether the page's address holds the filters")

    _esm = "\n".join(map(asset, SCRIPTS))
    _stylesheets = [asset("board.css")]

    def tell(self, message: dict[str, Any]) -> None:
        """Sends one message to the browser."""
        self._send_msg(message)


class Board(pn.viewable.Viewer):
    """The task board over ``live``. ``linked``: filters, order and page are kept in the address of the page. Loop only.

    Reads at most one page at a time, and only when an event came since the page it shows or the question changed.
    """

    def __init__(self, live: Live, linked: bool = False) -> None:
        super().__init__()
        self.live = live
        self.table = TaskTable(may_write=live.may_write, linked=linked, sizing_mode="stretch_width")
        self.table.on_msg(lambda event: self.receive(event.data))
        self._query = TaskQuery()
        self._columns = False
        self._totals: dict[str, int] | None = None
        self._request = 0
        self._shown: TaskPage | None = None
        self._shown_query: TaskQuery | None = None
        self._seen_seq = -1
        self._troubled = False
        self._work: set[asyncio.Task[None]] = set()
        self._refreshing: asyncio.Task[None] | None = None
        live.param.watch(lambda _event: self.refresh(), "tick")

    def __panel__(self) -> pn.viewable.Viewable:
        return self.table

    @property
    def shown(self) -> list[Task]:
        """The tasks of the page that the browser holds."""
        return self._shown.tasks if self._shown is not None else []

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; the answer follows when it is there."""
        try:
            intent = read_intent(message)
        except VainError as error:
            request = message.get("request") if isinstance(message, dict) else None
            if isinstance(request, int):
                self.table.tell(refusal(request, error.detail, error.flaws))
            return
        if intent.intent == "query":
            # The browser asks when it has drawn itself, and then holds no rows: it is sent all of them.
            self._query, self._request, self._shown_query = intent.query, intent.request, None
            self._columns = intent.columns
            self.refresh()
        else:
            self._start(self._act(intent))

    def refresh(self) -> None:
        """Brings the browser up to date, unless it is."""
        if self._request and self._refreshing is None and self._is_behind:
            self._refreshing = self._start(self._catch_up())

    @property
    def _is_behind(self) -> bool:
        return self._troubled or self._shown_query != self._query or self._seen_seq != self.live.source.seq

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _act(self, intent: Intent) -> None:
        self.table.tell(await carry_out(intent, self.live, self.shown))
        # A person sees the effect of their own change at once, not at the next tick.
        if self._refreshing is not None:
            await asyncio.wait([self._refreshing])
        self.refresh()

    async def _catch_up(self) -> None:
        try:
            query, seq, page = await self._newest()
            self._show(page, query, seq)
        except VainError as error:
            self._tell_trouble(error.detail)
        except Exception:
            logger.exception("The board could not read its tasks")
            self._tell_trouble("Something went wrong inside vAIn; its log has the details.")
        finally:
            self._refreshing = None

    async def _newest(self) -> tuple[TaskQuery, int, TaskPage]:
        """The page that is asked for by the time it is there, its query, and the event it is as new as."""
        pages = pages_of(self.live.source)
        while True:
            query, request, seq = self._query, self._request, self.live.source.seq
            if self._columns:
                page, totals = await columns(pages, query)
            else:
                page, totals = await pages.page(query), None
            if (self._query, self._request) != (query, request):
                continue
            self._totals = totals
            if totals is not None:
                return query, seq, page
            last_offset = max(0, page.total - 1) // query.limit * query.limit
            if page.tasks or query.offset <= last_offset:
                return query, seq, page
            # The list has become shorter than that: its last page is the nearest to what was asked for.
            self._query = structs.replace(query, offset=last_offset)

    def _show(self, page: TaskPage, query: TaskQuery, seq: int) -> None:
        kept = changed(self.shown, page.tasks) if self._shown_query == query else None
        known = self._shown
        was_troubled = self._troubled
        self._shown, self._shown_query, self._seen_seq, self._troubled = page, query, seq, False
        is_same = known is not None and kept == [] and (known.total, known.counts) == (page.total, page.counts)
        if is_same and not was_troubled:
            return
        rows = [row(task) for task in (page.tasks if kept is None else kept)]
        self.table.tell(
            {
                "type": "page" if kept is None else "patch",
                "request": self._request,
                "rows": rows,
                "total": page.total,
                "totals": self._totals,
                "offset": query.offset,
                "counts": structs.asdict(page.counts),
                "now": now(),
            }
        )

    def _tell_trouble(self, detail: str) -> None:
        self._troubled = True
        self.table.tell({"type": "trouble", "detail": detail})
