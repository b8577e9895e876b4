from __future__ import annotations

from math import isinf, isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.catalog import BY_NAME, METRICS, Metric, stored

RATE = BY_NAME["disk.read_bytes_per_second"]
FREQUENCY = BY_NAME["disk.reads_per_second"]


@given(st.floats(1000, 1e15))
def test_a_rate_is_kept_to_half_a_thousandth_in_whole_bytes(value: float) -> None:
    kept = stored(RATE, value)
    assert abs(kept - value) <= value * 0.0005 * (1 + 1e-9) and kept == int(kept)


@given(st.floats(0, 1000))
def test_a_small_rate_is_kept_to_the_byte_or_a_tenth_of_an_event(value: float) -> None:
    assert abs(stored(RATE, value) - value) <= 0.5
    assert abs(stored(FREQUENCY, value) - value) <= max(0.05, value * 0.0005) * (1 + 1e-9)


@given(st.sampled_from(METRICS), st.floats(-1e15, 1e15))
def test_what_was_rounded_stays_as_it_is(metric: Metric, value: float) -> None:
    once = stored(metric, value)
    assert stored(metric, once) == once


@given(st.sampled_from([metric for metric in METRICS if metric.decimals is not None]), st.floats(0, 1e12))
def test_a_level_keeps_its_decimals(metric: Metric, value: float) -> None:
    assert abs(stored(metric, value) - value) <= 0.5 * 10 ** -(metric.decimals or 0) * (1 + 1e-9) + value * 1e-15


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("cpu.percent", 33.349, 33.3), ("load.1m", 0.256, 0.26), ("memory.used_bytes", 2**34 + 1, 2**34 + 1),
        ("disk.read_bytes_per_second", 0.4, 0), ("disk.read_bytes_per_second", 10_014.6, 10_010),
        ("disk.read_bytes_per_second", 123_456_789.1, 123_500_000), ("disk.reads_per_second", 0.26, 0.3),
        ("disk.reads_per_second", 123.46, 123.5), ("sensor.temperature_celsius", 38.85, 38.9),
    ],
)  # fmt: skip
def test_values_are_kept_to_what_they_mean(name: str, value: float, kept: float) -> None:
    assert stored(BY_NAME[name], value) == pytest.approx(kept, abs=1e-9)


@pytest.mark.parametrize("metric", [None, *METRICS])
def test_what_is_no_number_stays_so(metric: Metric | None) -> None:
    assert isnan(stored(metric, float("nan"))) and isinf(stored(metric, float("-inf")))


def test_an_unknown_metric_is_kept_as_it_is() -> None:
    assert stored(None, 1.23456789) == 1.23456789


def test_a_unit_stands_in_the_name_of_its_metric() -> None:
    assert all(metric.name.endswith(metric.unit) for metric in METRICS if metric.unit != "count")
