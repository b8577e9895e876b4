"""Which time the charts show: the control beside their heading, and what it says of what is seen.

The axis belongs to the browser: it moves under the hand without a word to the server. The control asks, once the hand
rests, for what the axis shows by then.
"""

from __future__ import annotations

import logging
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


class RangeControl(JSComponent):
    """The browser's side: it sends what is wanted, and ``shown`` comes back."""

    live = param.List(default=[], doc="Seconds and label of each window that moves")
    last = param.List(default=[], doc="The same for those that end now and are renewed")
    axis = param.String(default="", doc="Bokeh's name of the axis that all charts share")
    shown = param.Dict(default={}, doc="What the charts show, as vain.views.lookback tells it")

    _esm = "\n".join(map(asset, ("when.js", "range_words.js", "address.js", "range_axis.js", "range.js")))
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


def wanted_by_address() -> Wanted | None:
    """The window that the page's address names (``live``, ``last``, or ``after`` and ``before``); None without one.

    An address that names a window that there is not is taken for one that names none.
    """
    after, before = moment("after"), moment("before")
    asked: dict[str, Any] | None = None
    if after is not None and before is not None:
        asked = {"kind": "fixed", "after": after, "before": before}
    for kind in ("live", "last"):
        seconds = number(kind)
        if seconds is not None:
            asked = {"kind": kind, "seconds": seconds}
    if asked is None:
        return None
    try:
        return read_wanted({**asked, "width_pixels": FIRST_PIXELS})
    except VainError as error:
        logger.info("The address asks for a window that there is not: %s", error.detail)
        return None
