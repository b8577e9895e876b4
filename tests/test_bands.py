"""The reduction of rows: known answers, and what must hold of any rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.bands import Bands, Rows, as_they_are, joined, of_values, reduced, unknown, usual_period_ms

NAN = float("nan")


def rows(t: list[int], values: list[float]) -> Rows:
    return Rows(np.array(t, np.int64), {"x": of_values(np.array(values, np.float64))})


def test_each_bucket_has_the_mean_the_least_and_the_largest_of_its_rows() -> None:
    made = reduced(rows([0, 400, 900, 1_000, 2_500], [1, 2, 6, 5, 9]), 1_000, 0, 3)
    bands = made.series["x"]
    assert made.t.tolist() == [0, 1_000, 2_000]
    assert bands.mean.tolist() == [3, 5, 9] and bands.count.tolist() == [3, 1, 1]
    assert bands.min.tolist() == [1, 5, 9] and bands.max.tolist() == [6, 5, 9]


def test_a_bucket_without_known_rows_is_unknown() -> None:
    bands = reduced(rows([0, 500, 3_000], [1, 1, NAN]), 1_000, 0, 5).series["x"]
    assert bands.mean[0] == 1 and np.isnan(bands.mean[1:]).all() and np.isnan(bands.max[1:]).all()
    assert bands.count.tolist() == [2, 0, 0, 0, 0]


def test_unknown_rows_do_not_count() -> None:
    bands = reduced(rows([0, 1, 2], [4, NAN, 8]), 10, 0, 1).series["x"]
    assert (bands.mean[0], bands.min[0], bands.max[0], bands.count[0]) == (6, 4, 8, 2)


def test_rows_outside_are_left_out() -> None:
    bands = reduced(rows([0, 1_000, 2_000, 3_000], [1, 2, 3, 4]), 1_000, 1, 2).series["x"]
    assert bands.mean.tolist() == [2, 3]


def test_means_are_weighted_by_what_they_stand_for() -> None:
    mean, count = np.array([1.0, 4.0]), np.array([60, 20], np.int64)
    hour = reduced(Rows(np.array([0, 60_000]), {"x": Bands(mean, mean - 1, mean + 1, count)}), 120_000, 0, 1)
    assert hour.series["x"].mean[0] == pytest.approx((60 + 80) / 80)
    assert hour.series["x"].count[0] == 80 and hour.series["x"].max[0] == 5


def test_a_gap_becomes_one_row_of_unknown() -> None:
    made = as_they_are(rows([0, 1_000, 2_000, 9_000, 10_000], [1, 2, 3, 4, 5]), 1_000)
    assert made.t.tolist() == [0, 1_000, 2_000, 3_000, 9_000, 10_000]
    assert np.isnan(made.series["x"].mean[3]) and made.series["x"].count[3] == 0


def test_a_row_that_is_merely_late_is_no_gap() -> None:
    late = rows([0, 1_000, 3_000, 4_000], [1, 2, 3, 4])
    assert as_they_are(late, 1_000) is late


def test_the_usual_period_ignores_gaps() -> None:
    assert usual_period_ms(np.array([0, 1_000, 2_000, 90_000, 91_000])) == 1_000
    assert usual_period_ms(np.array([5])) == 1_000


def test_parts_stand_behind_each_other() -> None:
    both = joined([unknown(2), of_values(np.array([3.0]))])
    assert both.count.tolist() == [0, 0, 1] and both.mean[2] == 3


@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(-1e9, 1e9) | st.just(NAN)), min_size=1, max_size=100))
def test_reducing_twice_is_reducing_once(pairs: list[tuple[int, float]]) -> None:
    pairs.sort(key=lambda pair: pair[0])
    start = rows([t for t, _ in pairs], [value for _, value in pairs])
    once = reduced(start, 12_000, 0, 5).series["x"]
    twice = reduced(reduced(start, 1_000, 0, 60), 12_000, 0, 5).series["x"]
    assert twice.count.tolist() == once.count.tolist()
    assert np.array_equal(twice.min, once.min, equal_nan=True) and np.array_equal(twice.max, once.max, equal_nan=True)
    assert np.allclose(twice.mean, once.mean, rtol=1e-9, atol=1e-3, equal_nan=True)
    known = once.count > 0
    assert (once.min[known] <= once.mean[known]).all() and (once.mean[known] <= once.max[known]).all()
