from __future__ import annotations

from itertools import count

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.clock import unix
from vain.flow import Durations, TaskTimes, Visualizations, changed_charts, nearest_rank, visualizations
from vain.history import Columns, History
from vain.trends import Chart
from vain.types import OUTCOMES
from vain.windows import Window, window_of

NOON = unix("2026-11-23T12:00:00.000Z")
NOTHING = History().since(0)
NUMBERS = count(1)


def at(hours: float) -> float:
    return NOON + hours * 3600


def done(outcome: str, completed: float, started: float | None = None, created: float = at(-1)) -> TaskTimes:
    return TaskTimes(next(NUMBERS), "completed", outcome, created, started, completed)  # type: ignore[arg-type]


def waiting(status: str = "pending", created: float = NOON) -> TaskTimes:
    return TaskTimes(next(NUMBERS), status, None, created)  # type: ignore[arg-type]


def seen(tasks: list[TaskTimes], hours: int = 3, columns: Columns = NOTHING) -> Visualizations:
    """At 12:30, over the buckets of the last ``hours`` hours: the last one runs from 12 to 13."""
    window = Window(f"2026-11-23T{13 - hours:02d}:00:00.000Z", "2026-11-23T13:00:00.000Z", "hour", "UTC")
    return visualizations(tasks, columns, at(0.5), window)


def chart(answer: Visualizations, identifier: str) -> Chart:
    return next(chart for chart in answer.charts if chart.id == identifier)


EVERY_OUTCOME = [done(outcome, at(0.1)) for outcome in OUTCOMES]


def test_each_completed_task_counts_as_succeeded_failed_or_cancelled() -> None:
    flow = seen([*EVERY_OUTCOME, waiting(), waiting(), waiting("in-progress")]).task_completion
    assert (flow.total, flow.pending, flow.in_progress, flow.completed) == (9, 2, 1, 6)
    assert (flow.succeeded, flow.failed, flow.cancelled) == (1, 3, 2)


def test_rates_leave_out_cancelled_and_skipped_tasks() -> None:
    flow = seen([*EVERY_OUTCOME, waiting()]).task_completion
    assert flow.completion_rate_percent == 80.0  # 4 of the 5 that were not cancelled
    assert flow.success_rate_percent == 25.0  # 1 of 4


@pytest.mark.parametrize("tasks", [[], [done("cancelled", NOON)], [done("skipped", NOON), done("cancelled", NOON)]])
def test_a_rate_of_nothing_is_unknown(tasks: list[TaskTimes]) -> None:
    flow = seen(tasks).task_completion
    assert (flow.completion_rate_percent, flow.success_rate_percent) == (None, None)


def test_nothing_finished_yet_is_a_completion_rate_of_0_and_no_success_rate() -> None:
    flow = seen([waiting()]).task_completion
    assert (flow.completion_rate_percent, flow.success_rate_percent) == (0, None)


def test_buckets_include_their_start_and_not_their_end_and_zeros_are_shown() -> None:
    tasks = [done("succeeded", at(-2)), done("crashed", at(-0.001)), done("skipped", NOON), done("succeeded", at(0.4))]
    tasks += [done("succeeded", at(-2) - 0.001, created=at(-9)), waiting(created=at(0.9))]
    data = chart(seen(tasks), "completion").data
    assert data["t"] == [unix(f"2026-11-23T{hour}:00:00.000Z") * 1000 for hour in (10, 11, 12)]
    assert (data["succeeded"], data["failed"], data["cancelled"]) == ([1, 0, 1], [0, 1, 0], [0, 0, 1])
    assert data["created"] == [0, 4, 1]


def test_throughput_is_what_ended_in_each_bucket_and_its_mean_over_the_time_passed() -> None:
    flow = seen([done("succeeded", at(-2)), done("failed", at(0.2)), done("cancelled", at(0.2))]).task_completion
    assert flow.throughput == [1, 0, 2]
    assert flow.throughput_per_interval == 1.2  # 3 in 2.5 hours


def test_a_window_that_lies_ahead_has_no_throughput() -> None:
    ahead = window_of("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z", "day", None, NOON)
    assert visualizations([], NOTHING, NOON, ahead).task_completion.throughput_per_interval is None


def test_a_task_that_was_never_started_has_a_lead_time_and_no_cycle_time() -> None:
    flow = seen([done("succeeded", at(0.25), created=NOON)]).task_completion
    assert flow.cycle_time == Durations(0, None, None, None)
    assert flow.lead_time == Durations(1, 900, 900, 900)


