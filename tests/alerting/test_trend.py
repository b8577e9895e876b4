from __future__ import annotations

from math import inf
from random import Random

import pytest

from vain.alerting.trend import POINTS, Trend, theil_sen


def fed(trend: Trend, values: list[float], step: float = 60.0) -> float | None:
    left = None
    for number, value in enumerate(values):
        left = trend.take(value, number * step)
    return left


def test_the_slope_is_the_median_so_that_outliers_do_not_bend_it() -> None:
    points = [(float(t), 2.0 * t) for t in range(20)]
    spoiled = [(t, 1e9 if t % 5 == 0 else value) for t, value in points]
    assert theil_sen(points) == 2.0 and theil_sen(spoiled) == pytest.approx(2.0)
    assert theil_sen([]) == theil_sen([(0, 1)]) == 0.0


def test_nothing_is_said_before_enough_is_known() -> None:
    trend = Trend(100, 3_600)
    assert fed(trend, [50.0 + minute for minute in range(15)]) is None
    assert trend.take(65.0, 900.0) == pytest.approx(35 * 60)


def test_what_stands_still_or_goes_away_never_gets_there() -> None:
    assert fed(Trend(100, 600), [50.0] * 20) == inf
    assert fed(Trend(100, 600), [90.0 - minute for minute in range(20)]) == inf
    assert fed(Trend(0, 600), [90.0 - minute for minute in range(20)]) == pytest.approx(71 * 60)


def test_what_has_gone_past_it_is_there() -> None:
    trend = Trend(60, 1_200)
    assert fed(trend, [50.0 + minute for minute in range(16)]) == 0
    assert fed(Trend(60, 1_200), [70.0 - minute for minute in range(16)]) == 0
    assert fed(Trend(60, 600), [100.0 + minute for minute in range(16)]) == inf, "it came from nowhere near"


def test_between_two_points_the_time_goes_on() -> None:
    trend = Trend(100, 600)
    left = fed(trend, [50.0 + minute for minute in range(20)])
    assert left is not None and trend.take(0.0, 19 * 60 + 30) == pytest.approx(left - 30)


def test_noise_moves_the_forecast_a_little() -> None:
    random = Random(7)
    left = fed(Trend(100, 3_600), [50 + 0.5 * minute + random.gauss(0, 0.3) for minute in range(60)])
    assert left == pytest.approx(41 * 60, rel=0.1)


def test_it_remembers_no_more_than_its_points_and_begins_anew_when_the_clock_goes_back() -> None:
    trend = Trend(100, 86_400)
    fed(trend, [1.0] * 3_000)
    assert len(trend._points) <= POINTS + 1
    assert trend.take(1.0, 0.0) is None and len(trend._points) == 1
