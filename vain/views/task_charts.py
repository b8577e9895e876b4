"""What a task used over its time, with the band of its earlier runs behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple, cast

import numpy as np
import param
from bokeh.models import (
    AdaptiveTicker,
    BasicTicker,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    DataRange1d,
    HoverTool,
    Range1d,
)
from bokeh.models.renderers import GlyphRenderer
from bokeh.plotting import figure
from panel.custom import JSComponent

from vain.overlay import By, Run, grid, positions, usual
from vain.views import axes, theme
from vain.views.charts import BAND_ALPHA, Formatters
from vain.views.live import Live
from vain.views.text import asset

HEIGHT_PIXELS: Final = 170
BYS: Final[dict[str, By]] = {"elapsed": "elapsed", "progress": "progress"}
SPANS: Final = {"cores": 0.1, "bytes": 2.0**20, "bytes/s": 1024.0}
"""No axis shows less, or noise would look like much."""
_AMOUNT: Final = """
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const show = (value) => {
  if (!Number.isFinite(value)) return "–";
  if (!"%(unit)s".startsWith("bytes")) return value.toFixed(%(digits)d) + " %(unit)s";
  let amount = value, unit = 0;
  while (Math.abs(amount) >= 1000 && unit < 5) { amount /= 1024; unit += 1; }
  return amount.toFixed(unit ? 1 : 0) + " " + units[unit] + "%(unit)s".slice(5);
};
return show(Number(value));
"""
_LENGTH: Final = """
const length = (seconds) => {
  const whole = Math.round(seconds);
  if (whole < 60) return (whole === seconds ? whole : seconds.toFixed(1)) + " s";
  if (whole < 3600) return Math.floor(whole / 60) + " min" + (whole % 60 ? " " + whole % 60 + " s" : "");
  const minutes = Math.floor(whole % 3600 / 60);
  if (whole < 172800) return Math.floor(whole / 3600) + " h" + (minutes ? " " + minutes + " min" : "");
  return (whole / 86400).toFixed(1) + " d";
};
const told = (at) => range.end === 100 && range.tags[0] === "progress" ? Math.round(at) + " %" : length(at);
"""


class Line(NamedTuple):
    """One line: its metric, its column, its words, its colour, its dash, and what a sample is divided by."""

    metric: str
    name: str
    label: str
    color: str
    dash: str = "solid"
    divisor: float = 1.0


class Chart(NamedTuple):
    """One figure: its title, its unit, its lines."""

    title: str
    unit: str
    lines: tuple[Line, ...]


_S = theme.SERIES
CHARTS: Final = (
    Chart("CPU, in cores", "cores", (Line("task.cpu_percent", "cpu", "CPU", _S["blue"], divisor=100.0),)),
    Chart("Memory", "bytes", (Line("task.memory_bytes", "memory", "Memory", _S["purple"]),)),
    Chart(
        "Disk",
        "bytes/s",
        (
            Line("task.read_bytes_per_second", "read", "Read", _S["blue"]),
            Line("task.written_bytes_per_second", "written", "Written", _S["orange"], "dashed"),
        ),
    ),
    Chart("Progress", "%", (Line("task.progress_percent", "progress", "Progress", _S["green"]),)),
)
LINES: Final = tuple(line for chart in CHARTS for line in chart.lines)
METRICS: Final = tuple(line.metric for line in LINES)


class ByControl(JSComponent):
    """The browser's side of the choice: by time since the start, or by progress."""

    by = param.String(default="elapsed")
    note = param.String(default="")

    _esm = "\n".join(map(asset, ("board_dom.js", "task_by.js")))
    _stylesheets: ClassVar[list[str]] = [asset("task.css")]


