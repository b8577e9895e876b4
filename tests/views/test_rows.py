"""From columns to the rows that a chart draws."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest

from vain import frames
from vain.history import Columns
from vain.views.rows import BUSIEST, CORES_DRAWN, IDLEST, rows, window


def columns(t: list[float], **values: list[float]) -> Columns:
    return Columns(len(t), array("d", t), {name.replace("_", ".", 1): array("d", v) for name, v in values.items()})


def test_times_are_milliseconds_and_columns_equally_long() -> None:
    drawn = rows(columns([10, 11], cpu_percent=[1, 2]), 1.0)
    assert drawn == {"t": [10_000, 11_000], "cpu.percent": [1, 2], "fill:cpu.percent": [1, 2]}


def test_a_gap_is_a_row_of_nan_at_both_its_ends() -> None:
    drawn = rows(columns([10, 20], cpu_percent=[1, 2]), 1.0)
    assert drawn["t"] == [10_000, 10_001, 11_000, 19_999, 20_000]
    assert np.isnan(drawn["cpu.percent"]).tolist() == [False, True, True, True, False]


def test_the_area_below_a_line_has_no_height_where_nothing_is_known() -> None:
    drawn = rows(columns([10, 11, 20], cpu_percent=[5, math.nan, 7]), 1.0)
    assert drawn["fill:cpu.percent"] == [5, 0, 0, 0, 0, 7]
    assert "fill:load.1m" not in rows(columns([1], load_1m=[2]), 1.0)


def test_an_area_begins_and_ends_beside_a_sample_and_takes_no_other_line_with_it() -> None:
    nan = math.nan
    drawn = rows(columns([10, 11, 12], cpu_percent=[nan, 5, nan], load_1m=[1, 2, nan]), 1.0)
    assert drawn["t"] == [10_000, 10_999, 11_000, 11_001, 12_000]
    assert drawn["fill:cpu.percent"] == [0, 0, 5, 0, 0]
    np.testing.assert_array_equal(drawn["cpu.percent"], [nan, nan, 5, nan, nan])
    np.testing.assert_array_equal(drawn["load.1m"], [1, 2, 2, nan, nan])


def test_the_first_fresh_row_begins_an_area_that_was_not_known() -> None:
    fresh = columns([11], cpu_percent=[5], load_1m=[2])
    assert rows(fresh, 1.0, previous=10)["t"] == [11_000]
    drawn = rows(fresh, 1.0, previous=10, unknown=["cpu.percent"])
    assert drawn["t"] == [10_999, 11_000] and drawn["fill:cpu.percent"] == [0, 5] and drawn["load.1m"] == [2, 2]


def test_a_gap_before_the_first_fresh_row_is_seen() -> None:
    drawn = rows(columns([20], cpu_percent=[2]), 1.0, previous=10)
    assert drawn["t"] == [11_000, 19_999, 20_000]


def test_a_late_sample_is_no_gap() -> None:
    assert rows(columns([10, 12.2], cpu_percent=[1, 2]), 1.0)["t"] == [10_000, 12_200]


def test_a_window_is_cut_at_its_newest_row() -> None:
    frame = frames.metrics(columns([10, 11, 12], cpu_percent=[1, 2, 3]))
    assert list(window(frame, 1.0, 1.5)["cpu.percent"]) == [2, 3]


@pytest.mark.parametrize("count", [0, 1, CORES_DRAWN, CORES_DRAWN + 1])
@pytest.mark.parametrize("t", [[], [10.0], [10.0, 11.0, 20.0, 21.0, 40.0]])
def test_a_window_from_a_frame_is_what_the_rows_are(count: int, t: list[float]) -> None:
    cores = {f"cpu.core.percent:{number}": array("d", [number + at for at in t]) for number in range(count)}
    unknown_first = array("d", [math.nan, *t[1:]] if len(t) > 1 else t)
    kept = Columns(len(t), array("d", t), {"cpu.percent": unknown_first, "load.1m": array("d", t), **cores})
    drawn, expected = window(frames.metrics(kept), 1.0, 3600), rows(kept, 1.0)
    assert t == [] or drawn.keys() == expected.keys()
    for name in drawn.keys() & expected.keys():
        np.testing.assert_allclose(drawn[name], expected[name])


def test_few_cores_keep_a_column_each() -> None:
    cores = {f"cpu.core.percent:{number}": array("d", [number]) for number in range(CORES_DRAWN)}
    assert cores.keys() <= rows(Columns(1, array("d", [1]), cores), 1.0).keys()


def test_many_cores_become_the_busiest_and_the_idlest() -> None:
    cores = {f"cpu.core.percent:{number}": array("d", [number, math.nan]) for number in range(64)}
    drawn = rows(Columns(2, array("d", [1, 2]), cores), 1.0)
    assert drawn.keys() == {"t", BUSIEST, IDLEST}
    assert (drawn[BUSIEST][0], drawn[IDLEST][0]) == (63, 0)
    assert math.isnan(drawn[BUSIEST][1])
