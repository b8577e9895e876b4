from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.bands import Bands, MetricWindow, Rows, of_values, reduced
from vain.catalog import BY_NAME
from vain.flow.figures import MILLISECONDS, Trend
from vain.flow.trends import PATTERNS, trend_charts, trends
from vain.patterns import matching

NAMES = {
    "cpu": "cpu.percent",
    "home": "disk.percent:/home",
    "root": "disk.percent:/",
    "cores": "cpu.core.percent:0",
}
EMPTY = MetricWindow(np.zeros(0), {}, "raw", 1.0)


def window(**values: list[float]) -> MetricWindow:
    length = max(len(column) for column in values.values())
    series = {NAMES[name]: of_values(np.array(column, float)) for name, column in values.items()}
    return MetricWindow(1_700_000_000.0 + np.arange(length), series, "raw", 1.0)


def test_a_trend_has_the_mean_the_bounds_and_the_newest_value_of_what_is_known() -> None:
    assert trends(window(cpu=[10, nan, 40, 25])) == {"cpu.percent": Trend("percent", 25, 10, 40, 25)}


def test_a_mean_counts_each_sample_once_however_many_a_point_stands_for() -> None:
    """59 samples of 10 on average with a peak of 90, a gap, and one sample of 70: 660 / 60."""
    bands = Bands(np.array([10, nan, 70]), np.array([2, nan, 70]), np.array([90, nan, 70]), np.array([59, 0, 1]))
    found = trends(MetricWindow(np.arange(3) * 60.0, {"cpu.percent": bands}, "1m", 60.0))
    assert found == {"cpu.percent": Trend("percent", 11, 2, 90, 70)}


def test_a_value_that_is_unknown_now_has_no_latest() -> None:
    assert trends(window(cpu=[10, nan], home=[1, 2]))["cpu.percent"] == Trend("percent", 10, 10, 10, None)
    assert trends(window(cpu=[nan]))["cpu.percent"] == Trend("percent", None, None, None, None)


def test_points_that_have_no_samples_yet_are_not_the_latest() -> None:
    assert trends(window(cpu=[10, 20, nan, nan]))["cpu.percent"].latest == 20


def test_a_chart_has_a_line_for_each_mount_and_gaps_stay_gaps() -> None:
    disk = next(chart for chart in trend_charts(window(root=[50, 51], home=[nan, 7.129])) if chart.id == "disk")
    assert disk.y == ["disk.percent:/", "disk.percent:/home"]
    assert disk.data["disk.percent:/home"] == [None, 7.13]
    assert disk.data["t"] == [1_700_000_000_000, 1_700_000_001_000]
    assert disk.units == {"disk.percent:/": "percent", "disk.percent:/home": "percent", "t": MILLISECONDS}


def test_a_peak_of_one_second_stands_in_the_chart() -> None:
    values = np.ones(3600)
    values[1234] = 100
    rows = reduced(Rows(np.arange(3600) * 1000, {"cpu.percent": of_values(values)}), 60_000, 0, 60)
    cpu = trend_charts(MetricWindow(rows.t / 1000, dict(rows.series), "raw", 60.0))[0]
    assert len(cpu.data["t"]) == 60
    assert max(cpu.data["max:cpu.percent"]) == 100  # type: ignore[type-var]
    assert max(cpu.data["cpu.percent"]) == 2.65  # type: ignore[type-var]


def test_without_history_every_chart_is_there_and_empty() -> None:
    charts = trend_charts(EMPTY)
    assert [chart.id for chart in charts] == ["cpu", "memory", "disk", "network", "disk-io", "pressure"]
    assert all(column == [] for chart in charts for column in chart.data.values())
    assert trends(EMPTY) == {}


@pytest.mark.parametrize("name", ["cpu.percent", "disk.percent:/home", "pressure.memory_percent"])
def test_what_is_drawn_is_asked_of_the_history(name: str) -> None:
    assert matching([name], PATTERNS) == [name]


def test_nothing_else_is_asked_of_the_history_or_told() -> None:
    others = ["cpu.core.percent:0", "load.1m", "unheard.of", "disk.used_bytes:/", "pressure.memory_full_percent"]
    assert matching(others, PATTERNS) == [] and matching([], PATTERNS) == []
    assert trends(window(cores=[1.0])) == {}


@given(st.lists(st.floats(0, 100) | st.just(nan), min_size=1, max_size=400))
def test_all_columns_of_a_chart_have_one_length(values: list[float]) -> None:
    for chart in trend_charts(window(cpu=values, home=values)):
        assert {len(column) for column in chart.data.values()} == {len(chart.data["t"])}
        assert set(chart.units) == {"t", *chart.y} <= set(chart.data)
        assert all(unit == BY_NAME[name.partition(":")[0]].unit for name, unit in chart.units.items() if name != "t")