class TaskCharts:
    """The figures, and the control that stands beside their heading."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.by: By = "elapsed"
        self._own: Run | None = None
        self._runs: Sequence[Run] = ()
        self._ran = ColumnDataSource({"x": [], **{line.name: [] for line in LINES}})
        self._usual = ColumnDataSource({"x": [], **{column: [] for column in _usual_columns()}})
        self._range = Range1d(start=0, end=60, tags=["elapsed"])
        self.control = ByControl(margin=0)
        self.control.on_msg(lambda event: self.choose(event.data))
        self.figures = tuple(self._figure(chart) for chart in CHARTS)
        self.figures[-1].visible = False

    def choose(self, message: Any) -> None:
        """Takes the browser's choice; what there is not is left unanswered."""
        by = BYS.get(str(message.get("by"))) if isinstance(message, dict) else None
        if by is not None and by != self.by:
            self.by = by
            self.draw(self._own, self._runs)

    def draw(self, own: Run | None, runs: Sequence[Run]) -> None:
        """Shows a run and the band of the earlier ones."""
        self._own, self._runs = own, runs
        ends = [float(run.elapsed[-1]) for run in (own, *runs) if run is not None and len(run.elapsed)]
        at = grid(self.by, max(ends, default=60.0))
        self._range.update(end=float(at[-1]), tags=[self.by])
        self._ran.data = _columns(own, self.by)
        self._usual.data = _band(runs, self.by, at)
        # Titles without axes look broken: where nothing is known, the note alone says why.
        for each in self.figures:
            each.visible = bool(ends)
        has_progress = any(not np.isnan(run.progress).all() for run in (own, *runs) if run is not None)
        self.figures[-1].visible = has_progress and self.by == "elapsed"
        self.control.param.update(by=self.by, note=_note(own, runs))

    def _figure(self, chart: Chart) -> figure:
        plot = figure(
            height=HEIGHT_PIXELS, sizing_mode="stretch_width", min_width=0, tools=[], toolbar_location=None,
            title=chart.title, x_range=self._range, y_range=_bounds(chart), output_backend="canvas",
            lod_threshold=None, min_border_left=64, min_border_right=10, name=chart.title,
        )  # fmt: skip
        plot.xgrid.visible = False
        plot.xaxis.ticker = AdaptiveTicker(base=60, mantissas=[1, 2, 5, 10, 15, 30], min_interval=1)
        plot.xaxis.ticker.desired_num_ticks = 5
        plot.xaxis.formatter = CustomJSTickFormatter(args={"range": self._range}, code=_LENGTH + "return told(tick);")
        if chart.unit == "cores":
            plot.yaxis.ticker = plot.ygrid.ticker = BasicTicker(desired_num_ticks=4)
        else:
            plot.yaxis.formatter = axes.tick_formatter(chart.unit)
            plot.yaxis.ticker = plot.ygrid.ticker = axes.tickers()[chart.unit]
        for line in chart.lines:
            self._draw_line(plot, line)
        self._add_hover(plot, chart)
        theme.apply(plot, self.live.theme)
        return plot

    def _draw_line(self, plot: figure, line: Line) -> None:
        low, mid, high = (f"{part}_{line.name}" for part in ("low", "mid", "high"))
        plot.varea("x", low, high, source=self._usual, fill_color=theme.SERIES["grey"], fill_alpha=BAND_ALPHA)
        plot.line("x", mid, source=self._usual, line_color=theme.SERIES["grey"], line_dash="dotted", line_width=1.5)
        plot.line("x", line.name, source=self._ran, line_color=line.color, line_dash=line.dash, line_width=1.75)

    def _add_hover(self, plot: figure, chart: Chart) -> None:
        show = CustomJSHover(code=_AMOUNT % {"unit": chart.unit, "digits": 2 if chart.unit == "cores" else 1})
        where = CustomJSHover(args={"range": self._range}, code=_LENGTH + "return told(value);")
        for source, columns in (
            (self._ran, [(line.label, line.name) for line in chart.lines]),
            (self._usual, [(f"{line.label}, usually", f"mid_{line.name}") for line in chart.lines]),
        ):
            drawn = [each for each in plot.renderers if isinstance(each, GlyphRenderer) and each.data_source is source]
            told: dict[str, Any] = {"@x": where, **{f"@{name}": show for _, name in columns}}
            tooltips = [("", "@x{custom}"), *((label, f"@{name}{{custom}}") for label, name in columns)]
            plot.add_tools(
                HoverTool(renderers=[drawn[-1]], mode="vline", tooltips=tooltips, formatters=cast(Formatters, told))
            )


def _bounds(chart: Chart) -> Range1d | DataRange1d:
    if chart.unit == "%":
        return Range1d(start=0, end=100)
    return DataRange1d(start=0, range_padding=0.15, default_span=SPANS[chart.unit], min_interval=SPANS[chart.unit])


def _columns(own: Run | None, by: By) -> dict[str, Any]:
    if own is None:
        return {"x": [], **{line.name: [] for line in LINES}}
    nothing = np.full(len(own.elapsed), np.nan)
    return {
        "x": positions(own, by),
        **{line.name: own.values.get(line.metric, nothing) / line.divisor for line in LINES},
    }


def _band(runs: Sequence[Run], by: By, at: Any) -> dict[str, Any]:
    columns: dict[str, Any] = {"x": at}
    for line in LINES:
        for part, values in usual(runs, line.metric, by, at)._asdict().items():
            columns[f"{part}_{line.name}"] = values / line.divisor
    return columns


def _usual_columns() -> list[str]:
    return [f"{part}_{line.name}" for line in LINES for part in ("low", "mid", "high")]


def _note(own: Run | None, runs: Sequence[Run]) -> str:
    if own is None or not len(own.elapsed):
        return "No samples of it are kept: start it with vain run, and its processes are watched."
    if len(runs) < 2:
        return "The band of the usual comes after two earlier runs that succeeded."
    return f"Grey: {len(runs)} earlier runs, from the smallest to the largest, dotted their median"
