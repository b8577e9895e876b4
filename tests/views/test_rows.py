"""From columns to the rows that a chart draws."""

from __future__ import annotations

import math
from array import array

from vain.history import Columns
from vain.views.rows import BUSIEST, CORES_DRAWN, IDLEST, rows


def columns(t: list[float], **values: list[float]) -> Columns:
    return Columns(len(t), array("d", t), {name.replace("_", ".", 1): array("d", v) for name, v in values.items()})


def test_times_are_milliseconds_and_columns_equally_long() -> None:
    drawn = rows(columns([10, 11], cpu_percent=[1, 2]), 1.0)
    assert drawn == {"t": [10_000, 11_000], "cpu.percent": [1, 2]}


def test_a_gap_is_a_row_of_nan_one_period_after_it_begins() -> None:
    drawn = rows(columns([10, 20], cpu_percent=[1, 2]), 1.0)
    assert drawn["t"] == [10_000, 11_000, 20_000]
    assert math.isnan(drawn["cpu.percent"][1])


def test_a_gap_before_the_first_fresh_row_is_seen() -> None:
    drawn = rows(columns([20], cpu_percent=[2]), 1.0, previous=10)
    assert drawn["t"] == [11_000, 20_000]


def test_a_late_sample_is_no_gap() -> None:
    assert rows(columns([10, 12.2], cpu_percent=[1, 2]), 1.0)["t"] == [10_000, 12_200]


def test_what_is_older_than_the_window_is_left_out() -> None:
    assert rows(columns([10, 11, 12], cpu_percent=[1, 2, 3]), 1.0, after=10.5)["cpu.percent"] == [2, 3]


def test_few_cores_keep_a_column_each() -> None:
    cores = {f"cpu.core.percent:{number}": array("d", [number]) for number in range(CORES_DRAWN)}
    assert cores.keys() <= rows(Columns(1, array("d", [1]), cores), 1.0).keys()


def test_many_cores_become_the_busiest_and_the_idlest() -> None:
    cores = {f"cpu.core.percent:{number}": array("d", [number, math.nan]) for number in range(64)}
    drawn = rows(Columns(2, array("d", [1, 2]), cores), 1.0)
    assert drawn.keys() == {"t", BUSIEST, IDLEST}
    assert (drawn[BUSIEST][0], drawn[IDLEST][0]) == (63, 0)
    assert math.isnan(drawn[BUSIEST][1])
