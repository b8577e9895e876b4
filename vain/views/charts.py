"""Four charts on one time axis: processor, memory, disk and network, following the live rows or showing the past.

Drag to look back, Ctrl and the wheel to zoom, double-click (or "Live") to follow again. Every colour has a second cue:
what comes in is solid, what goes out is dashed. In the past a line is the mean, the band around it reaches from the
smallest to the largest value, and a hatched strip is a time that nobody saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, cast

import panel as pn
from bokeh.events import DoubleTap
from bokeh.layouts import gridplot
from bokeh.models import (
    CDSView,
    ColumnDataSource,
    CustomJS,
    CustomJSHover,
    DataRange1d,
    HoverTool,
    Line,
    PanTool,
    Range1d,
    VArea,
    VStrip,
    WheelZoomTool,
)
from bokeh.models.annotations import Label, Legend, LegendItem
from bokeh.models.glyph import Glyph
from bokeh.plotting import figure
from msgspec import Struct

from vain.views import axes, theme
from vain.views.live import Live
from vain.views.lookback import Lookback
from vain.views.rows import BUSIEST, CORE, FILL, FILLED, IDLEST
from vain.views.window import HIGH, LOW

HEIGHT_PIXELS: Final = 208
COLLECTING: Final = "collecting the first samples…"
BAND_ALPHA: Final = 0.22
BARE_LEFT_PIXELS: Final = 76
"""The same for all bare figures, so that they and the lanes of tasks above them begin at one line."""
CAPTION_PIXELS: Final = 20
TIMES_PIXELS: Final = 24
FOOT_PIXELS: Final = 6

_FOLLOW = """export default ({plots}, _event, _data, {index}) => {
  for (const plot of plots) index.find_one(plot)?.reset();
  dispatchEvent(new CustomEvent("vain-follow"));
}"""
_TOOLTIP = """<div style="display: grid; grid-template-columns: auto auto; column-gap: 12px; padding: 2px 4px">
<strong style="grid-column: span 2">@t{custom}</strong>%s</div>"""
_TOOLTIP_ROW = '<span>%s</span><span style="text-align: right">$index{%s}</span>'
_GAP_TOOLTIP = '<div style="padding: 2px 4px">@meaning<br>@x0{custom} – @x1{custom}</div>'


Formatters: TypeAlias = dict[str, Literal["numeral", "datetime", "printf"] | CustomJSHover]


class Trace(Struct, frozen=True):
    """One line: the series it draws, its name in legend and hover, its colour and its second cue.

    ``banded``: in the past from its smallest to its largest value.
    """

    series: str
    label: str
    color: str
    dash: str = "solid"
    thin: bool = False
    banded: bool = False

    @property
    def filled(self) -> bool:
        """Down to zero, while the chart is live."""
        return self.series in FILLED


MEMORY: Final = (
    Trace("memory.used_bytes", "Memory", theme.SERIES["purple"], banded=True),
    Trace("swap.used_bytes", "Swap", theme.SERIES["gold"], "dashed"),
)
DISK: Final = (
    Trace("disk.read_bytes_per_second", "Read", theme.SERIES["blue"], banded=True),
    Trace("disk.written_bytes_per_second", "Written", theme.SERIES["orange"], "dashed", banded=True),
)
NETWORK: Final = (
    Trace("network.received_bytes_per_second", "In", theme.SERIES["blue"], banded=True),
    Trace("network.sent_bytes_per_second", "Out", theme.SERIES["orange"], "dashed", banded=True),
)


class Plan(Struct, frozen=True):
    """One chart: what it is called, the unit of its values, and its lines."""

    name: str
    title: str
    unit: str
    traces: tuple[Trace, ...]


def plans(live: Live) -> tuple[Plan, ...]:
    """The charts of every machine: processor, memory, disk and network."""
    return (
        Plan("cpu", "CPU", "%", _cpu(live)),
        Plan("memory", "Memory", "bytes", MEMORY),
        Plan("disk", "Disk", "bytes/s", DISK),
        Plan("network", "Network", "bytes/s", NETWORK),
    )


class Charts:
    """The figures over ``live.metrics``, in ``figures`` by the name of their plan.

    ``lookback`` fills them with a window of the history when somebody asks for one. ``bare`` figures have neither tools
    nor legend nor title, and only the last has the times below it: for ``vain.views.timeline``, which brings its own.
    """

    def __init__(
        self,
        live: Live,
        height_pixels: int = HEIGHT_PIXELS,
        planned: Sequence[Plan] | None = None,
        bare: bool = False,
    ) -> None:
        self.live = live
        self.plans = tuple(plans(live) if planned is None else planned)
        self._height_pixels, self._is_bare = height_pixels, bare
        self.time = axes.time_axis(live.window_seconds)
        self._moments, self._tickers = axes.time_ticker(), axes.tickers(few=bare)
        self._tick_formatters = {unit: axes.tick_formatter(unit) for unit in axes.UNITS}
        self._clock_ticks = axes.time_formatter()
        shown = [trace for plan in self.plans for trace in plan.traces]
        for trace in shown:
            live.add_series(trace.series)
            if trace.filled:
                live.add_series(FILL + trace.series)
        banded = [trace.series for trace in shown if trace.banded]
        self.lookback = Lookback(live, [trace.series for trace in shown], banded)
        sources = {"rows": live.metrics, "bands": self.lookback.bands}
        self._hover_formatters = {unit: axes.value_hover(unit, sources) for unit in axes.UNITS}
        self._point_hover, self._moment_hover = axes.point_hover(self.lookback.bands), axes.moment_hover()
        # One for all that draw from the same source: they choose nothing from it, and each costs the page two models.
        self._views = {source: CDSView() for source in (live.metrics, self.lookback.bands, self.lookback.gaps)}
        self._fills: list[Any] = []
        self._empty: list[Label] = []
        self.figures: dict[str, figure] = {plan.name: self._figure(plan) for plan in self.plans}
        if not bare:
            self._connect()
        live.param.watch(self._set_window, "window_seconds")
        live.param.watch(self._set_fills, "following")
        if self._empty:
            self._awaited = live.param.watch(self._first_rows, ["tick", "following"])

    def __panel__(self) -> pn.viewable.Viewable:
        """All four under each other, for a notebook."""
        for plot in self.figures.values():
            theme.apply(plot, self.live.theme)
        grid = gridplot([[plot] for plot in self.figures.values()], sizing_mode="stretch_width", toolbar_location=None)
        display = pn.pane.Bokeh(grid, sizing_mode="stretch_width")
        self.live.attach(display)
        return display

    def _figure(self, plan: Plan) -> figure:
        unit, is_last = plan.unit, plan is self.plans[-1]
        plot = figure(
            height=self._height_pixels + (TIMES_PIXELS if self._is_bare and is_last else 0),
            sizing_mode="stretch_width",
            min_width=0,
            x_axis_type="linear",
            x_range=self.time,
            y_range=_bounds(plan, self.live),
            tools=[],
            toolbar_location=None,
            title=None if self._is_bare else plan.title,
            output_backend="canvas",
            lod_threshold=None,
            name=plan.title,
            min_border_left=BARE_LEFT_PIXELS if self._is_bare else 58,
            min_border_right=10,
        )
        if self._is_bare:
            plot.min_border_top, plot.min_border_bottom = CAPTION_PIXELS, TIMES_PIXELS if is_last else FOOT_PIXELS
            plot.xaxis.visible = is_last
        plot.xaxis.formatter, plot.yaxis.formatter = self._clock_ticks, self._tick_formatters[unit]
        # The grids too, or they would keep the tickers that the figure was made with, and send them to the browser.
        plot.xaxis.ticker = plot.xgrid.ticker = self._moments
        plot.yaxis.ticker = plot.ygrid.ticker = self._tickers[unit]
        plot.xgrid.visible = self._is_bare
        self._draw(plot, plan.traces, unit)
        theme.apply(plot, self.live.theme)
        return plot

    def _draw(self, plot: figure, traces: Sequence[Trace], unit: str) -> None:
        self._draw_gaps(plot)
        for trace in traces:
            if trace.banded:
                self._draw_band(plot, trace)
        legend: dict[str, LegendItem] = {}
        for trace in traces:
            renderer = self._add(plot, self.live.metrics, _line(trace))
            legend.setdefault("Each core" if trace.thin else trace.label, LegendItem(renderers=[renderer]))
        if self._is_bare:
            self._mark_empty(plot)
            return
        for label, item in legend.items():
            item.label = {"value": label}
        plot.add_layout(Legend(items=list(legend.values()), orientation="horizontal", location="right"), "above")
        plot.add_tools(PanTool(dimensions="width"), WheelZoomTool(dimensions="width", modifiers={"ctrl": True}))
        plot.add_tools(self._hover(renderer, traces, unit))
        self._mark_empty(plot)

    def _draw_band(self, plot: figure, trace: Trace) -> None:
        low, high = LOW + trace.series, HIGH + trace.series
        band = VArea(x="t", y1=low, y2=high, fill_color=trace.color, fill_alpha=BAND_ALPHA)
        self._add(plot, self.lookback.bands, band)
        if trace.filled:
            area = VArea(x="t", y1={"value": 0}, y2=FILL + trace.series, fill_color=trace.color, fill_alpha=0.14)
            self._fills.append(self._add(plot, self.live.metrics, area))

    def _draw_gaps(self, plot: figure) -> None:
        grey = theme.SERIES["grey"]
        strip = VStrip(x0="x0", x1="x1", line_color=None, fill_color=grey, fill_alpha=0.08, hatch_color=grey)
        strip.update(hatch_pattern="right_diagonal_line", hatch_alpha=0.35, hatch_scale=8, hatch_weight=1)
        drawn = self._add(plot, self.lookback.gaps, strip)
        if self._is_bare:
            return
        formatters = cast(Formatters, {"@x0": self._moment_hover, "@x1": self._moment_hover})
        plot.add_tools(HoverTool(renderers=[drawn], tooltips=_GAP_TOOLTIP, formatters=formatters))

    def _add(self, plot: figure, source: ColumnDataSource, glyph: Glyph) -> Any:
        return plot.add_glyph(source, glyph, view=self._views[source])

    def _hover(self, renderer: Any, traces: Sequence[Trace], unit: str) -> HoverTool:
        total_first = sorted(traces, key=lambda trace: not trace.filled)
        # By the number of the row, not by the field: Bokeh writes "NaN" for a value that is not known.
        rows = "".join(_TOOLTIP_ROW % (trace.label, trace.series) for trace in total_first)
        return HoverTool(
            renderers=[renderer],
            mode="vline",
            line_policy="nearest",
            tooltips=_TOOLTIP % rows,
            formatters=cast(Formatters, {"@t": self._point_hover, "$index": self._hover_formatters[unit]}),
        )

    def _mark_empty(self, plot: figure) -> None:
        if len(self.live.metrics.data["t"]) == 0:
            label = Label(
                x=16, y=16, x_units="screen", y_units="screen", text=COLLECTING, text_color=theme.SERIES["grey"]
            )
            label.text_font, label.text_font_size = theme.FONT, "12px"
            plot.add_layout(label)
            self._empty.append(label)

    def _connect(self) -> None:
        plots = list(self.figures.values())
        follow = CustomJS(args={"plots": plots}, code=_FOLLOW)
        for plot in plots:
            plot.js_on_event(DoubleTap, follow)

    def _set_window(self, _event: object) -> None:
        self.time.follow_interval = self.live.window_seconds * 1000

    def _set_fills(self, _event: object) -> None:
        """In the past the band alone is filled: an area from zero would be drawn across gaps."""
        for fill in self._fills:
            fill.visible = self.live.following

    def _first_rows(self, _event: object) -> None:
        if len(self.live.metrics.data["t"]) or not self.live.following:
            for label in self._empty:
                label.visible = False
            self.live.param.unwatch(self._awaited)


def _bounds(plan: Plan, live: Live) -> Range1d | DataRange1d:
    if plan.unit == "%":
        return Range1d(start=0, end=100)
    return axes.memory_bounds(live.sample) if plan.unit == "bytes" else axes.rate_bounds()


def _cpu(live: Live) -> tuple[Trace, ...]:
    numbers = sorted(int(name.removeprefix(CORE)) for name in live.metrics.data if name.startswith(CORE))
    colors = theme.SERIES
    if numbers:
        parts = [Trace(f"{CORE}{number}", f"Core {number}", colors["grey"], thin=True) for number in numbers]
    else:
        parts = [
            Trace(BUSIEST, "Busiest core", colors["grey"], "dotted"),
            Trace(IDLEST, "Idlest core", colors["grey"], "dashed"),
        ]
    return (*parts, Trace("cpu.percent", "All cores", colors["blue"], banded=True))


def _line(trace: Trace) -> Line:
    return Line(
        x="t",
        y=trace.series,
        line_color=trace.color,
        line_dash=trace.dash,
        line_width=1 if trace.thin else 1.75,
        line_alpha=0.55 if trace.thin else 1,
    )
