from __future__ import annotations

import threading
from array import array
from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain import history as history_module
from vain.history import History


def plain(column: array[float]) -> list[float | None]:
    return [None if isnan(value) else value for value in column]


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
