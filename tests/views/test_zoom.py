"""What a browser may ask of the past, and the question that it becomes."""

from __future__ import annotations

import math
from typing import Any

import pytest

from vain.errors import VainError
from vain.patterns import matching
from vain.views.zoom import MOST_POINTS, Reach, Wanted, query_of, reach_of, read_wanted, zone_of

T = 1_800_000_000.0
DAY = 86_400.0


@pytest.mark.parametrize(
    "fields",
    [
        {"after": T},
        {"after": T, "before": T},
        {"after": T, "before": T - 1},
        {"after": T, "before": T + 0.5},
        {"after": -1.0, "before": T},
        {"after": T, "before": 1e18},
        {"after": math.nan, "before": T},
        {"after": T, "before": math.inf},
        {"after": "yesterday", "before": T},
        {"after": T, "before": T + 60, "width_pixels": 0},
        {"after": T, "before": T + 60, "width_pixels": 1e9},
        {"after": T, "before": T + 60, "request": -1},
        {"after": T, "before": T + 60, "more": 1},
    ],
)
def test_a_window_that_no_control_sends_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(VainError):
        read_wanted({"kind": "fixed", **fields})


@pytest.mark.parametrize("message", [None, 7, "live", [], {}, {"kind": "all"}, {"kind": b"\xff"}, {"kind": "live"}])
def test_what_is_no_wish_is_refused(message: Any) -> None:
    with pytest.raises(VainError):
        read_wanted(message)


@pytest.mark.parametrize(("kind", "seconds"), [("live", 86_400), ("last", 300), ("last", 86_401), ("live", -300)])
def test_only_offered_lengths_are_taken(kind: str, seconds: float) -> None:
    with pytest.raises(VainError):
        read_wanted({"kind": kind, "seconds": seconds})


def test_points_follow_the_width_and_have_a_limit() -> None:
    wanted = [Wanted("last", seconds=DAY, width_pixels=width) for width in (270, 600, 610, 50_000)]
    assert [each.points for each in wanted] == [250, 500, 500, MOST_POINTS]


@pytest.mark.parametrize(("days", "step"), [(1, 120), (7, 900), (30, 3_600)])
def test_the_offered_windows_have_the_steps_that_a_person_expects(days: int, step: float) -> None:
    reach = reach_of(T - days * DAY, T, 750, 1.0)
    assert reach.step_seconds == step
    assert (reach.after % step, reach.before % step) == (0, 0)


def test_pages_that_ask_within_a_step_ask_the_same() -> None:
    asked = {query_of(reach_of(T + late - DAY, T + late, 750, 1.0), ("cpu.percent",), 1.0) for late in (1, 7, 63)}
    assert len(asked) == 1


def test_a_window_with_fewer_samples_than_points_is_read_sample_by_sample() -> None:
    reach = reach_of(T, T + 600, 750, 1.0)
    query = query_of(reach, ("cpu.percent",), 1.0)
    assert reach.step_seconds == 0
    assert query.points is not None
    assert query.points >= query.before - query.after


def test_what_a_hand_moves_is_read_with_a_margin_that_holds_the_next_small_move() -> None:
    reach = reach_of(T, T + DAY, 750, 1.0, by_hand=True)
    assert reach.holds(reach_of(T + 7_200, T + DAY + 7_200, 750, 1.0))
    assert not reach.holds(reach_of(T + DAY / 2, T + DAY * 1.5, 750, 1.0))
    assert not reach.holds(reach_of(T, T + DAY / 4, 750, 1.0))


def test_a_series_that_the_machine_never_had_is_no_error() -> None:
    query = query_of(Reach(T, T + 60, 0), ("cpu.percent", "swap.used_bytes", "cpu.core.percent:1"), 1.0)
    stored = ["cpu.percent", "cpu.percentile", "cpu.core.percent:0", "cpu.core.percent:1"]
    assert matching(stored, query.metrics) == ["cpu.percent", "cpu.core.percent:1"]


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "x" * 1000, "", "Europe"])
def test_a_zone_that_is_none_is_utc(name: str) -> None:
    assert zone_of(name) == "UTC"


def test_a_zone_is_taken_as_it_is() -> None:
    assert zone_of("Europe/Berlin") == "Europe/Berlin"
