from __future__ import annotations

from array import array
from math import nan

from hypothesis import given
from hypothesis import strategies as st

from vain.catalog import BY_NAME
from vain.history import Columns, History
from vain.trends import MILLISECONDS, MOST_POINTS, Trend, trend_charts, trend_series, trends


def columns(**values: list[float]) -> Columns:
    names = {
        "cpu": "cpu.percent",
        "home": "disk.percent:/home",
        "root": "disk.percent:/",
        "cores": "cpu.core.percent:0",
    }
    length = max(len(column) for column in values.values())
    t = array("d", [1_700_000_000.0 + row for row in range(length)])
    return Columns(length, t, {names[name]: array("d", column) for name, column in values.items()})


def test_a_trend_has_the_mean_the_bounds_and_the_newest_value_of_what_is_known() -> None:
    assert trends(columns(cpu=[10, nan, 40, 25])) == {"cpu.percent": Trend("percent", 25, 10, 40, 25)}


def test_a_value_that_is_unknown_now_has_no_latest() -> None:
    assert trends(columns(cpu=[10, nan]))["cpu.percent"] == Trend("percent", 10, 10, 10, None)
    assert trends(columns(cpu=[nan]))["cpu.percent"] == Trend("percent", None, None, None, None)


def test_a_chart_has_a_line_for_each_mount_and_gaps_stay_gaps() -> None:
    disk = next(chart for chart in trend_charts(columns(root=[50, 51], home=[nan, 7.129])) if chart.id == "disk")
    assert disk.y == ["disk.percent:/", "disk.percent:/home"]
    assert disk.data["disk.percent:/home"] == [None, 7.13]
    assert disk.data["t"] == [1_700_000_000_000, 1_700_000_001_000]
    assert disk.units == {"disk.percent:/": "percent", "disk.percent:/home": "percent", "t": MILLISECONDS}


def test_a_long_history_is_reduced_and_keeps_its_peaks() -> None:
    cpu = trend_charts(columns(cpu=[100.0 if row == 1234 else 1.0 for row in range(3600)]))[0]
    assert 60 <= len(cpu.data["t"]) <= MOST_POINTS
    assert max(cpu.data["max:cpu.percent"]) == 100  # type: ignore[type-var]
    assert min(cpu.data["min:cpu.percent"]) == 1  # type: ignore[type-var]


def test_the_step_of_a_full_sliding_history_does_not_jump() -> None:
    hour = columns(cpu=[1.0] * 3600)
    slid = [Columns(0, array("d", [t + by for t in hour.t]), hour.values) for by in range(31)]
    assert {len(trend_charts(each)[0].data["t"]) for each in slid} <= {120, 121}


def test_without_history_every_chart_is_there_and_empty() -> None:
    charts = trend_charts(History().since(0))
    assert [chart.id for chart in charts] == ["cpu", "memory", "disk", "network"]
    assert all(column == [] for chart in charts for column in chart.data.values())
    assert trends(History().since(0)) == {}


def test_only_what_is_drawn_is_asked_of_the_history() -> None:
    names = ["cpu.percent", "cpu.core.percent:0", "disk.percent:/home", "load.1m", "unheard.of"]
    assert trend_series(names) == ["cpu.percent", "disk.percent:/home"]
    assert trends(columns(cores=[1.0])) == {}


@given(st.lists(st.floats(0, 100) | st.just(nan), min_size=1, max_size=400))
def test_all_columns_of_a_chart_have_one_length(values: list[float]) -> None:
    for chart in trend_charts(columns(cpu=values, home=values)):
        assert {len(column) for column in chart.data.values()} == {len(chart.data["t"])}
        assert set(chart.units) == {"t", *chart.y} <= set(chart.data)
        assert all(unit == BY_NAME[name.partition(":")[0]].unit for name, unit in chart.units.items() if name != "t")
