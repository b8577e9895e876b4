"""How the work flows: tasks that ended, by hour or day and outcome, and one line that sums up where all tasks stand.

Drawn from what ``GET /visualizations`` answers, so that the page and a program see the same figures. Where the page's
other charts show the past, this one shows the same time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any, Final, NamedTuple, cast

import panel as pn
from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    CustomJSHover,
    HoverTool,
    Range1d,
)
from bokeh.models.annotations import Label
from bokeh.models.renderers import DataRenderer
from bokeh.plotting import figure

from vain import words
from vain.clock import Clock
from vain.errors import VainError
from vain.flow.figures import Chart, TaskCompletion, Visualizations
from vain.views import axes, theme
from vain.views.live import Live
from vain.views.lookback import Lookback
from vain.views.own import Line
from vain.views.text import asset
from vain.windows import LENGTH_SECONDS, Interval

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 2.0
WINDOW_SECONDS: Final = 60.0
"""So old may the figures be when nothing happens."""
HEIGHT_PIXELS: Final = 208
SMALLEST_SCALE: Final = 4
"""Tasks at the top of the axis when there are few: one task should not fill the figure."""
OUTCOMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "succeeded": ("Succeeded", theme.SERIES["green"], " "),
    "failed": ("Failed", theme.SERIES["red"], "right_diagonal_line"),
    "cancelled": ("Cancelled", theme.SERIES["grey"], "dot"),
}
"""The bars from the bottom up: label, colour, and the hatch that tells them apart without colour."""
COLUMNS: Final = ("t", "middle", "width", *OUTCOMES, "created")
SUMMARY_STYLES: Final = {"color": "var(--vain-text-soft, inherit)", "font": f"13px/1.45 {theme.FONT}"}
NOTHING_YET: Final = "no task was completed yet"
NOTHING_LATELY: Final = "no task was completed in this window"

EDGE_SECONDS: Final = 900
"""Zones differ by whole quarters of an hour: to these a window can be widened without another bucket."""

_HOVER = (
    asset("when.js")
    + """
const at = new Date(value);
return span < 86400000 ? spanOf(at, new Date(value + span), 60) : span > 86400000 ? "from " + dayOf(at) : dayOf(at);
"""
)

Columns = dict[str, list[float]]


class Stretch(NamedTuple):
    """The time that is asked for, in Unix seconds, with the viewer's time zone; None throughout: the default."""

    after: float | None = None
    before: float | None = None
    timezone: str | None = None


