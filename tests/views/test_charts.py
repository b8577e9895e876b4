"""The four charts: one axis, few models, cores that stay readable, and a word while there is nothing to draw."""

from __future__ import annotations

import asyncio
import time

from bokeh.models import GlyphRenderer, HoverTool, Line
from bokeh.plotting import figure

from tests.views.moving import MovingSource
from vain.views.charts import COLLECTING, Charts
from vain.views.live import Live


def legend(plot: object) -> list[str]:
    return [item.label["value"] for item in plot.legend[0].items]


def lines_of(plot: figure) -> list[GlyphRenderer]:
    return [renderer for renderer in plot.renderers if isinstance(renderer.glyph, Line)]


def test_all_charts_share_one_time_axis_and_one_source_of_lines() -> None:
    live = Live(MovingSource(rows=60))
    charts = Charts(live)
    plots = charts.figures.values()
    assert len({plot.x_range for plot in plots}) == 1
    lines = [line for plot in plots for line in lines_of(plot)]
    assert {line.data_source for line in lines} == {live.metrics}
    assert {line.glyph.y for line in lines} <= live.metrics.data.keys()


def test_every_band_has_its_columns() -> None:
    charts = Charts(Live(MovingSource()))
    bands = [
        renderer.glyph
        for plot in charts.figures.values()
        for renderer in plot.renderers
        if renderer.data_source is charts.lookback.bands
    ]
    assert {side for band in bands for side in (band.y1, band.y2)} == charts.lookback.bands.data.keys() - {"t"}


def test_few_cores_are_lines_and_many_are_two() -> None:
    few, many = (Charts(Live(MovingSource(rows=5, cores=cores))).figures["cpu"] for cores in (4, 64))
    assert (legend(few), len(lines_of(few))) == (["Each core", "All cores"], 5)
    assert (legend(many), len(lines_of(many))) == (["Busiest core", "Idlest core", "All cores"], 3)


def test_the_whole_costs_few_models() -> None:
    plots = Charts(Live(MovingSource(rows=5, cores=64))).figures.values()
    assert len(set().union(*(plot.references() for plot in plots))) <= 170


def test_cores_are_listed_in_order() -> None:
    tools = Charts(Live(MovingSource(rows=5))).figures["cpu"].tools
    hover = next(tool for tool in tools if isinstance(tool, HoverTool) and tool.mode == "vline")
    assert [hover.tooltips.find(f"Core {number}") for number in range(4)] == sorted(
        hover.tooltips.find(f"Core {number}") for number in range(4)
    )


def test_another_window_moves_the_axis() -> None:
    live = Live(MovingSource(rows=60))
    plot = Charts(live).figures["cpu"]
    live.window_seconds = 3600
    assert plot.x_range.follow_interval == 3_600_000


def test_the_word_for_nothing_vanishes_with_the_first_rows() -> None:
    async def main() -> list[list[bool]]:
        source = MovingSource()
        live = Live(source).start()
        labels = [
            label
            for plot in Charts(live).figures.values()
            for label in plot.center
            if getattr(label, "text", "") == COLLECTING
        ]
        before = [label.visible for label in labels]
        source.advance(time.time())
        await asyncio.sleep(0.01)
        live.stop()
        return [before, [label.visible for label in labels]]

    assert asyncio.run(main()) == [[True] * 4, [False] * 4]
