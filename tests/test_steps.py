"""Steps are whole units of the clock, enough of them fit, and the tier follows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.steps import STEPS_SECONDS, TIER_SECONDS, bucket_count, step_for, tier_for

NOW = 1_790_000_000.0


@given(st.floats(0.5, 1e9), st.integers(2, 10_000), st.floats(0, 1e9))
def test_no_more_buckets_than_asked_for_touch_the_window(length: float, points: int, after: float) -> None:
    step = step_for(after, after + length, points)
    assert bucket_count(after, after + length, step) <= points
    assert step in STEPS_SECONDS or step % 86_400 == 0


@given(st.floats(60, 1e8), st.integers(10, 5_000))
def test_a_shorter_step_would_need_more_points(length: float, points: int) -> None:
    step = step_for(NOW, NOW + length, points)
    shorter = [s for s in STEPS_SECONDS if s < step]
    assert not shorter or bucket_count(NOW, NOW + length, shorter[-1]) > points


@pytest.mark.parametrize(
    ("seconds", "points", "step", "tier"),
    [
        (3_600, 1_000, 5, "raw"),
        (86_400, 1_000, 120, "1m"),
        (7 * 86_400, 1_000, 900, "1m"),
        (30 * 86_400, 1_000, 3_600, "1h"),
        (10 * 365 * 86_400, 1_000, 4 * 86_400, "1h"),
    ],
)
def test_a_window_is_answered_from_the_tier_that_fits(seconds: float, points: int, step: float, tier: str) -> None:
    assert step_for(NOW, NOW + seconds, points) == step
    assert tier_for(step) == tier


def test_a_window_that_slides_keeps_its_step() -> None:
    steps = {step_for(NOW + shift, NOW + shift + 3_600, 700) for shift in range(120)}
    assert len(steps) == 1


def test_a_bucket_is_longer_than_the_period_of_the_samples() -> None:
    assert step_for(NOW, NOW + 60, 100, period_seconds=1.0) == 2.0
    assert step_for(NOW, NOW + 600, 1_000, period_seconds=10.0) == 15.0


@given(st.sampled_from(STEPS_SECONDS))
def test_a_whole_number_of_rows_makes_a_bucket(step: float) -> None:
    tier = tier_for(step)
    assert tier == "raw" or step % TIER_SECONDS[tier] == 0
