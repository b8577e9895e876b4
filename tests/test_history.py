from __future__ import annotations

import threading
import time
from array import array
from math import isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain import history as history_module
from vain.history import Columns, History, reduced


def plain(column: array[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in column]


def columns(t: list[float], **values: list[float]) -> Columns:
    return Columns(len(t), array("d", t), {name: array("d", column) for name, column in values.items()})


def test_rows_come_back_as_columns() -> None:
    history = History()
    history.append(1.0, [("cpu", 10.0), ("load", None)])
    history.append(2.0, [("cpu", 20.0), ("load", 0.5)])
    found = history.since(0)
    assert (list(found.t), plain(found.values["cpu"]), plain(found.values["load"])) == ([1, 2], [10, 20], [None, 0.5])


def test_cursor_asks_only_for_what_came_after_it() -> None:
    history = History(capacity=4)
    history.append(1.0, [("cpu", 1.0)])
    cursor = history.since(0).cursor
    assert list(history.since(cursor).t) == []
    history.append(2.0, [("cpu", 2.0)])
    assert list(history.since(cursor).values["cpu"]) == [2.0]


def test_cursor_that_fell_out_of_the_ring_gets_all_that_is_kept() -> None:
    history = History(capacity=3)
    for number in range(10):
        history.append(number, [("cpu", number)])
    assert list(history.since(2).t) == list(history.since(0).t) == [7, 8, 9]


def test_cursor_of_another_history_gets_all_that_is_kept() -> None:
    history = History()
    history.append(1.0, [("cpu", 1.0)])
    assert list(history.since(999).t) == [1.0]


def test_series_that_comes_late_or_goes_early_is_unknown_elsewhere() -> None:
    history = History()
    history.append(1.0, [("a", 1.0)])
    history.append(2.0, [("a", 2.0), ("b", 2.0)])
    history.append(3.0, [("b", 3.0)])
    values = history.since(0).values
    assert (plain(values["a"]), plain(values["b"])) == ([1, 2, None], [None, 2, 3])


def test_name_that_no_row_spoke_of_is_a_column_of_unknowns() -> None:
    history = History()
    history.append(1.0, [("a", 1.0)])
    found = history.since(0, ["a", "b"])
    assert list(found.values) == ["a", "b"] and plain(found.values["b"]) == [None]


def test_series_that_vanished_is_given_back_after_a_turn_or_two() -> None:
    history = History(capacity=5)
    history.append(0.0, [("gone", 1.0), ("cpu", 1.0)])
    for number in range(1, 11):
        history.append(number, [("cpu", 1.0)])
    assert history.names() == ["cpu"]


def test_series_that_vanished_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_module, "LARGEST_SERIES_COUNT", 3)
    history = History()
    history.append(1.0, [("a", 1.0), ("b", 1.0), ("c", 1.0)])
    history.append(2.0, [("b", 2.0), ("c", 2.0)])
    history.append(3.0, [("c", 3.0), ("d", 3.0), ("e", 3.0), ("f", 3.0)])
    assert len(history.names()) == 3 and "c" in history.names() and "a" not in history.names()


def test_window_is_open_behind_and_closed_in_front() -> None:
    history = History(capacity=4)
    for t in (1.0, 2.0, 3.0, 4.0, 5.0):
        history.append(t, [("cpu", t)])
    found = history.window(2.0, 4.0)
    assert (list(found.t), list(found.values["cpu"]), found.cursor) == ([3, 4], [3, 4], 5)


def test_window_finds_its_rows_though_the_clock_was_set_back() -> None:
    history = History()
    for t in (100.0, 101.0, 50.0, 51.0, 102.0):
        history.append(t, [("cpu", t)])
    assert list(history.window(99.0, 200.0).values["cpu"]) == [100.0, 101.0, 102.0]


def test_full_history_of_512_series_is_all_there_ever_is() -> None:
    history = History(capacity=100)
    for number in range(300):
        history.append(number, [(f"series {number} {each}", 1.0) for each in range(10)])
    assert len(history.names()) <= history_module.LARGEST_SERIES_COUNT


def test_readers_see_whole_rows_while_one_thread_appends() -> None:
    history, torn = History(capacity=50), []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found = history.since(0)
            torn.extend(t for t, a in zip(found.t, found.values.get("a", found.t), strict=True) if t != a)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(2000):
        history.append(number, [("a", float(number))])
    done.set()
    reader.join()
    assert torn == []


Rows = st.lists(st.dictionaries(st.sampled_from("abcde"), st.none() | st.floats(-1e9, 1e9), max_size=5), max_size=40)


