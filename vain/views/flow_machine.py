"""The machine over the time that the flow page shows: the mean of each series as a line, a band from least to most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bokeh.models import ColumnDataSource, MultiLine, Range1d, Scatter
from bokeh.models.glyphs import Patches
from bokeh.plotting import figure

from vain.flow.figures import Chart
from vain.views import theme
from vain.views.flow_drawing import Drawing, Parts, cells, legend_by, over_time
from vain.views.flow_tables import series_label

HEIGHT_PIXELS: Final = 190
LEAST_BYTES: Final = 1024.0
COLORS: Final = tuple(theme.SERIES[name] for name in ("blue", "orange", "green", "purple", "gold", "red", "grey"))
DASHES: Final = ("solid", "dashed", "dotdash", "dotted", "dashdot", "solid", "dashed")


class MachineDrawing(Drawing):
    """One row of ``source`` for each series: how many there are is known only when they come."""

    nothing = "no sample in this window"
    fields = ("series", "xs", "ys", "label", "color", "dash")

    def __init__(self, parts: Parts, title: str, is_percent: bool) -> None:
        self._is_percent = is_percent
        self.alone = ColumnDataSource({"x": [], "y": [], "color": []})
        self.bands = ColumnDataSource({"xs": [], "ys": [], "color": []})
        super().__init__(parts, title)

    def make(self) -> figure:
        bounds = Range1d(start=0, end=100) if self._is_percent else Range1d(start=0, end=LEAST_BYTES)
        plot = over_time(self.parts, HEIGHT_PIXELS, y_range=bounds)
        unit = "%" if self._is_percent else "bytes/s"
        plot.yaxis.formatter = self.parts.amount_words[unit]
        plot.yaxis.ticker = plot.ygrid.ticker = self.parts.amounts[unit]
        plot.add_glyph(self.bands, Patches(xs="xs", ys="ys", fill_color="color", fill_alpha=0.18, line_color=None))
        lines = self.add(plot, MultiLine(xs="xs", ys="ys", line_color="color", line_dash="dash", line_width=1.75))
        dot = Scatter(x="x", y="y", size=4, fill_color="color", line_color="color")
        plot.add_glyph(self.alone, dot)
        legend_by(plot, "label", lines)
        return plot

    def columns(self, chart: Chart) -> dict[str, list[Any]]:
        times = cells(chart.data["t"])
        looks = [place % len(COLORS) for place in range(len(chart.y))]
        return {
            "series": list(chart.y),
            "xs": [times] * len(chart.y),
            "ys": [cells(chart.data[series]) for series in chart.y],
            "label": [series_label(series).removesuffix(" pressure") for series in chart.y],
            "color": [COLORS[place] for place in looks],
            "dash": [DASHES[place] for place in looks],
        }

    def draw(self, chart: Chart) -> None:
        super().draw(chart)
        bands = [
            (band, color)
            for series, color in zip(chart.y, self.source.data["color"], strict=True)
            for band in bands_of(chart, series)
        ]
        fresh = {
            "xs": [[*times, *reversed(times)] for (times, _, _), _ in bands],
            "ys": [[*low, *reversed(high)] for (_, low, high), _ in bands],
            "color": [color for _, color in bands],
        }
        points = [
            (time, value, color)
            for line, color in zip(self.source.data["ys"], self.source.data["color"], strict=True)
            for time, value in alone_in(cells(chart.data["t"]), line)
        ]
        alone = {name: [point[place] for point in points] for place, name in enumerate(("x", "y", "color"))}
        if alone != self.alone.data:
            self.alone.data = alone
        if fresh != self.bands.data:
            self.bands.data = fresh
        if not self._is_percent:
            known = [value for band in fresh["ys"] for value in band]
            self.figure.y_range.update(end=1.12 * max([LEAST_BYTES, *known]))

    def is_drawn(self, fresh: Mapping[str, list[Any]]) -> bool:
        return any(not math.isnan(value) for line in fresh["ys"] for value in line)


def alone_in(times: Sequence[float], line: Sequence[float]) -> list[tuple[float, float]]:
    """The points without a neighbour, of which no line is drawn."""
    padded = [math.nan, *line, math.nan]
    around = zip(times, padded, line, padded[2:], strict=False)
    return [(t, y) for t, before, y, after in around if math.isnan(before) and math.isnan(after) and not math.isnan(y)]


Band = tuple[list[Any], list[Any], list[Any]]


def bands_of(chart: Chart, series: str) -> Iterator[Band]:
    """Times, least and most of each stretch of a series without a gap."""
    stretch: Band = ([], [], [])
    for row in zip(chart.data["t"], chart.data[f"min:{series}"], chart.data[f"max:{series}"], strict=True):
        if row[1] is None or row[2] is None:
            if stretch[0]:
                yield stretch
            stretch = ([], [], [])
        else:
            for column, value in zip(stretch, row, strict=True):
                column.append(value)
    if stretch[0]:
        yield stretch
