"""What is usual for the runs of a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.types import Task
from vain.usual import is_unusual, longer_notice, longer_than_usual, nearest_rank

RUNS = [float(n) for n in range(1, 21)]


@pytest.mark.parametrize(("percent", "value"), [(5, 1), (50, 10), (95, 19), (96, 20), (100, 20), (0, 1)])
def test_percentiles_are_by_the_nearest_rank(percent: float, value: float) -> None:
    assert nearest_rank(RUNS, percent) == value


@given(st.lists(st.floats(0, 1e9), min_size=1), st.floats(0, 100))
def test_a_percentile_is_one_of_the_values_and_enough_lie_below(values: list[float], percent: float) -> None:
    value = nearest_rank(values, percent)
    assert value in values
    assert sum(each <= value for each in values) >= percent * len(values) / 100 - 1e-6


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        nearest_rank([], 50)


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(19, None), (19.1, "longer"), (1, None), (0.9, "shorter"), (10, None)]
)
def test_outside_of_the_middle_nine_tenths_is_unusual(seconds: float, verdict: str | None) -> None:
    assert is_unusual(seconds, RUNS) == verdict
    assert is_unusual(seconds, RUNS[:-1]) is None, "nineteen runs are too few"


def test_longer_than_usual_says_what_is_usual() -> None:
    assert longer_than_usual(19, RUNS) is None
    assert longer_than_usual(25, RUNS) == 19


def test_the_notice_says_it_in_words() -> None:
    task = Task(7, "etl", "in-progress", "medium", "2026-01-01T00:00:00.000Z")
    notice = longer_notice(task, 7_500, [4_200.0] * 34)
    assert (notice.kind, notice.level, notice.task_id) == ("task.longer", "warning", 7)
    assert notice.title == "etl runs longer than usual"
    assert notice.message == "Running for 2 h 5 min; 95 % of 34 earlier runs took at most 1 h 10 min"