@given(Rows, st.integers(1, 12), st.integers(0, 45))
def test_history_is_the_tail_of_all_rows(rows: list[dict[str, float | None]], capacity: int, cursor: int) -> None:
    history = History(capacity)
    for number, row in enumerate(rows):
        history.append(number, row.items())
    first = max(len(rows) - capacity, cursor if cursor <= len(rows) else 0)
    found = history.since(cursor)
    assert list(found.t) == list(range(max(0, first), len(rows))) and found.cursor == len(rows)
    for name, column in found.values.items():
        assert plain(column) == [row.get(name) for row in rows[max(0, first) :]]


def test_reduced_keeps_a_spike_of_one_row() -> None:
    values = [1.0] * 1000
    values[500] = 99.0
    band = reduced(columns([float(t) for t in range(1000)], cpu=values), 100).series["cpu"]
    assert (max(band.max), min(band.min)) == (99.0, 1.0) and max(band.mean) < 20


def test_reduced_buckets_stand_still_while_the_window_slides() -> None:
    wide = columns([1000.5 + t for t in range(1000)], cpu=[float(t % 7) for t in range(1000)])
    later = Columns(wide.cursor, wide.t[15:], {"cpu": wide.values["cpu"][15:]})
    first, second = reduced(wide, 90), reduced(later, 90)
    means = dict(zip(first.t, first.series["cpu"].mean, strict=True))
    whole = list(zip(second.t, second.series["cpu"].mean, strict=True))[1:]  # The first may have lost rows.
    assert first.step == second.step == 15.0 and all(t % 15 == 0 for t in first.t)
    assert len(whole) > 50 and all(means[t] == mean for t, mean in whole)


def test_reduced_gap_stays_a_gap() -> None:
    t = [float(each) for each in (*range(500), *range(800, 1000))]
    found = reduced(columns(t, cpu=[1.0] * len(t)), 100)
    empty = [start for start, mean in zip(found.t, found.series["cpu"].mean, strict=True) if isnan(mean)]
    assert (empty[0], empty[-1] + found.step) == (500.0, 800.0)


def test_reduced_does_not_make_gaps_of_jitter() -> None:
    t = [number + (0.01 if number % 2 else -0.01) for number in range(1, 3000)]
    for points in (3000, 1600, 1000, 299, 7):
        assert not any(isnan(mean) for mean in reduced(columns(t, cpu=[1.0] * len(t)), points).series["cpu"].mean)


def test_few_rows_come_as_they_are_with_a_break_in_each_gap() -> None:
    found = reduced(columns([1.0, 2.0, 3.0, 60.0, 61.0], cpu=[1, 2, 3, 4, 5]), 100)
    assert (list(found.t), found.step) == ([1, 2, 3, 4, 60, 61], 1.0)
    assert plain(found.series["cpu"].mean) == [1, 2, 3, None, 4, 5]


def test_unknown_values_do_not_spoil_their_bucket() -> None:
    found = reduced(columns([float(t) for t in range(100)], cpu=[nan, 4.0] * 50, off=[nan] * 100), 10)
    assert set(found.series["cpu"].mean) == set(found.series["cpu"].max) == {4.0}
    assert all(isnan(value) for value in found.series["off"].mean)


def test_nothing_reduces_to_nothing() -> None:
    found = reduced(columns([], cpu=[]), 10)
    assert (list(found.t), list(found.series["cpu"].mean)) == ([], [])


def test_no_points_are_refused() -> None:
    with pytest.raises(ValueError):
        reduced(columns([1.0], cpu=[1.0]), 0)


Times = st.lists(st.floats(0, 4e9).map(lambda t: round(t, 3)), min_size=1, max_size=60)


@given(Times, st.integers(1, 50))
def test_reduced_never_gives_more_points_and_loses_no_extreme(times: list[float], points: int) -> None:
    found = reduced(columns(times, cpu=times), points)
    band = found.series["cpu"]
    known = [value for value in band.mean if not isnan(value)]
    assert len(found.t) <= points and list(found.t) == sorted(found.t)
    assert all(min(times) - 1e-3 <= mean <= max(times) + 1e-3 for mean in known)
    assert min(v for v in band.min if not isnan(v)) == min(times)
    assert max(v for v in band.max if not isnan(v)) == max(times)


def test_hour_of_sixty_series_is_reduced_in_time() -> None:
    values: dict[str, Any] = {f"series{n}": [float(t % 97) for t in range(3600)] for n in range(60)}
    wide = columns([float(t) for t in range(3600)], **values)
    began = time.thread_time()
    reduced(wide, 1000)
    assert time.thread_time() - began < 0.15
