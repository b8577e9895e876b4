"""The charts of the tasks' flow with a row for each name or state. Every colour has a second cue."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, cast

from bokeh.core.properties import expr
from bokeh.models import HBar, Scatter, Segment, Stack, Text
from bokeh.plotting import figure

from vain import words
from vain.flow.figures import PERCENTILES, Chart
from vain.types import FAILURES
from vain.views import theme
from vain.views.completion import OUTCOMES as ENDINGS
from vain.views.completion import SMALLEST_SCALE
from vain.views.flow_drawing import (
    SHORTEST_SECONDS,
    Drawing,
    at_least,
    columns,
    fit_logarithmic,
    hover,
    legend_above,
    name_rows,
    with_rows,
)

SERIES: Final = theme.SERIES
MOST_AGING_NAMES: Final = 15
"""Rows of the figure; the table has all."""
LEAST_AGE_SECONDS: Final = 30.0
AGES: Final = (
    ("p50_seconds", "Median", SERIES["grey"]),
    ("p85_seconds", "p85", SERIES["orange"]),
)
SPREAD: Final = (("p50", "Median", "circle"), ("p85", "p85", "diamond"), ("p95", "p95", "square"))
STATES: Final[Mapping[str, str]] = {
    "pending": SERIES["gold"],
    "in-progress": SERIES["blue"],
    "succeeded": SERIES["green"],
    **dict.fromkeys(FAILURES, SERIES["red"]),
}


class AgingDrawing(Drawing):
    """A row for each name with work in progress: how old each task is, and how long earlier ones took."""

    nothing = "nothing is in progress"
    fields = ("task_id", "name", "x", "row", "seconds", "p50_seconds", "p85_seconds")

    def make(self) -> figure:
        plot = with_rows(self.parts, "age")
        blue = SERIES["blue"]
        dots = self.add(plot, Scatter(x="x", y="row", size=9, line_color=blue, fill_color=blue, fill_alpha=0.5))
        shown = {"In progress": [dots]}
        for column, label, color in AGES:
            dash = Scatter(x=column, y="row", marker={"value": "dash"}, size=15, angle=math.pi / 2)
            dash.update(line_color=color, line_width=2.5)
            shown[label] = [self.add(plot, dash)]
        rows = [("Task", "task_id", "count"), ("Name", "name", "text"), ("Age", "seconds", "duration")]
        rows += [("Median", "p50_seconds", "duration"), ("p85", "p85_seconds", "duration")]
        plot.add_tools(hover(self.parts, [dots], rows))
        legend_above(plot, shown)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        names = list(dict.fromkeys(given["name"]))[:MOST_AGING_NAMES]
        shown = [place for place, name in enumerate(given["name"]) if name in names]
        drawn = {name: [column[place] for place in shown] for name, column in given.items()}
        seconds = [60 * age for age in drawn["age_minutes"]]
        rows = [-float(names.index(name)) for name in drawn["name"]]
        return {**drawn, "seconds": seconds, "x": at_least(LEAST_AGE_SECONDS, seconds), "row": rows}

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        name_rows(self.figure, list(dict.fromkeys(fresh["name"])))
        fit_logarithmic(self.figure.x_range, [*fresh["x"], *fresh["p50_seconds"], *fresh["p85_seconds"]])


class DurationsDrawing(Drawing):
    """A row for each name: from the median to p95, and p85 in between."""

    nothing = "no run with a start and an end in this window"
    fields = ("name", "runs", "row", "p50", "p85", "p95")

    def make(self) -> figure:
        plot = with_rows(self.parts, "from start to end")
        blue = SERIES["blue"]
        self.add(plot, Segment(x0="p50", y0="row", x1="p95", y1="row", line_color=blue, line_width=4, line_alpha=0.35))
        shown = {}
        for column, label, marker in SPREAD:
            mark = Scatter(x=column, y="row", size=8, marker={"value": marker}, line_color=blue, fill_color=blue)
            shown[label] = [self.add(plot, mark)]
        rows = [("Name", "name", "text"), ("Runs", "runs", "count")]
        rows += [(label, f"{column}_seconds", "duration") for column, label, _ in SPREAD]
        rows += [("Mean", "mean_seconds", "duration"), ("In all", "total_seconds", "duration")]
        plot.add_tools(hover(self.parts, [each for (each,) in shown.values()], rows))
        legend_above(plot, shown)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        places = {f"p{each}": at_least(SHORTEST_SECONDS, given[f"p{each}_seconds"]) for each in PERCENTILES}
        return {**given, **places, "row": [-float(place) for place in range(len(given["name"]))]}

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        name_rows(self.figure, fresh["name"])
        fit_logarithmic(self.figure.x_range, [*fresh["p50"], *fresh["p95"]])


class OutcomesDrawing(Drawing):
    """A row for each name: its runs by ending, and in words the share that succeeded."""

    nothing = "nothing ended in this window"
    fields = ("name", *ENDINGS, "success_percent", "all", "row", "words")

    def make(self) -> figure:
        plot = with_rows(self.parts, "runs that ended", is_duration=False)
        shown: dict[str, list[Any]] = {}
        before: list[str] = []
        for name, (label, color, hatch) in ENDINGS.items():
            bars = HBar(y="row", height=0.62, hatch_color="white", hatch_alpha=0.45, hatch_scale=8)
            bars.update(left=expr(Stack(fields=list(before))), right=expr(Stack(fields=[*before, name])))
            bars.update(fill_color=color, line_color=None, hatch_pattern=hatch)
            shown[label] = [self.add(plot, bars)]
            before.append(name)
        self.add(plot, _words_beside("all"))
        rows = [("Name", "name", "text"), *((label, name, "count") for name, (label, _, _) in ENDINGS.items())]
        renderers = [each for (each,) in shown.values()]
        plot.add_tools(hover(self.parts, renderers, [*rows, ("Success rate, %", "success_percent", "count")]))
        legend_above(plot, shown)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        return {
            **given,
            "all": [sum(row) for row in zip(*(given[name] for name in ENDINGS), strict=True)],
            "row": [-float(place) for place in range(len(given["name"]))],
            "words": [words.percent(share) for share in cast("list[float | None]", chart.data["success_percent"])],
        }

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        name_rows(self.figure, fresh["name"])
        self.figure.x_range.update(end=max([SMALLEST_SCALE, *(1.2 * runs for runs in fresh["all"])]))


class StatusDrawing(Drawing):
    """How many tasks stand where."""

    nothing = "no task yet"
    fields = ("state", "tasks", "row", "color", "words")

    def make(self) -> figure:
        plot = with_rows(self.parts, "tasks", is_duration=False)
        bars = self.add(plot, HBar(y="row", right="tasks", height=0.62, fill_color="color", line_color=None))
        self.add(plot, _words_beside("tasks"))
        plot.add_tools(hover(self.parts, [bars], [("State", "state", "text"), ("Tasks", "tasks", "count")]))
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        given = columns(chart)
        return {
            **given,
            "row": [-float(place) for place in range(len(given["state"]))],
            "color": [STATES.get(state, SERIES["grey"]) for state in given["state"]],
            "words": [f"{tasks:,}" for tasks in given["tasks"]],
        }

    def fit(self, fresh: Mapping[str, list[Any]]) -> None:
        name_rows(self.figure, fresh["state"])
        self.figure.x_range.update(end=max(SMALLEST_SCALE, *(1.12 * tasks for tasks in fresh["tasks"])))

    def is_drawn(self, fresh: Mapping[str, list[Any]]) -> bool:
        return any(fresh["tasks"])


def _words_beside(column: str) -> Text:
    text = Text(x=column, y="row", text="words", x_offset=5, text_baseline="middle", text_color=SERIES["grey"])
    text.update(text_font={"value": theme.FONT}, text_font_size="11px")
    return text
