"""Which time the charts show: the control beside their heading, and what it says of what is seen.

The axis belongs to the browser: it moves under the hand without a word to the server. The control asks, once the hand
rests, for what the axis shows by then.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.errors import VainError
from vain.views.address import moment, number
from vain.views.charts import Charts
from vain.views.live import WINDOWS_SECONDS
from vain.views.lookback import facts
from vain.views.text import asset
from vain.views.zoom import LAST_SECONDS, Wanted, read_wanted

logger = logging.getLogger(__name__)

LABELS: Final = {
    300: "5 min",
    900: "15 min",
    3_600: "1 h",
    86_400: "24 h",
    7 * 86_400: "7 d",
    30 * 86_400: "30 d",
    365 * 86_400: "1 y",
}

FIRST_PIXELS: Final = 1_200
"""How wide the charts are taken to be before the browser has said it."""
LEAST_AROUND_SECONDS: Final = 300.0
AROUND: Final = 3.0
"""A window around an explained stretch is so many times as long."""


class RangeControl(JSComponent):
    """The browser's side: it sends what is wanted, and ``shown`` comes back."""

    live = param.List(default=[], doc="Seconds and label of each window that moves")
    last = param.List(default=[], doc="The same for those that end now and are renewed")
    axis = param.String(default="", doc="Bokeh's name of the axis that all charts share")
    shown = param.Dict(default={}, doc="What the charts show, as vain.views.lookback tells it")

    _esm = "\n".join(map(asset, ("when.js", "range_words.js", "address.js", "busy.js", "range_axis.js", "range.js")))
    _stylesheets: ClassVar[list[str]] = [asset("range.css")]


class RangeChoice(pn.viewable.Viewer):
    """The control over the charts of a page."""

    def __init__(self, charts: Charts) -> None:
        super().__init__()
        self.lookback = charts.lookback
        wanted = wanted_by_address()
        if wanted is not None:
            self.lookback.want(wanted)
        self._control = RangeControl(
            live=[[seconds, LABELS[seconds]] for seconds in WINDOWS_SECONDS],
            last=[[seconds, LABELS[seconds]] for seconds in LAST_SECONDS],
            axis=charts.time.id,
            shown=facts(self.lookback.shown),
            margin=0,
        )
        self._control.on_msg(lambda event: self.receive(event.data))
        self.lookback.param.watch(self._tell, "shown")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._control

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own control never sends is left unanswered."""
        try:
            wanted = read_wanted(message)
        except VainError as error:
            logger.warning("A page asked for a window that there is not: %s", error.detail)
            return
        self.lookback.want(wanted)

    def _tell(self, event: Any) -> None:
        self._control.shown = facts(event.new)


def wanted_by_address(clock: Callable[[], float] = time.time) -> Wanted | None:
    """The window that the page's address names (``live``, ``last``, or ``after`` and ``before``); None without one.

    An address that names a window that there is not is taken for one that names none. A link to an explained stretch
    (``from`` and ``to``) is opened later than it was made: once that lies before a window that moves, it is around it.
    """
    after, before = moment("after"), moment("before")
    asked: dict[str, Any] | None = None
    if after is not None and before is not None:
        asked = {"kind": "fixed", "after": after, "before": before}
    for kind in ("live", "last"):
        seconds = number(kind)
        if seconds is not None:
            asked = {"kind": kind, "seconds": seconds}
    moving = WINDOWS_SECONDS[0] if asked is None else asked.get("seconds")
    asked = asked if moving is None else _around_explained(clock() - moving) or asked
    if asked is None:
        return None
    try:
        return read_wanted({**asked, "width_pixels": FIRST_PIXELS})
    except VainError as error:
        logger.info("The address asks for a window that there is not: %s", error.detail)
        return None


def _around_explained(shown_after: float) -> dict[str, Any] | None:
    begin, end = moment("from"), moment("to")
    if begin is None or end is None or not begin < end or begin >= shown_after:
        return None
    half, middle = max(LEAST_AROUND_SECONDS, AROUND * (end - begin)) / 2, (begin + end) / 2
    return {"kind": "fixed", "after": max(0.0, middle - half), "before": middle + half}
