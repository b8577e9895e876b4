"""The lanes of tasks above the tracks of the machine, when rules fired on both, and the hand that moves them all.

The server packs and reduces the tasks of a window (``vain.lanes``); the browser draws the bars over the one time axis,
and owns what a hand does: drag, wheel and keys move the axis, Shift and a drag choose a stretch, a click a moment.
"""

from __future__ import annotations

import logging
from math import ceil, floor, log2
from typing import Annotated, Any, ClassVar, Final, NamedTuple

import panel as pn
import param
from msgspec import Meta, Struct, structs
from panel.custom import JSComponent

from vain.alerting.alert import PastFiring
from vain.codec import decode, encode
from vain.errors import VainError
from vain.lanes import LaneQuery, Lanes
from vain.types import OUTCOMES, STATUSES, Outcome, Status
from vain.views import theme
from vain.views.address import argument
from vain.views.charts import BARE_LEFT_PIXELS, Charts
from vain.views.fired import of_host, shaded
from vain.views.lookback import WENT_WRONG, Lookback
from vain.views.text import asset
from vain.views.zoom import MARGIN

logger = logging.getLogger(__name__)

ROWS: Final = 12
LONGEST_TEXT: Final = 200
LIVE_PART: Final = 3
"""A window that moves is asked for anew no sooner than in two to the power of this seconds, if nothing happens."""
ALIGN_PARTS: Final = 30
"""A window is asked for in parts of this of its length, so that pages which look at the same time share one answer."""
SCRIPTS: Final = (
    "when.js",
    "range_words.js",
    "address.js",
    "timeline_units.js",
    "timeline_axis.js",
    "timeline_lanes.js",
    "timeline_fired.js",
    "timeline_cross.js",
    "timeline_hand.js",
    "timeline.js",
)
TICKS: Final = f"""
function ticksOf(cb_data) {{
{asset("ticks.js")}
}}
function tickLabel(tick, ticks) {{
{asset("tick_label.js")}
}}
"""
"""The ticks of the charts, for the times above the lanes."""


