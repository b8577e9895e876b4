"""What one open page, or one notebook, knows: the newest sample, and the rows that its charts draw.

One ``Live`` for each session. It holds its own place in the source (a cursor into the metric rows, the number of the
newest event), takes at each tick only what came after it, and sends that in one message to the browser.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import panel as pn
import param
from bokeh.models import ColumnDataSource
from bokeh.server.contexts import BokehSessionContext

from vain import frames
from vain.errors import Forbidden, VainError
from vain.history import Columns
from vain.samples import Sample
from vain.types import ROLES, Role
from vain.views import pusher
from vain.views.rows import BUSIEST, CORE, FILLED, IDLEST, rows, window
from vain.views.theme import Mode

if TYPE_CHECKING:
    from bokeh.document import Document

    from vain.source import Source

logger = logging.getLogger(__name__)

T = TypeVar("T")

WINDOWS_SECONDS: Final = (300, 900, 3600)
FEWEST_ROWS: Final = 900


class Live(param.Parameterized):
    """Views read ``sample``, ``seq`` and ``metrics``, and renew what depends on ``tick``. Loop only.

    ``metrics`` is one wide ``ColumnDataSource`` for all charts: ``t`` in Unix milliseconds, then a column for each
    series of ``vain.samples.series`` (NaN: unknown), after ``send_declared`` for those of ``add_series``. While
    ``following`` it holds the newest rows; otherwise it is left to ``vain.views.lookback``. A view that shows tasks
    compares ``seq`` with the one it drew.

    From the moment its browser takes the document until the page stands, what changes is lost: Panel takes the document
    for one that nobody has yet. So an answer that comes in that time is kept, and a tick waits.
    """

    sample = param.ClassSelector(class_=Sample, default=None, allow_None=True, doc="The newest sample")
    seq = param.Integer(default=0, doc="Number of the newest event")
    caught_up = param.Integer(
        default=0, doc="Rises when a history comes that was still being read when the page opened"
    )
    tick = param.Integer(default=0, doc="Rises by one with each update")
    theme: param.Selector[Mode] = param.Selector(
        default="light", objects=["light", "dark"], doc="For where the page's own style cannot tell"
    )
    window_seconds: param.Selector[int] = param.Selector(
        default=WINDOWS_SECONDS[0], objects=list(WINDOWS_SECONDS), doc="How far back charts go"
    )
    following = param.Boolean(default=True, doc="Whether charts show the newest rows and move with them")

    def __init__(self, source: Source, role: Role = "admin", elsewhere: str = "", unknown_host: str = "") -> None:
        super().__init__()
        self.source = source
        self.role: Role = role
        self.elsewhere = elsewhere
        """The machine that is shown, if it is another than the server's own."""
        self.unknown_host = unknown_host
        """What was asked for, if no agent has reported of it."""
        self.metrics = ColumnDataSource({"t": []})
        self._document: Document | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._displays: list[pn.viewable.Viewable] = []
        self._fetches: set[asyncio.Task[None]] = set()
        self._tick_waits = False
        self._attended = True
        self._unseen: Callable[[], None] | None = None
        self._stands = False
        self._postponed: list[Callable[[], None]] = []
        self._declared: set[str] = set()
        self._only_declared = False
        self._cursor = 0
        self._newest: float | None = None
        self._fill()
        self.param.update(sample=source.latest(), seq=source.seq)

    @property
    def may_write(self) -> bool:
        """Whether this viewer may change tasks."""
        return ROLES.index(self.role) >= ROLES.index("write")

    def require_write(self) -> None:
        """What each callback that changes something calls first: a browser can send what no button offers.

        Raises ``Forbidden``.
        """
        if not self.may_write:
            raise Forbidden("You may look, but not change: the key that you signed in with is read-only.")

    def start(self) -> Live:
        """Follows the source from now on; inside a server's session, until that session ends."""
        document = pn.state.curdoc
        if document is not None and document.session_context is not None:
            self._document = document
            document.on_session_destroyed(self._session_ended)
            pn.state.onload(self._stand)
        else:
            self._loop = asyncio.get_running_loop()
        pusher.join(self)
        return self

    def attend(self, is_watched: bool) -> None:
        """Whether anybody looks at the page: while nobody does it is not woken; then one tick brings what it missed."""
        if is_watched == self._attended or (self._document is None and self._loop is None):
            return
        self._attended = is_watched
        self._join()
        if is_watched:
            self.wake()

    def heed(self, unseen: Callable[[], None] | None) -> None:
        """Has ``unseen`` called at news while nobody looks at the page, in place of a tick; None ends that."""
        if self._document is not None or self._loop is not None:
            self._unseen = unseen
            self._join()

    def _join(self) -> None:
        if self._attended or self._unseen is not None:
            pusher.join(self)
        else:
            pusher.leave(self)

    def stop(self) -> None:
        """Follows the source no more. Twice is once."""
        pusher.leave(self)
        self._unseen = None
        for task in tuple(self._fetches):
            task.cancel()
        self._document, self._loop = None, None
        self._displays.clear()
        self._postponed.clear()

    def attach(self, display: pn.viewable.Viewable) -> None:
        """Has what changes in ``display``'s Bokeh models sent to a notebook, where nothing else would send it."""
        self._displays.append(display)

    def add_series(self, name: str) -> None:
        """Declares that a chart draws a series, which has a column in ``metrics`` even before it has a row."""
        self._declared.add(name)
        if name not in self.metrics.data:
            self.metrics.data[name] = np.full(len(self.metrics.data["t"]), math.nan)

    def send_declared(self) -> None:
        """Leaves in ``metrics`` only what charts draw: a machine has hundreds of series, and a page draws a dozen."""
        self._only_declared = True
        known = self.metrics.data
        self.metrics.data = {name: known[name] for name in known if name == "t" or name in self._declared}

    def past(self, name: str, most: int) -> list[float | None]:
        """The newest values of a series, also of one that no chart draws; none while the charts show another time."""
        if not self.following:
            return []
        drawn = self.metrics.data.get(name)
        newest = (self.source.columns(0).values.get(name, ()) if drawn is None else drawn)[-most:]
        return [None if math.isnan(value) else float(value) for value in newest]

    def fetch(self, read: Callable[[], Awaitable[T]], show: Callable[[T], None]) -> None:
        """Awaits ``read()`` beside the session, then calls ``show`` with what it gave, where models may be changed.

        Not an async watcher: Panel would schedule that while the tick holds the document back, and it is lost.
        """
        task = asyncio.get_running_loop().create_task(self._fetch(read, show))
        self._fetches.add(task)
        task.add_done_callback(self._fetches.discard)

    async def _fetch(self, read: Callable[[], Awaitable[T]], show: Callable[[T], None]) -> None:
        try:
            found = await read()
        except VainError as error:
            logger.warning("A view could not be renewed: %s", error.detail)
            return
        if self._document is not None:
            self._document.add_next_tick_callback(partial(self._show, show, found))
        else:
            self._show(show, found)

    def _show(self, show: Callable[[T], None], found: T) -> None:
        if self._is_between:
            self._postponed.append(partial(self._show, show, found))
            return
        with pn.io.hold(self._document):
            show(found)
        if self._displays:
            pn.io.push_notebook(*self._displays)

    def wake(self) -> None:
        """Asks for a tick; while one is asked for and has not run, a second is not."""
        if self._tick_waits:
            return
        if not self._attended:
            if self._unseen is not None:
                self._unseen()
            return
        if self._document is not None:
            self._tick_waits = True
            self._document.add_next_tick_callback(self._advance)
        elif self._loop is not None:
            self._tick_waits = True
            self._loop.call_soon_threadsafe(self._advance)

    @property
    def _is_between(self) -> bool:
        """Whether a browser has connected whose page does not stand yet."""
        context = None if self._document is None or self._stands else self._document.session_context
        session = context.session if isinstance(context, BokehSessionContext) else None
        return session is not None and session.connection_count > 0

    def _stand(self) -> None:
        """The browser's page stands: what was kept is done in order, then one tick brings what was missed."""
        document = self._document
        if document is None:
            return
        self._stands = True
        for postponed in self._postponed:
            document.add_next_tick_callback(postponed)
        self._postponed.clear()
        self.wake()

    def _session_ended(self, _session_context: object) -> None:
        self.stop()

    def _advance(self) -> None:
        self._tick_waits = False
        if self._is_between or not self._attended or (self._document is None and self._loop is None):
            return
        with pn.io.hold(self._document):
            had_none = self._newest is None
            if self.following:
                self._take()
            self.param.update(sample=self.source.latest(), seq=self.source.seq, tick=self.tick + 1)
            if had_none and self._newest is not None:
                self.caught_up += 1
        if self._displays:
            pn.io.push_notebook(*self._displays)

    @property
    def _rollover(self) -> int:
        return max(FEWEST_ROWS, math.ceil(int(self.window_seconds) / self.source.period_seconds))

    def _take(self) -> None:
        columns = self.source.columns(self._cursor)
        if columns.cursor < self._cursor:
            self._fill()  # the source began anew, as after a restart of the server that it speaks to
            return
        if columns.cursor == self._cursor or not columns.t:
            return
        fresh = rows(self._drawn(columns), self.source.period_seconds, self._newest, self._unknown())
        self._cursor, self._newest = columns.cursor, columns.t[-1]
        known = self.metrics.data
        if self._only_declared or fresh.keys() <= known.keys():
            empty = [math.nan] * len(fresh["t"])
            self.metrics.stream({name: fresh.get(name, empty) for name in known}, rollover=self._rollover)
        else:
            self._fill()

    def _unknown(self) -> list[str]:
        """The areas that end with the last row that is drawn."""
        drawn = ((name, self.metrics.data.get(name, ())) for name in FILLED)
        return [name for name, values in drawn if len(values) and math.isnan(values[-1])]

    @param.depends("window_seconds", "following", watch=True)
    def _refill(self) -> None:
        if self.following:
            self._fill()

    def _fill(self) -> None:
        """Everything anew: at the start, when another window is asked for, and when a series (a new disk) appears."""
        columns = self.source.columns(0)
        drawn = window(frames.metrics(self._drawn(columns)), self.source.period_seconds, self.window_seconds)
        if self._only_declared:
            drawn = {name: drawn[name] for name in drawn if name == "t" or name in self._declared}
        self._cursor, self._newest = columns.cursor, columns.t[-1] if columns.t else None
        known = set(self.metrics.data) - set(drawn)
        self.metrics.data = {**drawn, **dict.fromkeys(known, np.full(len(drawn["t"]), math.nan))}

    def _drawn(self, columns: Columns) -> Columns:
        """The columns without those that no chart draws; of the cores all are kept where their extremes are drawn."""
        if not self._only_declared:
            return columns
        all_cores = not self._declared.isdisjoint((BUSIEST, IDLEST))
        kept = {
            name: values
            for name, values in columns.values.items()
            if name in self._declared or (all_cores and name.startswith(CORE))
        }
        return Columns(columns.cursor, columns.t, kept)
