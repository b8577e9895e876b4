"""What the figures of the flow have in common: one look, axes of times and durations, columns as Bokeh takes them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bokeh.models import (
    AdaptiveTicker,
    CDSView,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTickFormatter,
    FixedTicker,
    HoverTool,
    Range,
    Range1d,
)
from bokeh.models.annotations import Label, Legend, LegendItem
from bokeh.models.glyph import Glyph
from bokeh.plotting import figure

from vain.clock import unix
from vain.flow.figures import Cell, Chart
from vain.views import axes, theme
from vain.views.text import asset
from vain.windows import Window

HEIGHT_PIXELS: Final = 240
ROW_PIXELS: Final = 22
FEWEST_ROWS: Final = 6
"""One name alone does not fill the figure."""
AROUND_ROWS_PIXELS: Final = 62
LEFT_PIXELS: Final = 58
NAME_CHARACTERS: Final = 22
LEAST_ROOM_MILLISECONDS: Final = 600_000
SHORTEST_SECONDS: Final = 0.001
"""Where a logarithmic axis of durations begins: what took less is drawn there."""
TICKS_SECONDS: Final = (0.001, 0.01, 0.1, 1, 10, 60, 600, 3_600, 36_000, 86_400, 604_800, 2_592_000, 31_536_000)

_DURATION: Final = asset("flow_duration.js")
_KNOWN: Final = """
if (value == null || Number.isNaN(value)) return "–";
return typeof value === "number" ? value.toLocaleString(undefined, {maximumFractionDigits: 2}) : String(value);
"""
_MATHS: Final = ("$$", "\\(", "\\[")
"""What Bokeh would take for the beginning of a formula."""


class Parts:
    """The models that all figures of one page share: each of them is sent once."""

    def __init__(self) -> None:
        self.moments, self.moment_words = axes.time_ticker(), axes.time_formatter()
        self.durations = FixedTicker(ticks=list(TICKS_SECONDS))
        self.duration_words = CustomJSTickFormatter(code=_DURATION + "\nreturn durationOf(tick);")
        self.counts = AdaptiveTicker(desired_num_ticks=4, min_interval=1, mantissas=[1, 2, 5])
        self.moment_hover = axes.moment_hover()
        self.duration_hover = CustomJSHover(code=_DURATION + "\nreturn durationOf(value);")
        self.known_hover = CustomJSHover(code=_KNOWN)
        self.time = Range1d(start=0, end=1)
        self.amounts = axes.tickers()
        self.amount_words = {unit: axes.tick_formatter(unit) for unit in ("%", "bytes/s")}

    def show_window(self, window: Window) -> None:
        """Has the axes of time reach over the window."""
        self.time.update(start=unix(window.after) * 1000, end=unix(window.before) * 1000)


class Drawing(ABC):
    """One figure: ``draw`` gives it the data of its chart. ``empty`` says what is missing, where nothing is drawn."""

    nothing = "nothing in this window"
    fields: tuple[str, ...] = ()
    """The columns of ``source`` that glyphs name: Bokeh wants them there before there are data."""

    def __init__(self, parts: Parts, title: str) -> None:
        self.parts = parts
        self.source = ColumnDataSource({name: [] for name in self.fields})
        self.view = CDSView()
        self.figure = self.make()
        self.figure.name = title
        self.empty = Label(x=12, y=12, x_units="screen", y_units="screen", text="", text_color=theme.SERIES["grey"])
        self.empty.text_font, self.empty.text_font_size = theme.FONT, "12px"
        self.figure.add_layout(self.empty)
        theme.apply(self.figure)

    @abstractmethod
    def make(self) -> figure:
        """The figure, with its glyphs over ``source``, before there are data."""

    def add(self, plot: figure, glyph: Glyph) -> Any:
        """Draws from ``source``; one model for the look, where ``figure.line`` and the like make five."""
        return plot.add_glyph(self.source, glyph, view=self.view)

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        """The chart's data as they are, and what else the glyphs need."""
        return columns(chart)

    def draw(self, chart: Chart) -> None:
        """Show ``chart``. What is already shown is not sent again."""
        fresh = self.columns(chart)
        if not same(fresh, self.source.data):
            self.source.data = fresh
            self.fit(fresh)
        self.empty.text = "" if self.is_drawn(fresh) else self.nothing

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:  # noqa: B027  # most have nothing to adapt
        """Adapt what is around the data."""

    def is_drawn(self, fresh: Mapping[str, list[Any]]) -> bool:
        """Whether there is something to see."""
        return any(fresh.values())


def over_time(parts: Parts, height_pixels: int = HEIGHT_PIXELS, **more: Any) -> figure:
    """A figure with the time from left to right."""
    plot = _figure(height_pixels, **{"x_range": parts.time, **more})
    plot.xaxis.formatter = parts.moment_words
    plot.xaxis.ticker = plot.xgrid.ticker = parts.moments
    plot.xgrid.visible = False
    return plot


