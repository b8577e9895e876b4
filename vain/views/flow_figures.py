"""The charts of the tasks' flow as figures. Every colour has a second cue: a hatch, a mark, a place or a word."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from bokeh.core.properties import expr
from bokeh.models import FixedTicker, Line, Range1d, Scatter, Stack, Step, VArea, VBar
from bokeh.models.annotations import Label, Span
from bokeh.plotting import figure

from vain.flow.figures import PERCENTILES, Chart, Durations, Ending, ending
from vain.views import theme
from vain.views.completion import OUTCOMES as ENDINGS
from vain.views.completion import SMALLEST_SCALE
from vain.views.flow_drawing import (
    SHORTEST_SECONDS,
    Drawing,
    at_least,
    columns,
    fit_logarithmic,
    fit_times,
    hover,
    legend_above,
    legend_by,
    over_time,
)
from vain.windows import Interval

SERIES: Final = theme.SERIES
BAR_SHARE: Final = 0.72
HOUR_MILLISECONDS: Final = 3_600_000
MARKERS: Final[Mapping[Ending, str]] = {"succeeded": "circle", "failed": "x", "cancelled": "square"}
AREAS: Final = (
    ("done", "Completed or removed", "floor", "done", SERIES["green"], 0.30, " "),
    ("in_progress", "In progress", "done", "started", SERIES["blue"], 0.40, "right_diagonal_line"),
    ("pending", "Pending", "started", "arrived", SERIES["gold"], 0.30, "dot"),
)
"""From the bottom up: column, label, lower and upper line, colour, how dense, hatch."""
DASHES: Final = {50: "solid", 85: "dashed", 95: "dotted"}
LABEL_PLACES: Final = {50: 6, 85: 60, 95: 90}
"""Pixels from the left: beside each other, since their lines may be one."""


class CompletionDrawing(Drawing):
    """What ended in each bucket, by ending, and as a line what arrived."""

    nothing = "nothing arrived or ended in this window"
    fields = ("t", "middle", "width", *ENDINGS, "created")

    def make(self) -> figure:
        plot = over_time(self.parts, y_range=Range1d(start=0, end=SMALLEST_SCALE))
        plot.yaxis.ticker = plot.ygrid.ticker = self.parts.counts
        plot.yaxis.axis_label = "tasks"
        shown: dict[str, list[Any]] = {}
        below: list[str] = []
        for name, (label, color, hatch) in ENDINGS.items():
            stack = {"bottom": Stack(fields=list(below)), "top": Stack(fields=[*below, name])}
            looks: dict[str, Any] = {"fill_color": color, "line_color": None, "hatch_pattern": hatch}
            bars = VBar(x="middle", width="width", hatch_color="white", hatch_alpha=0.45, hatch_scale=8, **looks)
            bars.update(**{side: expr(each) for side, each in stack.items()})
            shown[label] = [self.add(plot, bars)]
            below.append(name)
        line = Line(x="middle", y="created", line_color=SERIES["blue"], line_dash="dashed", line_width=1.5)
        shown["Arrived"] = [self.add(plot, line)]
        rows = [("From", "t", "time"), *((label, name, "count") for name, (label, _, _) in ENDINGS.items())]
        plot.add_tools(hover(self.parts, shown["Arrived"], [*rows, ("Arrived", "created", "count")], "vline"))
        legend_above(plot, shown)
        return plot

    def say_interval(self, interval: Interval) -> None:
        """Name the length of a bar."""
        self.figure.yaxis.axis_label = f"tasks {'an' if interval == 'hour' else 'a'} {interval}"

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        starts = given["t"]
        span = starts[1] - starts[0] if len(starts) > 1 else HOUR_MILLISECONDS
        middles = [start + span / 2 for start in starts]
        return {**given, "middle": middles, "width": [BAR_SHARE * span] * len(starts)}

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        ended = [sum(row) for row in zip(*(fresh[name] for name in ENDINGS), strict=True)]
        self.figure.y_range.update(end=max([SMALLEST_SCALE, *(1.12 * most for most in (*ended, *fresh["created"]))]))

    def is_drawn(self, fresh: Mapping[str, list[Any]]) -> bool:
        return any(any(fresh[name]) for name in (*ENDINGS, "created"))


class CumulativeDrawing(Drawing):
    """The cumulative flow diagram, from the level at the beginning of the window up."""

    nothing = "no task yet"
    fields = ("t", "floor", "done", "started", "arrived", "in_progress", "pending")

    def make(self) -> figure:
        plot = over_time(self.parts, y_range=Range1d(start=0, end=SMALLEST_SCALE))
        plot.yaxis.ticker = plot.ygrid.ticker = self.parts.counts
        plot.yaxis.axis_label = "tasks of all time"
        shown: dict[str, list[Any]] = {}
        for _, label, low, high, color, alpha, hatch in AREAS:
            looks: dict[str, Any] = {
                "fill_color": color,
                "fill_alpha": alpha,
                "hatch_pattern": hatch,
                "hatch_color": color,
            }
            shown[label] = [self.add(plot, VArea(x="t", y1=low, y2=high, hatch_alpha=0.35, hatch_scale=10, **looks))]
            edge = self.add(plot, Line(x="t", y=high, line_color=color, line_width=1.5))
        rows = [("At", "t", "time"), *((label, name, "count") for name, label, *_ in AREAS)]
        plot.add_tools(hover(self.parts, [edge], rows, "vline"))
        legend_above(plot, shown)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        done = [sum(pair) for pair in zip(given["completed"], given["removed"], strict=True)]
        least = min((value for value in given["completed"] if not math.isnan(value)), default=0)
        return {
            **given,
            "done": done,
            "floor": [least] * len(done),
            "in_progress": [a - b for a, b in zip(given["started"], done, strict=True)],
            "pending": [a - b for a, b in zip(given["arrived"], given["started"], strict=True)],
        }

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        known = [value for value in fresh["arrived"] if not math.isnan(value)]
        least, most = min(fresh["floor"], default=0), max(known, default=0)
        self.figure.y_range.update(start=least, end=max(least + SMALLEST_SCALE, most + 0.08 * (most - least)))

    def is_drawn(self, fresh: Mapping[str, list[Any]]) -> bool:
        return any(value > 0 for value in fresh["arrived"])


class CycleTimeDrawing(Drawing):
    """A mark for each run that ended, and a line for each percentile of all."""

    nothing = "no run with a start and an end in this window"
    fields = ("t", "y", "cycle_seconds", "name", "outcome", "ending", "color", "marker")

    def make(self) -> figure:
        plot = over_time(
            self.parts, x_range=Range1d(start=0, end=1), y_axis_type="log", y_range=Range1d(start=0.1, end=10)
        )
        plot.yaxis.ticker = plot.ygrid.ticker = self.parts.durations
        plot.yaxis.formatter = self.parts.duration_words
        plot.xaxis.visible = False
        mark = Scatter(x="t", y="y", marker={"field": "marker"}, line_color="color", fill_color="color", size=7)
        mark.update(fill_alpha=0.5)
        dots = self.add(plot, mark)
        rows = [("Name", "name", "text"), ("Took", "cycle_seconds", "duration"), ("Ended", "t", "time")]
        plot.add_tools(hover(self.parts, [dots], [*rows, ("Outcome", "outcome", "text")]))
        self.lines = {percent: _percentile(plot, percent, dash) for percent, dash in DASHES.items()}
        legend_by(plot, "ending", dots)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        endings = [ending(outcome) for outcome in given["outcome"]]
        return {
            **given,
            "y": at_least(SHORTEST_SECONDS, given["cycle_seconds"]),
            "ending": [ENDINGS[each][0] for each in endings],
            "color": [ENDINGS[each][1] for each in endings],
            "marker": [MARKERS[each] for each in endings],
        }

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        """Over the marks that there are: of many runs only the newest are told, which would stand at one edge."""
        fit_logarithmic(self.figure.y_range, fresh["y"])
        fit_times(self.figure, fresh["t"])

    def mark(self, cycle_time: Durations) -> None:
        """Draw the percentiles; one that is not known is not drawn."""
        seconds = (cycle_time.p50_seconds, cycle_time.p85_seconds, cycle_time.p95_seconds)
        for (percent, (line, label)), each in zip(self.lines.items(), seconds, strict=True):
            place = None if each is None else max(SHORTEST_SECONDS, each)
            line.update(location=place, visible=place is not None)
            text = "median" if percent == 50 else f"p{percent}"
            label.update(y=place or SHORTEST_SECONDS, text=text, visible=place is not None)


class ForecastDrawing(Drawing):
    """The chance that all is done, over the time to come."""

    fields = ("t", "percent")

    def make(self) -> figure:
        plot = over_time(self.parts, x_range=Range1d(start=0, end=1), y_range=Range1d(start=0, end=104))
        plot.yaxis.axis_label = "chance, %"
        plot.xaxis.visible = False
        blue = SERIES["blue"]
        self.add(plot, Step(x="t", y="percent", line_color=blue, line_width=2, mode="after"))
        dots = self.add(plot, Scatter(x="t", y="percent", line_color=blue, fill_color=blue, size=6))
        plot.yaxis.ticker = plot.ygrid.ticker = FixedTicker(ticks=[0, *PERCENTILES])
        plot.add_tools(hover(self.parts, [dots], [("Done by", "t", "time"), ("Chance, %", "percent", "count")]))
        return plot

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        self.figure.xaxis.visible = bool(fresh["t"])
        fit_times(self.figure, fresh["t"])


def _percentile(plot: figure, percent: int, dash: str) -> tuple[Span, Label]:
    line = Span(dimension="width", line_dash=dash, line_color=SERIES["grey"], line_width=1.5, visible=False)
    label = Label(
        x=LABEL_PLACES[percent], y=1, x_units="screen", text="", visible=False, text_color=SERIES["grey"], y_offset=2
    )
    label.text_font, label.text_font_size = theme.FONT, "11px"
    plot.add_layout(line)
    plot.add_layout(label)
    return line, label
