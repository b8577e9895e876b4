"""When a task will end: a range that holds the truth, or nothing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.clock import unix, utc
from vain.eta import Pace, eta_by_progress, eta_by_runs, eta_of, paced
from vain.types import Task

T0 = 1_800_000_000.0


def pace_of(steps: list[tuple[float, float]]) -> Pace | None:
    """``(amount, t)`` in order."""
    pace = None
    for amount, t in steps:
        pace = paced(pace, amount, t)
    return pace


def task(age: float = 0.0, **fields: Any) -> Task:
    began = utc(T0 - age)
    return Task(**{"task_id": 1, "name": "x", "status": "in-progress", "priority": "medium", "created_at": began,
                   "started_at": began, **fields})  # fmt: skip


def test_the_average_is_tqdms() -> None:
    """By hand, with a smoothing of 0.3: steps of 1, 2 and 4 seconds a unit."""
    pace = pace_of([(0, 0), (1, 1), (2, 3), (3, 7)])
    assert pace is not None
    biased = 0.3 * 4 + 0.7 * (0.3 * 2 + 0.7 * (0.3 * 1))
    assert pace.mean == pytest.approx(biased / (1 - 0.7**3))


def test_too_few_updates_give_nothing() -> None:
    for updates in range(4):
        steps = [(float(n), float(n)) for n in range(updates)]
        assert eta_by_progress(pace_of(steps), 100, updates) is None
    assert eta_by_progress(pace_of([(float(n), float(n)) for n in range(4)]), 100, 3) is not None


def test_a_pace_that_fell_silent_gives_nothing() -> None:
    pace = pace_of([(float(n), 10.0 * n) for n in range(6)])
    assert eta_by_progress(pace, 100, 79) is not None
    assert eta_by_progress(pace, 100, 81) is None


def test_an_amount_that_falls_begins_anew_and_one_that_stands_waits() -> None:
    pace = pace_of([(float(n), float(n)) for n in range(6)])
    assert paced(pace, 1.0, 7.0) == Pace(1.0, 7.0)
    waited = paced(paced(pace, 5.0, 9.0), 6.0, 10.0)
    assert waited.updates == 6 and waited.mean > 1


@given(seconds=st.floats(0.01, 1e4), steps=st.integers(4, 200), total=st.integers(201, 10_000))
def test_the_end_of_a_steady_job_lies_within_the_range(seconds: float, steps: int, total: int) -> None:
    pace = pace_of([(float(n), seconds * n) for n in range(steps)])
    left = eta_by_progress(pace, total, seconds * (steps - 1))
    assert left is not None
    assert left.low <= seconds * (total - steps + 1) <= left.high
    assert left.low <= left.mid <= left.high and left.low < left.high


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0.001, 1e6)), min_size=4, max_size=50))
def test_whatever_is_reported_the_range_is_in_order(steps: list[tuple[float, float]]) -> None:
    pace, t = None, 0.0
    for amount, gap in steps:
        t += gap
        pace = paced(pace, amount, t)
        left = eta_by_progress(pace, 100, t)
        assert left is None or 0 <= left.low <= left.mid <= left.high


def test_earlier_runs_count_only_if_they_took_longer() -> None:
    runs = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    left = eta_by_runs(15, runs)
    assert left is not None and (left.low, left.mid, left.high) == (5, 25, 45)
    assert eta_by_runs(25, runs) is None, "four are too few"


def test_a_run_that_outlasts_most_is_expected_later_not_now() -> None:
    runs = [60.0] * 20 + [600.0] * 6
    early, late = eta_by_runs(30, runs), eta_by_runs(100, runs)
    assert early is not None and late is not None and late.mid > early.mid


@pytest.mark.parametrize(
    ("runs", "steps", "basis"),
    [
        ([100.0] * 6, 0, "6 earlier runs"),
        ([], 6, "progress"),
        ([100.0] * 6, 6, "progress and 6 earlier runs"),
    ],
)
def test_the_basis_is_said(runs: list[float], steps: int, basis: str) -> None:
    pace = pace_of([(float(n), T0 - steps + 1 + n) for n in range(steps)])
    eta = eta_of(task(10), pace, runs, utc(T0))
    assert eta is not None and eta.basis == basis and eta.low <= eta.at <= eta.high and eta.low < eta.high


@pytest.mark.parametrize("fields", [{"status": "pending", "started_at": None}, {"status": "completed"}])
def test_what_is_not_in_progress_is_not_expected(fields: dict[str, Any]) -> None:
    assert eta_of(task(**fields), None, [100.0] * 20, utc(T0)) is None


def test_nothing_known_is_nothing_said() -> None:
    assert eta_of(task(), None, [], utc(T0)) is None
    assert eta_of(task(), pace_of([(float(n), T0 + n * 1e9) for n in range(6)]), [], utc(T0 + 5e9)) is None


def test_amounts_are_of_their_total() -> None:
    pace = pace_of([(float(n), T0 + 2 * n) for n in range(11)])
    eta = eta_of(task(current=10.0, total=50.0), pace, [], utc(T0 + 20))
    assert eta is not None and unix(eta.at) == pytest.approx(T0 + 100, abs=0.01)
