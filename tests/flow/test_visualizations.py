from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.flow.some_attempts import NO_METRICS, NOON, at, attempt, columns, done, pending, running
from vain.bands import MetricWindow, of_values
from vain.clock import unix
from vain.flow.attempts import Attempt
from vain.flow.figures import Chart, Durations, Visualizations, changed_charts
from vain.flow.visualizations import cumulative, visualizations
from vain.types import OUTCOMES
from vain.windows import Window, window_of

IDENTIFIERS = (
    "status completion cumulative-flow cycle-time aging durations outcomes forecast"
    " cpu memory disk network disk-io pressure"
).split()


def seen(
    attempts: list[Attempt], hours: int = 3, metrics: MetricWindow = NO_METRICS, now: float = at(0.5)
) -> Visualizations:
    """At 12:30, over the buckets of the last ``hours`` hours: the last one runs from 12 to 13."""
    window = Window(f"2026-11-23T{13 - hours:02d}:00:00.000Z", "2026-11-23T13:00:00.000Z", "hour", "UTC")
    return visualizations(columns(*attempts), metrics, now, window)


def chart(answer: Visualizations, identifier: str) -> Chart:
    return next(chart for chart in answer.charts if chart.id == identifier)


EVERY_OUTCOME = [done(outcome, at(0.1)) for outcome in OUTCOMES]


def test_each_completed_task_counts_as_succeeded_failed_or_cancelled() -> None:
    flow = seen([*EVERY_OUTCOME, pending(), pending(), running()]).task_completion
    assert (flow.total, flow.pending, flow.in_progress, flow.completed) == (9, 2, 1, 6)
    assert (flow.succeeded, flow.failed, flow.cancelled) == (1, 3, 2)


def test_rates_leave_out_cancelled_and_skipped_tasks() -> None:
    flow = seen([*EVERY_OUTCOME, pending()]).task_completion
    assert flow.completion_rate_percent == 80.0  # 4 of the 5 that were not cancelled
    assert flow.success_rate_percent == 25.0  # 1 of 4


@pytest.mark.parametrize("tasks", [[], [done("cancelled", NOON)], [done("skipped", NOON), done("cancelled", NOON)]])
def test_a_rate_of_nothing_is_unknown(tasks: list[Attempt]) -> None:
    flow = seen(tasks).task_completion
    assert (flow.completion_rate_percent, flow.success_rate_percent) == (None, None)
    assert seen([]).task_completion.flow_ratio is None


def test_nothing_finished_yet_is_a_completion_rate_of_0_and_no_success_rate() -> None:
    flow = seen([pending()]).task_completion
    assert (flow.completion_rate_percent, flow.success_rate_percent) == (0, None)


def test_a_reopened_task_stands_as_it_is_now_and_what_it_did_stays_counted() -> None:
    again = attempt(at(0.2), task_id=7, attempt=2)
    flow = seen([attempt(at(-1), completed=at(-0.5), task_id=7, is_newest=False), again]).task_completion
    assert (flow.total, flow.pending, flow.completed, flow.succeeded) == (1, 1, 0, 0)
    assert (flow.throughput, flow.arrived, flow.ended, flow.flow_ratio) == ([0, 1, 0], 2, 1, 0.5)


def test_a_deleted_task_no_longer_stands_and_what_it_did_stays_counted() -> None:
    deleted = [attempt(at(-1), completed=at(-0.5), removed=at(0)), attempt(at(-1), removed=at(0))]
    answer = seen([*deleted, attempt(at(-1), at(-0.5), removed=at(0))])
    flow = answer.task_completion
    assert (flow.total, flow.pending, flow.in_progress, flow.completed) == (0, 0, 0, 0)
    assert sum(chart(answer, "status").data["tasks"]) == 0  # type: ignore[arg-type]
    assert (flow.throughput, flow.arrived, flow.ended) == ([0, 1, 0], 3, 1)
    assert flow.forecast.items == 0 and chart(answer, "aging").data["task_id"] == []


def test_buckets_include_their_start_and_not_their_end_and_zeros_are_shown() -> None:
    tasks = [done("succeeded", at(-2)), done("crashed", at(0) - 0.001), done("skipped", NOON)]
    tasks += [done("succeeded", at(0.4)), done("succeeded", at(-2) - 0.001, arrived=at(-9)), pending(at(0.9))]
    data = chart(seen(tasks), "completion").data
    assert data["t"] == [unix(f"2026-11-23T{hour}:00:00.000Z") * 1000 for hour in (10, 11, 12)]
    assert (data["succeeded"], data["failed"], data["cancelled"]) == ([1, 0, 1], [0, 1, 0], [0, 0, 1])
    assert data["created"] == [0, 4, 1]


def test_throughput_is_what_ended_in_each_bucket_and_its_mean_over_the_time_passed() -> None:
    flow = seen([done("succeeded", at(-2)), done("failed", at(0.2)), done("cancelled", at(0.2))]).task_completion
    assert flow.throughput == [1, 0, 2]
    assert flow.throughput_per_interval == 1.2  # 3 in 2.5 hours


def test_a_window_that_lies_ahead_has_no_throughput_and_nothing_is_known_of_it() -> None:
    ahead = window_of("2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z", "day", None, NOON)
    answer = visualizations(columns(pending()), NO_METRICS, NOON, ahead)
    assert answer.task_completion.throughput_per_interval is None
    assert chart(answer, "cumulative-flow").data["arrived"] == [None, None]


def test_the_status_chart_has_a_row_for_each_state_even_at_zero() -> None:
    data = chart(seen([*EVERY_OUTCOME[:2], running()]), "status").data
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
    tasks = [done("succeeded", start - 1800 + 3600 * hour, arrived=start - 7200) for hour in range(hours + 2)]
    window = window_of(midnight, f"-{NOON - start - 3600}", "day", zone, NOON)
    completion = chart(visualizations(columns(*tasks), NO_METRICS, NOON, window), "completion").data
    assert (completion["t"], completion["succeeded"]) == ([unix(midnight) * 1000], [hours])


