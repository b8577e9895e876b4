"""The four charts: one axis, few models, cores that stay readable, and a word while there is nothing to draw."""

from __future__ import annotations

import asyncio
import time

from bokeh.models import HoverTool

from tests.views.moving import MovingSource
from vain.views.charts import COLLECTING, Charts
from vain.views.live import Live


def legend(plot: object) -> list[str]:
    return [item.label["value"] for item in plot.legend[0].items]


def test_all_charts_share_one_time_axis_and_one_source() -> None:
    live = Live(MovingSource(rows=60))
    plots = Charts(live).figures.values()
    assert len({plot.x_range for plot in plots}) == 1
    assert {renderer.data_source for plot in plots for renderer in plot.renderers} == {live.metrics}


def test_every_line_has_a_column() -> None:
    live = Live(MovingSource())
    drawn = {renderer.glyph.y for plot in Charts(live).figures.values() for renderer in plot.renderers[1:2]}
    assert drawn <= live.metrics.data.keys()


def test_few_cores_are_lines_and_many_are_two() -> None:
    few, many = (Charts(Live(MovingSource(rows=5, cores=cores))).figures["cpu"] for cores in (4, 64))
    assert (legend(few), len(few.renderers)) == (["Each core", "All cores"], 6)
    assert (legend(many), len(many.renderers)) == (["Busiest core", "Idlest core", "All cores"], 4)


def test_the_whole_costs_few_models() -> None:
    plots = Charts(Live(MovingSource(rows=5, cores=64))).figures.values()
    assert len(set().union(*(plot.references() for plot in plots))) <= 170


def test_cores_are_listed_in_order() -> None:
    hover = next(
        tool for tool in Charts(Live(MovingSource(rows=5))).figures["cpu"].tools if isinstance(tool, HoverTool)
    )
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
