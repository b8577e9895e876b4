"""What is usual for the runs of a name."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vain.clock import utc
from vain.types import Resources, Task
from vain.usual import ONLY_BY_RULE, ended_notices, is_unusual, longer_notice, longer_than_usual, nearest_rank

BEGIN = 1_800_000_000.0
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


def ran(number: int, seconds: float, **used: float) -> Task:
    """A run of the job that took so long and used this."""
    return Task(
        number, "etl", "completed", "medium", utc(BEGIN), started_at=utc(BEGIN), completed_at=utc(BEGIN + seconds),
        outcome="succeeded", resources=Resources(**used) if used else None,  # type: ignore[arg-type]  # whole numbers
    )  # fmt: skip


EARLIER = [ran(number, 600, cpu_seconds=60.0, rss_peak_bytes=2**30) for number in range(1, 31)]


def test_a_run_that_was_quicker_or_dearer_than_usual_is_told_in_words() -> None:
    shorter, costlier = ended_notices(ran(99, 5, cpu_seconds=125.0, rss_peak_bytes=2**31), EARLIER)
    assert (shorter.kind, shorter.level, shorter.task_id) == ("task.shorter", "warning", 99)
    assert shorter.title == "etl was quicker than usual"
    assert shorter.message == "Done after 5 s; 95 % of 30 earlier runs took at least 10 min"
    assert (costlier.kind, costlier.level, costlier.task_id) == ("task.costlier", "warning", 99)
    assert costlier.title == "etl cost more than usual"
    assert costlier.message == (
        "CPU time 2 min 5 s, where 95 % of 30 earlier runs used at most 1 min; "
        "memory 2.0 GiB, where 95 % of 30 earlier runs used at most 1.0 GiB"
    )
    assert {shorter.kind, costlier.kind} == ONLY_BY_RULE


@pytest.mark.parametrize(
    ("what", "seconds", "used", "kinds"),
    [
        ("as ever", 600, {"cpu_seconds": 60.0, "rss_peak_bytes": 2**30}, []),
        ("longer was told while it ran", 6_000, {"cpu_seconds": 60.0}, []),
        ("cheaper is no cause", 600, {"cpu_seconds": 1.0, "rss_peak_bytes": 1}, []),
        ("only memory", 600, {"cpu_seconds": 60.0, "rss_peak_bytes": 2**31}, ["task.costlier"]),
        ("nothing is known of its costs", 599, {}, ["task.shorter"]),
    ],
)
def test_only_what_is_unusual_and_known_is_told(
    what: str, seconds: float, used: dict[str, float], kinds: list[str]
) -> None:
    assert [each.kind for each in ended_notices(ran(99, seconds, **used), EARLIER)] == kinds, what


def test_runs_of_which_nothing_is_known_are_not_counted() -> None:
    few = EARLIER[:19] + [replace(each, started_at=None, resources=None) for each in EARLIER[19:]]
    assert ended_notices(ran(99, 5, cpu_seconds=1e6, rss_peak_bytes=2**40), few) == []
    assert ended_notices(replace(ran(99, 5), started_at=None), EARLIER) == []