def test_durations_are_nearest_rank_percentiles_of_what_ended_in_the_window() -> None:
    tasks = [done("succeeded", at(-2) + seconds, started=at(-2), created=at(-2) - 5) for seconds in range(10, 110, 10)]
    tasks += [done("succeeded", at(-2.5), started=at(-30))]
    flow = seen(tasks).task_completion
    assert flow.cycle_time == Durations(10, 50, 90, 100)
    assert flow.lead_time == Durations(10, 55, 95, 105)


def test_a_duration_across_a_step_of_the_clock_is_left_out() -> None:
    assert seen([done("succeeded", at(0), started=at(0.1), created=at(-1))]).task_completion.cycle_time.n == 0


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], [None] * 3), ([7], [7, 7, 7]), ([15, 20, 35, 40, 50], [35, 50, 50]), (list(range(1, 21)), [10, 17, 19])],
)
def test_nearest_rank_takes_a_value_that_was_there(values: list[float], expected: list[float | None]) -> None:
    assert [nearest_rank(values, percent) for percent in (50, 85, 95)] == expected


def test_the_status_chart_has_a_row_for_each_state_even_at_zero() -> None:
    data = chart(seen([*EVERY_OUTCOME[:2], waiting("in-progress")]), "status").data
    assert data["state"] == ["pending", "in-progress", *OUTCOMES]
    assert data["tasks"] == [0, 1, 1, 1, 0, 0, 0, 0]
    assert data["status"] == ["pending", "in-progress"] + ["completed"] * 6
    assert data["outcome"] == [None, None, *OUTCOMES]


@pytest.mark.parametrize(
    ("zone", "midnight", "hours"),
    [
        ("Europe/Berlin", "2026-03-28T23:00:00.000Z", 23),
        ("Europe/Berlin", "2026-10-24T22:00:00.000Z", 25),
        ("America/New_York", "2026-03-08T05:00:00.000Z", 23),
        ("America/New_York", "2026-11-01T04:00:00.000Z", 25),
    ],
)
def test_a_day_on_which_the_clocks_change_counts_the_tasks_of_all_its_hours(
    zone: str, midnight: str, hours: int
) -> None:
    start = unix(midnight)
    tasks = [done("succeeded", start - 1800 + 3600 * hour, created=start) for hour in range(hours + 2)]
    window = window_of(midnight, f"-{NOON - start - 3600}", "day", zone, NOON)
    completion = chart(visualizations(tasks, NOTHING, NOON, window), "completion").data
    assert (completion["t"], completion["succeeded"]) == ([unix(midnight) * 1000], [hours])


def test_with_nothing_known_the_answer_is_whole_and_empty() -> None:
    answer = seen([], hours=1)
    assert [chart.id for chart in answer.charts] == ["status", "completion", "cpu", "memory", "disk", "network"]
    assert chart(answer, "completion").data["created"] == [0]
    assert (answer.generated_at, answer.performance_trends) == ("2026-11-23T12:30:00.000Z", {})
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Visualizations) == answer


def test_only_the_charts_that_changed_are_told() -> None:
    history, task = History(), waiting()
    before = seen([task], columns=history.since(0))
    history.append(NOON, [("cpu.percent", 50.0)])
    sampled = seen([task], columns=history.since(0))
    changed = [chart.id for chart in changed_charts(before, sampled)]
    assert "cpu" in changed and not {"status", "completion"} & set(changed)
    assert [chart.id for chart in changed_charts(before, seen([]))] == ["status", "completion"]
    assert changed_charts(before, seen([task])) == []
    assert changed_charts(None, before) == before.charts


TIMES = st.floats(at(-6), at(2))
TASKS = st.lists(
    st.builds(waiting, st.sampled_from(["pending", "in-progress"]), TIMES)
    | st.builds(done, st.sampled_from(OUTCOMES), TIMES, st.none() | TIMES, TIMES),
    max_size=20,
)


@given(TASKS, st.integers(1, 5))
def test_all_columns_have_one_length_and_all_counts_agree(tasks: list[TaskTimes], hours: int) -> None:
    answer = seen(tasks, hours)
    for drawn in answer.charts:
        assert {len(column) for column in drawn.data.values()} == {len(drawn.data[drawn.x])}
        assert set(drawn.units) - {"t"} == set(drawn.y) <= set(drawn.data)
    flow, completion = answer.task_completion, chart(answer, "completion").data
    assert sum(chart(answer, "status").data["tasks"]) == flow.total == len(tasks)  # type: ignore[arg-type]
    assert flow.total == flow.pending + flow.in_progress + flow.succeeded + flow.failed + flow.cancelled
    ends = zip(*(completion[name] for name in ("succeeded", "failed", "cancelled")), strict=True)
    assert [sum(bucket) for bucket in ends] == flow.throughput