def with_rows(parts: Parts, title: str, is_duration: bool = True) -> figure:
    """A figure with a row for each name, durations or counts from left to right."""
    more: dict[str, Any] = {"x_axis_type": "log"} if is_duration else {}
    plot = _figure(
        HEIGHT_PIXELS,
        x_range=Range1d(start=0.1 if is_duration else 0, end=10),
        y_range=Range1d(start=-0.7, end=0.7),
        **more,
    )
    if is_duration:
        plot.xaxis.ticker = plot.xgrid.ticker = parts.durations
        plot.xaxis.formatter = parts.duration_words
    else:
        plot.xaxis.ticker = plot.xgrid.ticker = parts.counts
    plot.xaxis.axis_label = title
    plot.ygrid.visible = False
    plot.yaxis.major_tick_line_color = None
    return plot


def name_rows(plot: figure, names: Sequence[str]) -> None:
    """Names the rows from the top down, and gives the figure room for them."""
    plot.yaxis.ticker = FixedTicker(ticks=[-float(place) for place in range(len(names))])
    plot.yaxis.major_label_overrides = {-float(place): shortened(name) for place, name in enumerate(names)}
    plot.y_range.update(start=0.7 - max(FEWEST_ROWS, len(names)), end=0.7)
    plot.height = max(HEIGHT_PIXELS, ROW_PIXELS * len(names) + AROUND_ROWS_PIXELS)


def fit_logarithmic(bounds: Range, values: Iterable[float]) -> None:
    """From a little below the least to a little above the most, over half a decade at least; NaN says nothing."""
    known = [value for value in values if value > 0]
    if known:
        middle = math.sqrt(min(known) * max(known))
        bounds.update(start=min(min(known) / 1.6, middle / 2), end=max(max(known) * 1.6, middle * 2))


def fit_times(plot: figure, milliseconds: Sequence[float]) -> None:
    """From the first to the last of ascending times, with some room at both ends; without any there is no axis."""
    plot.xaxis.visible = bool(milliseconds)
    if milliseconds:
        room = max(LEAST_ROOM_MILLISECONDS, 0.04 * (milliseconds[-1] - milliseconds[0]))
        plot.x_range.update(start=milliseconds[0] - room, end=milliseconds[-1] + room)


def hover(parts: Parts, renderers: Any, rows: Sequence[tuple[str, str, str]], mode: Any = "mouse") -> HoverTool:
    """What a point tells: label, column and kind (``time``, ``duration``, else as it is known)."""
    kinds = {"time": parts.moment_hover, "duration": parts.duration_hover}
    tooltips = [
        (label, f"@{{{column}}}{{custom}}" if kind != "text" else f"@{{{column}}}") for label, column, kind in rows
    ]
    formatters: Any = {
        f"@{{{column}}}": kinds.get(kind, parts.known_hover) for _, column, kind in rows if kind != "text"
    }
    return HoverTool(renderers=renderers, mode=mode, tooltips=tooltips, formatters=formatters)


def legend_above(plot: figure, items: Mapping[str, Sequence[Any]]) -> None:
    """The names of the renderers in one line over the figure."""
    made = [LegendItem(label={"value": label}, renderers=list(renderers)) for label, renderers in items.items()]
    plot.add_layout(Legend(items=made, orientation="horizontal", location="right"), "above")


def legend_by(plot: figure, field: str, renderer: Any) -> None:
    """The same for the different values of a column."""
    item = LegendItem(label={"field": field}, renderers=[renderer])
    plot.add_layout(Legend(items=[item], orientation="horizontal", location="right"), "above")


def columns(chart: Chart) -> dict[str, list[Any]]:
    """A chart's data, where an unknown number is NaN: Bokeh draws nothing there."""
    return {name: cells(column) for name, column in chart.data.items()}


def cells(column: Sequence[Cell]) -> list[Any]:
    """A column, its unknown cells as NaN."""
    return [math.nan if cell is None else cell for cell in column]


def at_least(least: float, column: Sequence[Any]) -> list[float]:
    """Numbers for a logarithmic axis, which has no zero; NaN stays."""
    return [value if math.isnan(value) else max(least, value) for value in column]


def same(fresh: Mapping[str, list[Any]], drawn: Mapping[str, Any]) -> bool:
    """Whether these are the same columns, NaN equal to NaN."""
    return fresh.keys() == drawn.keys() and all(
        len(column) == len(drawn[name])
        and all(a == b or (a != a and b != b) for a, b in zip(column, drawn[name], strict=True))
        for name, column in fresh.items()
    )


def shortened(name: str) -> str:
    """A name as a label, which Bokeh must not take for a formula."""
    text = name if len(name) <= NAME_CHARACTERS else f"{name[: NAME_CHARACTERS - 1]}…"
    for start in _MATHS:
        text = text.replace(start, f"{start[0]}\N{ZERO WIDTH SPACE}{start[1]}")
    return text


def _figure(height_pixels: int, **more: Any) -> figure:
    given: dict[str, Any] = {"x_axis_type": "linear", **more}
    return figure(
        height=height_pixels,
        sizing_mode="stretch_width",
        min_width=0,
        tools=[],
        toolbar_location=None,
        output_backend="canvas",
        min_border_left=LEFT_PIXELS,
        min_border_right=12,
        **given,
    )
