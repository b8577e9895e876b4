from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.some_attempts import NOON
from vain.clock import unix
from vain.flow.figures import Forecast
from vain.flow.forecast import FEWEST_BUCKETS, MOST_BUCKETS, TRIALS, forecast, trials
from vain.flow.survival import Floats, nearest_rank
from vain.windows import Interval

HOUR = 3_600.0


def every(seconds: float, count: int, until: float = NOON) -> Floats:
    """So many ends, in the middle of each stretch of time until then."""
    return until - seconds * (np.arange(count) + 0.5)


def told(
    completed: Floats, items: int = 5, began: float = NOON - 1e7, interval: Interval = "hour", now: float = NOON
) -> Forecast:
    return forecast(completed, began, items, now, interval, "UTC")[0]


def test_a_throughput_that_never_changes_has_one_future() -> None:
    """One an hour: 5 are done in 5 hours, in every trial."""
    found, chart = forecast(every(HOUR, 200), NOON - 200 * HOUR, 5, NOON, "hour", "UTC")
    at_17 = "2026-11-23T17:00:00.000Z"
    assert found == Forecast(5, at_17, at_17, at_17, "hour", MOST_BUCKETS)
    assert chart.data == {"t": [(NOON + 5 * HOUR) * 1000], "percent": [100.0]}


def test_a_coin_that_is_thrown_for_each_bucket_gives_the_geometric_distribution() -> None:
    """One task, done in half of all buckets: in 1 of 2 trials after one, in 1 of 4 after two; 7 of 8 after three."""
    needed = trials(np.array([0, 1]), 1, 20_000)
    assert [float((needed == buckets).mean()) for buckets in (1, 2, 3)] == pytest.approx([0.5, 0.25, 0.125], abs=0.01)
    assert [nearest_rank(needed, percent) for percent in (40, 85, 95)] == [1, 3, 5]


def test_many_buckets_are_needed_for_many_tasks() -> None:
    """400 tasks at 0 or 2 a bucket: 400 in the mean, give or take the square root of 400."""
    needed = trials(np.array([0, 2]), 400)
    assert float(needed.mean()) == pytest.approx(400, rel=0.01)
    assert float(needed.std()) == pytest.approx(20, rel=0.1)


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30).filter(any), st.integers(1, 300))
def test_no_trial_is_faster_than_the_best_bucket_allows(past: list[int], items: int) -> None:
    needed = trials(np.array(past), items)
    assert len(needed) == TRIALS and needed.min() >= -(-items // max(past)) and (np.diff(needed) >= 0).all()


def test_buckets_in_which_nothing_ended_are_drawn_too() -> None:
    """Ten within one hour of ninety: to leave the empty ones out would promise the end within the hour."""
    found = told(every(60, 10))
    assert found.p50 is not None and unix(found.p50) > NOON + 20 * HOUR


def test_the_same_past_has_the_same_future() -> None:
    past = np.cumsum(np.random.default_rng(3).exponential(HOUR, 150))[::-1] * -1 + NOON
    assert told(past) == told(past)


@pytest.mark.parametrize(
    ("completed", "items", "began", "reason"),
    [
        (every(HOUR, 200), 0, NOON - 1e7, "Nothing is open."),
        (every(HOUR, 200), 5, NOON - 29 * HOUR, f"Tasks are known for less than {FEWEST_BUCKETS} hours."),
        (every(HOUR, 9), 5, NOON - 1e7, "Fewer than 10 tasks were completed lately."),
        (every(HOUR, 0), 5, NOON - 1e7, "Fewer than 10 tasks were completed lately."),
        (every(7 * 24 * HOUR, 90), 90_000, NOON - 1e9, "At the pace of late it is too far away to tell."),
    ],
)
def test_where_too_little_is_known_there_is_none_and_the_reason_is_given(
    completed: Floats, items: int, began: float, reason: str
) -> None:
    assert told(completed, items, began) == Forecast(items, reason=reason)


def test_the_bucket_is_the_one_asked_for_if_enough_of_them_are_known() -> None:
    daily = every(24 * HOUR, 60)
    assert told(daily, interval="day").interval == "day"
    assert told(daily, began=NOON - 10 * 24 * HOUR, interval="day") == Forecast(
        5, reason="Fewer than 10 tasks were completed lately."
    )
    assert told(every(HOUR, 100), began=NOON - 100 * HOUR, interval="day").interval == "hour"
    assert told(every(HOUR, 2000), items=1000, began=NOON - 2000 * HOUR).interval == "day"


def test_it_moves_by_parts_of_a_bucket_and_not_with_every_second() -> None:
    past = every(HOUR, 200)
    moments = [told(past, now=NOON + seconds).p50 for seconds in (1, 299, 301)]
    assert moments == ["2026-11-23T17:05:00.000Z", "2026-11-23T17:05:00.000Z", "2026-11-23T17:10:00.000Z"]
