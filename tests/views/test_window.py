"""From a window of the history to lines, bands and strips."""

from __future__ import annotations

import numpy as np

from vain.bands import Bands, MetricWindow, of_values
from vain.quality import CAUSES, Cause, Span
from vain.views.window import EDGE_MILLISECONDS, MOST_STRIPS, bands, is_empty, lines, strip_columns, strips

NAN = float("nan")


def band(mean: list[float]) -> Bands:
    values = np.array(mean)
    return Bands(values, values - 1, values + 2, (~np.isnan(values)).astype(np.int64))


def window(**means: list[float]) -> MetricWindow:
    length = len(next(iter(means.values())))
    return MetricWindow(np.arange(length) * 60.0, {name: band(mean) for name, mean in means.items()}, "1m", 60.0)


def test_a_point_stands_in_the_middle_of_its_step() -> None:
    assert list(lines(window(cpu=[1, 2]), ["cpu"], is_reduced=True)["t"]) == [30_000, 90_000]
    assert list(lines(window(cpu=[1, 2]), ["cpu"], is_reduced=False)["t"]) == [0, 60_000]


def test_a_line_has_nan_in_a_gap_and_throughout_where_the_history_has_no_such_series() -> None:
    drawn = lines(window(cpu=[1, NAN, 3]), ["cpu", "swap"], is_reduced=True)
    assert list(np.isnan(drawn["cpu"])) == [False, True, False]
    assert np.isnan(drawn["swap"]).all()


def test_a_band_without_gaps_is_its_smallest_and_largest() -> None:
    drawn = bands(window(cpu=[1, 2]), ["cpu"], is_reduced=False)
    assert {name: list(column) for name, column in drawn.items()} == {
        "t": [0, 60_000],
        "low:cpu": [0, 1],
        "high:cpu": [3, 4],
    }


def test_a_band_is_closed_at_both_edges_of_a_gap_and_has_no_height_in_it() -> None:
    drawn = bands(window(cpu=[5, NAN, NAN, 9]), ["cpu"], is_reduced=False)
    height = drawn["high:cpu"] - drawn["low:cpu"]
    assert list(drawn["t"]) == [0, EDGE_MILLISECONDS, 60_000, 120_000, 180_000 - EDGE_MILLISECONDS, 180_000]
    assert list(height) == [3, 0, 0, 0, 0, 3]
    assert not np.isnan(np.concatenate(list(drawn.values()))).any()


def test_a_gap_of_one_series_closes_no_other() -> None:
    drawn = bands(window(cpu=[5, NAN, 9], memory=[5, 7, 9]), ["cpu", "memory"], is_reduced=False)
    assert list(drawn["high:memory"] - drawn["low:memory"]) == [3, 3, 3, 3, 3]
    assert list(drawn["high:cpu"] - drawn["low:cpu"]) == [3, 0, 0, 0, 3]


def test_a_gap_at_either_end_and_a_window_of_nothing_are_drawn_without_nan() -> None:
    for means in ([NAN, 1.0, NAN], [NAN, NAN], [NAN], []):
        drawn = bands(window(cpu=list(means)), ["cpu", "swap"], is_reduced=True)
        assert not np.isnan(np.concatenate(list(drawn.values()))).any()
        assert len({len(column) for column in drawn.values()}) == 1


def test_a_window_is_empty_without_samples() -> None:
    assert is_empty(MetricWindow(np.empty(0), {}, "raw", 1.0))
    assert is_empty(window(cpu=[NAN, NAN]))
    assert not is_empty(MetricWindow(np.zeros(1), {"cpu": of_values(np.zeros(1))}, "raw", 1.0))


def test_neighbours_of_one_cause_are_one_strip() -> None:
    spans = [Span("late", 100, 110), Span("asleep", 500, 600), Span("late", 111, 120)]
    assert [(s.cause, s.begin, s.end) for s in strips(spans, 0, 1000)] == [("late", 100, 120), ("asleep", 500, 600)]


def test_a_strip_that_would_be_hardly_a_pixel_is_not_shown() -> None:
    assert strips([Span("late", 100, 101), Span("asleep", -500, 1)], 0, 1000) == []


def test_a_strip_tells_all_of_its_time_also_what_is_out_of_sight() -> None:
    (found,) = strips([Span("asleep", -500, 100)], 0, 1000)
    assert (found.begin, found.end, found.meaning) == (-500, 100, "the machine slept")


def test_of_many_gaps_the_longest_are_shown_in_order_of_time() -> None:
    spans = [Span("asleep", at * 300, at * 300 + 100 + at) for at in range(100)]
    found = strips(spans, 0, 30_000)
    assert [strip.begin for strip in found] == [at * 300 for at in range(100 - MOST_STRIPS, 100)]


def test_a_span_of_a_series_is_shown_where_that_series_is() -> None:
    spans = [
        Span("reset", 100, 200, "disk.read"),
        Span("reset", 300, 400, "other"),
        Span("unread", 1, 900, "disk.read"),
    ]
    assert [strip.begin for strip in strips(spans, 0, 1000, ["disk.read"])] == [100]


def test_every_cause_has_words_and_columns() -> None:
    every: list[Span] = [Span(cause, 10 * at, 10 * at + 5) for at, cause in enumerate(CAUSES)]
    shown: list[Cause] = [strip.cause for strip in strips(every, 0, 100)]
    assert set(CAUSES) - set(shown) == {"first", "unread"}
    assert all(strip_columns(strips(every, 0, 100))["meaning"])
