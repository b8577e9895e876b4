"""Runs on one grid, and the band of the usual."""

from __future__ import annotations

import numpy as np
import pytest

from vain.overlay import GRID_POINTS, Run, at_point, grid, placed, positions, usual

NAN = float("nan")


def run(elapsed: list[float], values: list[float], progress: list[float] | None = None) -> Run:
    known = progress if progress is not None else [NAN] * len(elapsed)
    return Run(np.array(elapsed), np.array(known), {"m": np.array(values)})


def test_the_grid_reaches_to_the_end_of_the_longest_run_or_to_100_percent() -> None:
    assert (grid("elapsed", 80)[0], grid("elapsed", 80)[-1], len(grid("elapsed", 80))) == (0, 80, GRID_POINTS)
    assert grid("progress", 80)[-1] == 100


def test_values_lie_between_the_samples_and_end_with_the_run() -> None:
    found = placed(run([0, 2, 4], [10, 20, 40]), "m", "elapsed", np.array([0.0, 1.0, 3.0, 4.0, 5.0]))
    assert found[:4].tolist() == [10, 15, 30, 40] and np.isnan(found[4])


def test_nothing_is_drawn_across_a_gap_but_its_ends_are_known() -> None:
    gapped = run([0, 1, 2, 3, 20, 21], [1, 1, 1, 1, 9, 9])
    found = placed(gapped, "m", "elapsed", np.array([3.0, 10.0, 20.0]))
    assert (found[0], found[2]) == (1, 9) and np.isnan(found[1])


def test_what_no_run_measured_is_unknown() -> None:
    assert np.isnan(placed(run([0, 1], [1, 2]), "other", "elapsed", np.array([0.5]))).all()
    assert np.isnan(placed(run([], []), "m", "elapsed", np.array([0.5]))).all()


def test_by_progress_a_fast_and_a_slow_run_agree() -> None:
    fast, slow = run([0, 1, 2], [1, 3, 5], [0, 50, 100]), run([0, 10, 20], [3, 5, 7], [0, 50, 100])
    band = usual([fast, slow], "m", "progress", np.array([0.0, 50.0, 100.0]))
    assert (band.low.tolist(), band.mid.tolist(), band.high.tolist()) == ([1, 3, 5], [2, 4, 6], [3, 5, 7])


def test_progress_that_fell_back_does_not_turn_the_line_round() -> None:
    assert positions(run([0, 1, 2, 3], [1, 1, 1, 1], [NAN, 40, 30, 60]), "progress").tolist()[1:] == [40, 40, 60]


def test_the_band_holds_where_at_least_two_runs_are_known() -> None:
    band = usual([run([0, 2], [1, 1]), run([0, 4], [3, 3]), run([0, 4], [8, 8])], "m", "elapsed", np.array([1.0, 3.0]))
    assert [line.tolist() for line in band] == [[1, 3], [3, 5.5], [8, 8]]
    assert np.isnan(usual([run([0, 1], [1, 2])], "m", "elapsed", np.array([0.5])).mid).all()


@pytest.mark.parametrize(("point", "value"), [(0.4, 10.0), (1.6, None), (5.0, None), (None, None), (NAN, None)])
def test_a_point_of_a_line_is_that_of_the_grid_or_unknown(point: float | None, value: float | None) -> None:
    assert at_point(np.array([10.0, 20.0, NAN]), np.array([0.0, 1.0, 2.0]), point) == value