# --- cumulative flow ---------------------------------------------------------------------------------------------


def lines(attempts: list[Attempt], hours: int = 3) -> list[list[int]]:
    data = chart(seen(attempts, hours), "cumulative-flow").data
    return [list(data[name]) for name in ("arrived", "started", "completed", "removed")]  # type: ignore[arg-type]


def test_the_cumulative_flow_is_that_of_the_hand_table() -> None:
    """By 10:00, 11:00, 12:00 and now (12:30). One was completed and reopened; one deleted while pending, one while in
    progress, one after it was completed; one was completed without a start."""
    tasks = [
        attempt(at(-5), at(-4), at(-3)),
        attempt(at(-1.9), at(-1.8), at(-1.5), task_id=500, is_newest=False),
        attempt(at(-0.5), task_id=500, attempt=2),
        attempt(at(-1.9), removed=at(-0.5)),
        attempt(at(-1.9), at(-1.8), removed=at(0.1)),
        attempt(at(-1.9), at(-1.8), at(-1.2), removed=at(-0.1)),
        attempt(at(-1.9), completed=at(0.2)),
    ]
    assert lines(tasks) == [[1, 6, 7, 7], [1, 4, 5, 6], [1, 3, 3, 4], [0, 0, 1, 2]]


def test_a_clock_that_was_set_back_lets_no_attempt_start_before_it_arrived() -> None:
    times = cumulative(columns(attempt(at(0), started=at(-1), completed=at(-2))))
    assert [times[name].tolist() for name in ("arrived", "started", "completed")] == [[NOON]] * 3


def test_of_the_rest_of_the_window_nothing_is_known_yet() -> None:
    window = window_of("2026-11-23T10:00:00Z", "2026-11-23T15:00:00Z", "hour", None, NOON)
    data = chart(visualizations(columns(pending(at(-1))), NO_METRICS, at(0.5), window), "cumulative-flow").data
    assert data["arrived"] == [0, 0, 1, 1, None, None]


TIMES = st.integers(-6 * 60, 2 * 60).map(lambda minutes: at(minutes / 60))
ATTEMPTS = st.lists(st.builds(attempt, TIMES, st.none() | TIMES, st.none() | TIMES, st.none() | TIMES), max_size=25)


@given(ATTEMPTS, st.integers(1, 8))
def test_no_line_of_the_cumulative_flow_falls_and_none_crosses_another(attempts: list[Attempt], hours: int) -> None:
    arrived, started, completed, removed = map(np.array, lines(attempts, hours))
    for line in (arrived, started, completed, removed):
        assert (np.diff(line) >= 0).all()
    assert (arrived >= started).all() and (started >= completed + removed).all()


# --- the whole ---------------------------------------------------------------------------------------------------


def test_with_nothing_known_the_answer_is_whole_and_empty() -> None:
    answer = seen([], hours=1)
    assert [chart.id for chart in answer.charts] == IDENTIFIERS
    assert chart(answer, "completion").data["created"] == [0]
    assert (answer.generated_at, answer.performance_trends) == ("2026-11-23T12:30:00.000Z", {})
    assert answer.task_completion.cycle_time == Durations(0, None, None, None)
    assert msgspec.json.decode(msgspec.json.encode(answer), type=Visualizations) == answer


def test_only_the_charts_that_changed_are_told() -> None:
    task = pending()
    before = seen([task])
    sampled = seen(
        [task], metrics=MetricWindow(np.array([NOON]), {"cpu.percent": of_values(np.array([5.0]))}, "raw", 1)
    )
    changed = [chart.id for chart in changed_charts(before, sampled)]
    assert "cpu" in changed and not {"status", "completion", "aging", "forecast"} & set(changed)
    assert [chart.id for chart in changed_charts(before, seen([]))] == ["status", "completion", "cumulative-flow"]
    assert changed_charts(before, seen([task])) == [] and changed_charts(None, before) == before.charts


def test_the_clock_alone_changes_no_chart_within_a_minute() -> None:
    tasks = [
        running(at(-0.2)),
        running(at(-0.011)),
        *(done("succeeded", at(-n / 5), arrived=at(-130)) for n in range(600)),
    ]
    first, later, next_minute = (seen(tasks, now=at(0.5) + seconds) for seconds in (0.1, 59.9, 60.1))
    assert first.task_completion.forecast.p50 is not None
    assert changed_charts(first, later) == []
    assert [chart.id for chart in changed_charts(first, next_minute)] == ["aging"]


@given(ATTEMPTS, st.integers(1, 5))
def test_all_columns_have_one_length_and_all_counts_agree(attempts: list[Attempt], hours: int) -> None:
    answer = seen(attempts, hours)
    for drawn in answer.charts:
        assert {len(column) for column in drawn.data.values()} == {len(drawn.data[drawn.x])}
        assert set(drawn.units) - {"t"} == set(drawn.y) <= set(drawn.data)
    flow, completion = answer.task_completion, chart(answer, "completion").data
    assert sum(chart(answer, "status").data["tasks"]) == flow.total  # type: ignore[arg-type]
    assert flow.total == flow.pending + flow.in_progress + flow.succeeded + flow.failed + flow.cancelled
    ends = zip(*(completion[name] for name in ("succeeded", "failed", "cancelled")), strict=True)
    assert [sum(bucket) for bucket in ends] == flow.throughput  # type: ignore[arg-type]
    assert (sum(flow.throughput), sum(completion["created"])) == (flow.ended, flow.arrived)  # type: ignore[arg-type]