class Filter(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks have lanes. ``show`` is a status, an outcome, or ``""`` for all."""

    text: Annotated[str, Meta(max_length=LONGEST_TEXT)] = ""
    show: str = ""

    @property
    def status(self) -> Status | None:
        """The status that is asked for."""
        return next((status for status in STATUSES if status == self.show), None)

    @property
    def outcome(self) -> Outcome | None:
        """The outcome that is asked for."""
        return next((outcome for outcome in OUTCOMES if outcome == self.show), None)


class _Found(NamedTuple):
    """What is known of a window."""

    lanes: Lanes
    firings: list[PastFiring]


class TimelineControl(JSComponent):
    """The browser's side of the lanes, the crosshair over all tracks, and the hand."""

    lanes = param.String(
        default="", doc="vain.lanes.Lanes as JSON, which Bokeh would walk through; empty before the first"
    )
    fired = param.String(default="[]", doc="When rules fired in the window of the lanes (vain.views.fired), as JSON")
    trouble = param.String(default="", doc="Why there are no newer lanes")
    shown = param.Dict(default={}, doc="Where the axis was asked to be: live or not, and the names of gaps")
    tracks = param.List(default=[], item_type=dict, doc="Of each chart: its Bokeh name, title, unit and lines")
    axis = param.String(default="", doc="Bokeh's name of the axis that all charts share")
    rows_source = param.String(default="", doc="Bokeh's name of the source of the lines")
    bands_source = param.String(default="", doc="The same of the bands")
    looks = param.Dict(default={}, doc="Colour, sign and word of each outcome and status")
    chosen = param.Dict(default={}, doc="The filter: text and show")
    left_pixels = param.Integer(default=BARE_LEFT_PIXELS)

    _esm = "\n".join([TICKS, *map(asset, SCRIPTS)])
    _stylesheets: ClassVar[list[str]] = [asset("timeline.css")]


class Timeline(pn.viewable.Viewer):
    """The lanes over the charts of a page; the charts follow them in the page, each a view of its own."""

    def __init__(self, charts: Charts) -> None:
        super().__init__()
        self.live, self.lookback, self._plans = charts.live, charts.lookback, charts.plans
        self.filter = _filter_of(argument("q"), argument("show"))
        self._asked: tuple[int, LaneQuery] | None = None
        self._reads = False
        self._control = TimelineControl(
            tracks=[
                {
                    "figure": charts.figures[plan.name].id,
                    "title": plan.title,
                    "unit": plan.unit,
                    "lines": [structs.asdict(trace) for trace in plan.traces],
                }
                for plan in charts.plans
            ],
            axis=charts.time.id,
            rows_source=self.live.metrics.id,
            bands_source=self.lookback.bands.id,
            looks=_looks(),
            chosen=structs.asdict(self.filter),
            shown=_shown(self.lookback),
            sizing_mode="stretch_width",
            margin=0,
        )
        self._control.on_msg(lambda event: self.receive(event.data))
        self.lookback.param.watch(lambda _event: self.refresh(), "asked")
        self.lookback.param.watch(self._tell, "shown")
        self.live.param.watch(lambda _event: self.refresh(), "tick")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._control

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own page never sends is left unanswered."""
        try:
            self.filter = decode(Filter, encode(message))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page sent a filter that there is not: %s", error)
            return
        self.refresh()

    def refresh(self) -> None:
        """Reads the lanes of what is looked at, if anything changed; one read at a time, the newest wish waits."""
        question = self.live.source.seq, self.query()
        if self._reads or question == self._asked:
            return
        self._reads, self._asked = True, question
        self.live.fetch(lambda: self._read(question[1]), lambda found: self._show(question[1], found))

    def query(self) -> LaneQuery:
        """What is looked at, in whole parts of its length; windows of one length have as many."""
        reach, wanted = self.lookback.reach()
        length = reach.before - reach.after
        finest = LIVE_PART if wanted.kind == "live" else 0
        part = 2.0 ** max(finest, ceil(log2(length / ALIGN_PARTS)))
        after = floor(reach.after / part) * part
        margin = 1 + 2 * MARGIN if wanted.by_hand else 1.0
        chosen = self.filter
        return LaneQuery(
            after=after,
            before=after + (ceil(length / part) + 1) * part,
            width_pixels=max(200, round(wanted.width_pixels * margin / 50) * 50),
            rows=ROWS,
            text=chosen.text.strip(),
            status=chosen.status,
            outcome=chosen.outcome,
            host=self.live.elsewhere or None,
        )

    async def _read(self, query: LaneQuery) -> _Found | str:
        try:
            source = self.live.source
            lanes, fired = await source.lanes(query), await source.firings(query.after, query.before)
            return _Found(lanes, of_host(fired, lanes, query.host))
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("The lanes could not be read")
            return WENT_WRONG

    def _show(self, query: LaneQuery, found: _Found | str) -> None:
        self._reads = False
        if query != self.query():
            self.refresh()  # somebody looks elsewhere by now
        elif isinstance(found, str):
            # The next tick asks again.
            self._control.trouble, self._asked = found, None
        else:
            fired = encode(shaded(found.firings, self._plans)).decode()
            self._control.param.update(lanes=encode(found.lanes).decode(), fired=fired, trouble="")
            self.refresh()

    def _tell(self, _event: object) -> None:
        self._control.shown = _shown(self.lookback)


def _filter_of(text: str | None, show: str | None) -> Filter:
    known = show if show in (*STATUSES, *OUTCOMES) else ""
    return Filter((text or "")[:LONGEST_TEXT], known or "")


def _shown(lookback: Lookback) -> dict[str, Any]:
    shown = lookback.shown
    gaps = [{"begin": gap.begin, "end": gap.end, "cause": gap.cause} for gap in shown.strips]
    return {"kind": shown.kind, "step_seconds": shown.step_seconds, "gaps": gaps}


def _looks() -> dict[str, dict[str, str]]:
    return {name: {"color": look.color, "sign": look.sign, "word": look.word} for name, look in theme.OUTCOME.items()}