class Completion(pn.viewable.Viewer):
    """The completion chart over ``live``: ``figure`` and ``summary`` are its two parts. Loop only.

    Read anew when an event came, at most every ``REFRESH_SECONDS``, and at once when ``lookback`` shows another time.
    """

    def __init__(
        self,
        live: Live,
        lookback: Lookback | None = None,
        height_pixels: int = HEIGHT_PIXELS,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__()
        self.live = live
        self._lookback = lookback
        self._drawn_stretch = Stretch()
        self._clock = clock
        self._document = pn.state.curdoc
        self._drawn_seq = -1
        self._read_at = -REFRESH_SECONDS
        self._reading: asyncio.Task[None] | None = None
        self.summary = Line(text="", margin=0, sizing_mode="stretch_width", styles=SUMMARY_STYLES)
        self.bars = ColumnDataSource({name: [] for name in COLUMNS})
        self._when = CustomJSHover(args={"span": 0}, code=_HOVER)
        self.figure = self._figure(height_pixels)
        self.empty = Label(x=16, y=16, x_units="screen", y_units="screen", text="", text_color=theme.SERIES["grey"])
        self.empty.text_font, self.empty.text_font_size = theme.FONT, "12px"
        self.figure.add_layout(self.empty)
        live.param.watch(lambda _event: self.refresh(), "tick")
        if lookback is not None:
            lookback.param.watch(lambda _event: self.refresh(), "shown")
        live.param.watch(lambda _event: theme.apply(self.figure, live.theme), "theme")
        self.refresh()

    def __panel__(self) -> pn.viewable.Viewable:
        chart = pn.pane.Bokeh(self.figure, sizing_mode="stretch_width", margin=0)
        display = pn.Column(self.summary, chart, sizing_mode="stretch_width", margin=0)
        self.live.attach(display)
        return display

    def refresh(self) -> None:
        """Reads the figures again, unless nothing happened since or the last reading is too recent.

        Without a change they are read now and then too, since the window moves with the time.
        """
        age, stretch = self._clock() - self._read_at, self._stretch()
        is_behind = self._drawn_seq != self.live.source.seq or age >= WINDOW_SECONDS
        is_due = age >= REFRESH_SECONDS
        if self._reading is None and (stretch != self._drawn_stretch or (is_behind and is_due)):
            self._read_at = self._clock()
            self._reading = asyncio.get_running_loop().create_task(self._read(stretch))

    def _stretch(self) -> Stretch:
        shown = self._lookback.shown if self._lookback is not None else None
        if shown is None or shown.kind == "live":
            return Stretch()
        after = floor(shown.after / EDGE_SECONDS) * EDGE_SECONDS
        return Stretch(float(after), float(ceil(shown.before / EDGE_SECONDS) * EDGE_SECONDS), shown.timezone)

    async def _read(self, stretch: Stretch) -> None:
        seq, source = self.live.source.seq, self.live.source
        try:
            found = await (source.visualizations() if stretch.after is None else source.visualizations(*stretch))
            self._locked(lambda: self._draw(found))
            self._drawn_seq = seq
        except VainError as error:
            logger.warning("The completion chart could not be read: %s", error)
        except Exception:
            logger.exception("The completion chart could not be read")
        finally:
            self._drawn_stretch, self._reading = stretch, None
        if self._stretch() != stretch:
            self.refresh()

    def _locked(self, change: Callable[[], None]) -> None:
        """Runs a change of Bokeh models when the document is ours to change; never once its session has ended."""
        context = self._document.session_context if self._document is not None else None
        if self._document is None or context is None:
            change()
        elif not context.destroyed:
            self._document.add_next_tick_callback(change)

    def _draw(self, found: Visualizations) -> None:
        chart = next(chart for chart in found.charts if chart.id == "completion")
        fresh = columns(chart, found.window.interval)
        if fresh != self.bars.data:
            self.bars.data = dict(fresh)
            self._scale(fresh, found.window.interval)
        self.empty.text = emptiness(found.task_completion)
        self.summary.text = summary(found.task_completion)

    def _scale(self, fresh: Columns, interval: Interval) -> None:
        span = LENGTH_SECONDS[interval] * 1000.0
        self._when.args = {"span": span}
        highest = max((sum(row) for row in zip(*(fresh[name] for name in OUTCOMES), strict=True)), default=0)
        self.figure.y_range.update(end=max(SMALLEST_SCALE, highest * 1.12))
        if fresh["t"]:
            self.figure.x_range.update(start=fresh["t"][0], end=fresh["t"][-1] + span)

    def _figure(self, height_pixels: int) -> figure:
        plot = figure(
            height=height_pixels,
            sizing_mode="stretch_width",
            min_width=0,
            x_axis_type="linear",
            x_range=Range1d(start=0, end=1),
            y_range=Range1d(start=0, end=SMALLEST_SCALE),
            tools=[],
            toolbar_location=None,
            output_backend="canvas",
            min_border_left=58,
            min_border_right=10,
        )
        plot.xaxis.formatter = axes.time_formatter()
        plot.xaxis.ticker = plot.xgrid.ticker = axes.time_ticker()
        plot.yaxis.ticker = AdaptiveTicker(desired_num_ticks=4, min_interval=1, mantissas=[1, 2, 5])
        plot.yaxis.axis_label = "tasks"
        plot.xgrid.visible = False
        self._add_bars(plot)
        theme.apply(plot, self.live.theme)
        return plot

    def _add_bars(self, plot: figure) -> None:
        looks = list(OUTCOMES.values())
        labels = [label for label, _, _ in looks]
        renderers = plot.vbar_stack(
            list(OUTCOMES),
            x="middle",
            width="width",
            source=self.bars,
            color=[color for _, color, _ in looks],
            hatch_pattern=[hatch for _, _, hatch in looks],
            hatch_color="white",
            hatch_alpha=0.45,
            hatch_scale=8,
            line_alpha=0,
            legend_label=labels,
        )
        (legend,) = plot.legend
        legend.orientation, legend.location = "horizontal", "right"
        plot.add_layout(legend, "above")
        counts = [(label, f"@{name}") for name, label in zip(OUTCOMES, labels, strict=True)]
        tooltips = [("", "@t{custom}"), *counts, ("Created", "@created")]
        first: list[DataRenderer] = [renderers[0]]
        plot.add_tools(HoverTool(renderers=first, mode="vline", tooltips=tooltips, formatters={"@t": self._when}))


def columns(chart: Chart, interval: Interval) -> Columns:
    """The chart's data as the figure draws it: start, middle and width of each bar in milliseconds, then the counts."""
    span = LENGTH_SECONDS[interval] * 1000.0
    starts = [float(cast(int, t)) for t in chart.data["t"]]
    counts: Columns = {name: [_number(cell) for cell in chart.data[name]] for name in (*OUTCOMES, "created")}
    return {"t": starts, "middle": [t + span / 2 for t in starts], "width": [span * 0.72] * len(starts), **counts}


def emptiness(completion: TaskCompletion) -> str:
    """What stands in a figure without bars; nothing where there are some."""
    if any(completion.throughput):
        return ""
    return NOTHING_LATELY if completion.completed else NOTHING_YET


def summary(completion: TaskCompletion) -> str:
    """Where all tasks stand, in one line."""
    parts = [
        f"{completion.in_progress:,} in progress",
        f"{completion.pending:,} pending",
        f"{completion.succeeded:,} succeeded",
        f"{completion.failed:,} failed",
    ]
    if completion.cancelled:
        parts.append(f"{completion.cancelled:,} cancelled")
    if completion.success_rate_percent is not None:
        parts.append(f"success rate {words.percent(completion.success_rate_percent)}")
    if completion.cycle_time.p50_seconds is not None:
        parts.append(f"median duration {words.duration(completion.cycle_time.p50_seconds)}")
    return " · ".join(parts)


def _number(cell: Any) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0
