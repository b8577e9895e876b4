"""Four charts on one time axis: processor, memory, disk and network, following the live rows.

Drag to look back, Ctrl and the wheel to zoom, double-click (or "Live") to follow again. Every colour has a second cue:
what comes in is solid, what goes out is dashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import panel as pn
from bokeh.events import DoubleTap, PanStart
from bokeh.layouts import gridplot
from bokeh.models import (
    AdaptiveTicker,
    CustomJS,
    CustomJSHover,
    CustomJSTickFormatter,
    DataRange1d,
    DatetimeTicker,
    FixedTicker,
    HoverTool,
    Line,
    PanTool,
    Range1d,
    VArea,
    WheelZoomTool,
)
from bokeh.models.annotations import Label, Legend, LegendItem
from bokeh.plotting import figure
from msgspec import Struct

from vain.views import theme
from vain.views.live import Live
from vain.views.rows import BUSIEST, CORE, IDLEST

HEIGHT_PIXELS: Final = 208
UNITS: Final = ("%", "bytes", "bytes/s")
COLLECTING: Final = "collecting the first samples…"

_CLOCK = """
const two = (n) => String(n).padStart(2, "0"), at = new Date(%s), seconds = at.getSeconds();
const minutes = two(at.getHours()) + ":" + two(at.getMinutes());
return %s ? minutes + ":" + two(seconds) : minutes;
"""
_BYTES = """
let amount = %s, unit = 0;
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
if (amount == null || Number.isNaN(amount)) return "–";
while (Math.abs(amount) >= 1000 && unit < 5) { amount /= 1024; unit += 1; }
const digits = %s;
return amount.toFixed(unit == 0 ? 0 : digits) + " " + units[unit] + "%s";
"""
_AXIS_DIGITS, _HOVER_DIGITS = "Math.abs(amount - Math.round(amount)) > 0.05 ? 1 : 0", "Math.abs(amount) < 100 ? 1 : 0"
_FOLLOW = """export default ({plots}, _event, _data, {index}) => {
  for (const plot of plots) index.find_one(plot)?.reset();
  delete document.documentElement.dataset.paused;
}"""
_PAUSE = "document.documentElement.dataset.paused = ''"
_TOOLTIP = """<div style="display: grid; grid-template-columns: auto auto; column-gap: 12px; padding: 2px 4px">
<strong style="grid-column: span 2">@t{custom}</strong>%s</div>"""
_TOOLTIP_ROW = '<span>%s</span><span style="text-align: right">%s{custom}</span>'


class Trace(Struct, frozen=True):
    """One line: the series it draws, its name in legend and hover, its colour and its second cue."""

    series: str
    label: str
    color: str
    dash: str = "solid"
    filled: bool = False
    thin: bool = False


class Charts:
    """The four figures over ``live.metrics``, in ``figures`` by name: ``cpu``, ``memory``, ``disk``, ``network``."""

    def __init__(self, live: Live, height_pixels: int = HEIGHT_PIXELS) -> None:
        self.live = live
        self._height_pixels = height_pixels
        self._time = DataRange1d(follow="end", follow_interval=live.window_seconds * 1000, range_padding=0, name="time")
        self._moments, self._percents = DatetimeTicker(desired_num_ticks=5), FixedTicker(ticks=[0, 25, 50, 75, 100])
        self._powers = AdaptiveTicker(base=1024, mantissas=[float(2**n) for n in range(10)], desired_num_ticks=4)
        self._tick_formatters = {unit: _tick_formatter(unit) for unit in UNITS}
        self._hover_formatters = {unit: _hover_formatter(unit) for unit in UNITS}
        self._clock_ticks = CustomJSTickFormatter(code=_CLOCK % ("tick", "seconds"))
        self._clock_hover = CustomJSHover(code=_CLOCK % ("value", "true"))
        self._empty: list[Label] = []
        self.figures: dict[str, figure] = {
            "cpu": self._cpu(),
            "memory": self._memory(),
            "disk": self._rates("Disk", "disk.read", "Read", "disk.written", "Written"),
            "network": self._rates("Network", "network.received", "In", "network.sent", "Out"),
        }
        self._connect()
        live.param.watch(self._set_window, "window_seconds")
        if self._empty:
            self._awaited = live.param.watch(self._first_rows, "tick")

    def __panel__(self) -> pn.viewable.Viewable:
        """All four under each other, for a notebook."""
        for plot in self.figures.values():
            theme.apply(plot, self.live.theme)
        grid = gridplot([[plot] for plot in self.figures.values()], sizing_mode="stretch_width", toolbar_location=None)
        display = pn.pane.Bokeh(grid, sizing_mode="stretch_width")
        self.live.attach(display)
        return display

    def _cpu(self) -> figure:
        numbers = sorted(int(name.removeprefix(CORE)) for name in self.live.metrics.data if name.startswith(CORE))
        colors = theme.SERIES
        if numbers:
            parts = [Trace(f"{CORE}{number}", f"Core {number}", colors["grey"], thin=True) for number in numbers]
        else:
            parts = [
                Trace(BUSIEST, "Busiest core", colors["grey"], "dotted"),
                Trace(IDLEST, "Idlest core", colors["grey"], "dashed"),
            ]
        shown = [*parts, Trace("cpu.percent", "All cores", colors["blue"], filled=True)]
        return self._figure("CPU", Range1d(start=0, end=100), "%", shown)

    def _memory(self) -> figure:
        shown = [
            Trace("memory.used_bytes", "Memory", theme.SERIES["purple"], filled=True),
            Trace("swap.used_bytes", "Swap", theme.SERIES["gold"], "dashed"),
        ]
        sample = self.live.sample
        total = sample.memory.total_bytes if sample else None
        bounds = Range1d(start=0, end=total) if total else DataRange1d(start=0)
        return self._figure("Memory", bounds, "bytes", shown)

    def _rates(self, title: str, metric_in: str, label_in: str, metric_out: str, label_out: str) -> figure:
        shown = [
            Trace(f"{metric_in}_bytes_per_second", label_in, theme.SERIES["blue"], filled=True),
            Trace(f"{metric_out}_bytes_per_second", label_out, theme.SERIES["orange"], "dashed"),
        ]
        return self._figure(title, DataRange1d(start=0, default_span=1024, range_padding=0.15), "bytes/s", shown)

    def _figure(self, title: str, bounds: Range1d | DataRange1d, unit: str, traces: Sequence[Trace]) -> figure:
        plot = figure(
            height=self._height_pixels,
            sizing_mode="stretch_width",
            min_width=0,
            x_axis_type="linear",
            x_range=self._time,
            y_range=bounds,
            tools=[],
            toolbar_location=None,
            title=title,
            output_backend="canvas",
            lod_threshold=None,
            min_border_left=58,
            min_border_right=10,
        )
        values = self._percents if unit == "%" else self._powers
        plot.xaxis.formatter, plot.yaxis.formatter = self._clock_ticks, self._tick_formatters[unit]
        # The grids too, or they would keep the tickers that the figure was made with, and send them to the browser.
        plot.xaxis.ticker = plot.xgrid.ticker = self._moments
        plot.yaxis.ticker = plot.ygrid.ticker = values
        plot.xgrid.visible = False
        self._draw(plot, traces, unit)
        theme.apply(plot, self.live.theme)
        return plot

    def _draw(self, plot: figure, traces: Sequence[Trace], unit: str) -> None:
        legend: dict[str, LegendItem] = {}
        for trace in traces:
            if trace.series not in self.live.metrics.data:
                self.live.add_series(trace.series)
            if trace.filled:
                area = VArea(x="t", y1={"value": 0}, y2=trace.series, fill_color=trace.color, fill_alpha=0.14)
                plot.add_glyph(self.live.metrics, area)
            line = Line(
                x="t",
                y=trace.series,
                line_color=trace.color,
                line_dash=trace.dash,
                line_width=1 if trace.thin else 1.75,
                line_alpha=0.55 if trace.thin else 1,
            )
            renderer: Any = plot.add_glyph(self.live.metrics, line)
            legend.setdefault("Each core" if trace.thin else trace.label, LegendItem(renderers=[renderer]))
        for label, item in legend.items():
            item.label = {"value": label}
        plot.add_layout(Legend(items=list(legend.values()), orientation="horizontal", location="right"), "above")
        plot.add_tools(PanTool(dimensions="width"), WheelZoomTool(dimensions="width", modifiers={"ctrl": True}))
        plot.add_tools(self._hover(renderer, traces, unit))
        self._mark_empty(plot)

    def _hover(self, renderer: Any, traces: Sequence[Trace], unit: str) -> HoverTool:
        total_first = sorted(traces, key=lambda trace: not trace.filled)
        fields = {f"@{{{trace.series}}}": trace.label for trace in total_first}
        return HoverTool(
            renderers=[renderer],
            mode="vline",
            line_policy="nearest",
            tooltips=_TOOLTIP % "".join(_TOOLTIP_ROW % (label, field) for field, label in fields.items()),
            formatters={"@t": self._clock_hover, **dict.fromkeys(fields, self._hover_formatters[unit])},
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
        follow, pause = CustomJS(args={"plots": plots}, code=_FOLLOW), CustomJS(code=_PAUSE)
        for plot in plots:
            plot.js_on_event(DoubleTap, follow)
            plot.js_on_event(PanStart, pause)

    def _set_window(self, _event: object) -> None:
        self._time.follow_interval = self.live.window_seconds * 1000

    def _first_rows(self, _event: object) -> None:
        if len(self.live.metrics.data["t"]):
            for label in self._empty:
                label.visible = False
            self.live.param.unwatch(self._awaited)


def _tick_formatter(unit: str) -> CustomJSTickFormatter:
    if unit == "%":
        return CustomJSTickFormatter(code='return tick + " %"')
    return CustomJSTickFormatter(code=_BYTES % ("tick", _AXIS_DIGITS, unit.removeprefix("bytes")))


def _hover_formatter(unit: str) -> CustomJSHover:
    if unit == "%":
        return CustomJSHover(code='return Number.isNaN(value) || value == null ? "–" : value.toFixed(1) + " %"')
    return CustomJSHover(code=_BYTES % ("value", _HOVER_DIGITS, unit.removeprefix("bytes")))
