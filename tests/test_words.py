from __future__ import annotations

import pytest

from vain import words
from vain.catalog import METRICS


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "–"), (0, "0 s"), (0.04, "< 0.05 s"), (0.42, "0.4 s"), (4, "4 s"), (9.96, "10 s"), (59.4, "59 s"),
        (59.7, "1 min"), (200, "3 min 20 s"), (3599.6, "1 h"), (7500, "2 h 5 min"), (7529, "2 h 5 min"),
        (86_390, "1 d"), (86_400, "1 d"), (273_600, "3 d 4 h"), (4_000_000_000, "46296 d 7 h"), (-61, "-1 min 1 s"),
    ],
)  # fmt: skip
def test_a_duration_is_said_in_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert words.duration(seconds) == said


@pytest.mark.parametrize(
    ("count_bytes", "said"),
    [
        (None, "–"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1023.7 * 1024, "1.0 MiB"),
        (1.3 * 2**30, "1.3 GiB"), (99.96 * 2**20, "100 MiB"), (128 * 2**20, "128 MiB"), (5000 * 2**60, "5000 EiB"),
        (-2048, "-2.0 KiB"),
    ],
)  # fmt: skip
def test_a_size_is_said_in_binary_units(count_bytes: float | None, said: str) -> None:
    assert words.size(count_bytes) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "–"), (0, "0 %"), (-0.01, "0 %"), (90.0, "90 %"), (87.26, "87.3 %"), (100, "100 %")]
)
def test_a_percentage_has_at_most_one_decimal(value: float | None, said: str) -> None:
    assert words.percent(value) == said


def test_a_quantity_is_said_in_its_unit() -> None:
    said = [words.quantity(1536.0, unit) for unit in ("percent", "bytes", "bytes_per_second", "count")]
    assert said == ["1536 %", "1.5 KiB", "1.5 KiB/s", "1536"]
    assert [words.quantity(38.54, unit) for unit in ("celsius", "per_second")] == ["38.5 °C", "38.5/s"]


def test_every_unit_of_the_catalogue_has_words_for_a_value_and_for_unknown() -> None:
    for unit in {metric.unit for metric in METRICS}:
        assert words.quantity(1.0, unit).startswith("1")
        assert words.quantity(None, unit) == words.UNKNOWN


def test_a_moment_is_said_to_the_minute_with_its_zone() -> None:
    assert words.moment("2026-11-23T03:06:59.123Z") == "2026-11-23 03:06 UTC"
