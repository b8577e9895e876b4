from __future__ import annotations

from tests.flow.some_attempts import NOON, at, attempt, columns, done, running
from vain.flow.attempts import Attempt
from vain.flow.durations import (
    FEWEST_RUNS,
    MOST_DOTS,
    MOST_NAMES,
    MOST_RUNNING,
    aging_chart,
    durations,
    durations_chart,
    outcomes_chart,
    scatter_chart,
)
from vain.flow.figures import Chart, Durations

NOW = at(0.5)


def cycle(*attempts: Attempt, after: float = at(-2)) -> Durations:
    known = columns(*attempts)
    return durations(known, known.started, after, NOW)


def lead(*attempts: Attempt, after: float = at(-2)) -> Durations:
    known = columns(*attempts)
    return durations(known, known.arrived, after, NOW)


def runs(name: str, *seconds: float) -> list[Attempt]:
    return [attempt(at(-1.5), at(-1), at(-1) + length, name=name) for length in seconds]


def test_a_task_that_was_never_started_has_a_lead_time_and_no_cycle_time() -> None:
    task = done("succeeded", at(0.25), arrived=NOON)
    assert cycle(task) == Durations(0, None, None, None)
    assert lead(task) == Durations(1, 900, 900, 900)


def test_durations_of_what_has_ended_are_nearest_rank_percentiles() -> None:
    tasks = [done("succeeded", at(-2) + seconds, at(-2), at(-2) - 5) for seconds in range(10, 110, 10)]
    tasks += [done("succeeded", at(-2.5), at(-30), at(-30))]
    assert cycle(*tasks) == Durations(10, 50, 90, 100)
    assert lead(*tasks) == Durations(10, 55, 95, 105)


def test_what_is_under_way_counts_for_as_long_as_it_has_lasted() -> None:
    """Ended after 10, 20 and 40 minutes; since 30 and 60 under way: S = 4/5, 3/5, and 3/5 · 1/2 = 3/10 at 40."""
    tasks = [done("succeeded", at(-1) + 60 * minutes, at(-1)) for minutes in (10, 20, 40)]
    assert cycle(*tasks, running(at(0)), running(at(-0.5))) == Durations(3, 2400, None, None, 2)


def test_what_was_deleted_unfinished_counts_until_then() -> None:
    """One of two ended after a quarter of an hour; the other was gone before that."""
    task, gone = done("succeeded", at(-0.75), at(-1)), attempt(at(-1), at(-1), removed=at(-0.9))
    assert cycle(task, gone) == Durations(1, 900, 900, 900, 1)


def test_in_a_window_of_the_past_what_ended_after_it_had_not_ended() -> None:
    task = columns(done("succeeded", at(0.4), at(-1)))
    assert durations(task, task.started, at(-2), at(0)) == Durations(0, None, None, None, 1)


def test_old_work_that_is_left_lying_does_not_hide_how_long_the_rest_takes() -> None:
    """It was older than 30 days when the window began, so it says nothing of whether work is done within the hour."""
    left = [running(at(-24 * days), task_id=days) for days in range(30, 50)]
    lately = [done("succeeded", at(-1) + 60 * minutes, at(-1)) for minutes in range(1, 11)]
    assert cycle(*left, *lately).p50_seconds == 300


def test_a_duration_across_a_step_of_the_clock_is_left_out() -> None:
    assert cycle(done("succeeded", at(0), started=at(0.1))) == Durations(0, None, None, None)
    assert cycle(running(at(0.9))) == Durations(0, None, None, None)


def ended(outcome: str, name: str, completed: float = at(-1)) -> Attempt:
    return attempt(at(-5), at(-4), completed, name=name, outcome=outcome)


def outcomes(*attempts: Attempt) -> Chart:
    known = columns(*attempts)
    return outcomes_chart(known, (known.completed >= at(-2)) & (known.completed < at(1)))


def test_outcomes_by_name_begin_with_the_name_that_ran_most() -> None:
    many = [ended(outcome, "many") for outcome in ("succeeded", "timed-out", "crashed", "skipped")]
    chart = outcomes(ended("cancelled", "few"), *many, ended("failed", "earlier", at(-3)))
    assert chart.data == {
        "name": ["many", "few"],
        "succeeded": [1, 0],
        "failed": [2, 0],
        "cancelled": [1, 1],
        "success_percent": [33.33, None],
    }


def test_outcomes_of_many_names_are_cut_and_say_so() -> None:
    chart = outcomes(*(ended("succeeded", f"job {n:02}") for n in range(MOST_NAMES + 3)))
    assert (chart.data["name"][0], len(chart.data["name"]), chart.left_out) == ("job 00", MOST_NAMES, 3)
    assert outcomes().data["name"] == []


def by_name(*attempts: Attempt) -> Chart:
    known = columns(*attempts)
    return durations_chart(known, (known.completed >= at(-2)) & (known.completed < at(1)))


def test_durations_by_name_begin_with_what_took_most_time() -> None:
    chart = by_name(*runs("quick", 1, 2, 3, 4), *runs("slow", 600), done("succeeded", NOON))
    assert chart.data == {
        "name": ["slow", "quick"],
        "runs": [1, 4],
        "mean_seconds": [600, 2.5],
        "total_seconds": [600, 10],
        "p50_seconds": [600, 2],
        "p85_seconds": [600, 4],
        "p95_seconds": [600, 4],
    }
    assert chart.left_out == 0


def test_it_is_told_how_many_names_were_left_out() -> None:
    chart = by_name(*(run for place in range(MOST_NAMES + 3) for run in runs(f"job {place}", place)))
    assert len(chart.data["name"]) == MOST_NAMES and chart.left_out == 3
    assert chart.data["name"][0] == f"job {MOST_NAMES + 2}"


def test_work_in_progress_stands_beside_earlier_runs_of_its_name() -> None:
    known = runs("usual", 10, 20, 30, 40, 50)
    chart = aging_chart(columns(*known, running(at(0.2), name="usual", task_id=8), running(at(-2), name="new")), NOW)
    data = chart.data
    assert (data["name"], data["age_minutes"], data["runs"]) == (["new", "usual"], [150, 18], [0, 5])
    assert (data["p50_seconds"], data["p95_seconds"]) == ([None, 30], [None, 50])
    assert data["task_id"][1] == 8 and data["t"] == [at(-2) * 1000, at(0.2) * 1000]


def test_few_earlier_runs_are_told_and_give_no_percentiles() -> None:
    data = aging_chart(columns(*runs("x", *[9.0] * (FEWEST_RUNS - 1)), running()), NOW).data
    assert (data["runs"], data["p50_seconds"]) == ([FEWEST_RUNS - 1], [None])


def test_the_age_of_what_started_in_the_future_is_not_known() -> None:
    chart = aging_chart(columns(running(NOW + 5), running(NOW - 5)), NOW + 1)
    assert chart.data["age_minutes"] == [0, None]


def test_the_oldest_work_is_shown_and_the_rest_counted() -> None:
    chart = aging_chart(columns(*(running(at(-place / 60)) for place in range(MOST_RUNNING + 7))), NOW)
    assert chart.left_out == 7 and chart.data["age_minutes"][0] == MOST_RUNNING + 6 + 30


def test_the_scatter_has_the_newest_runs() -> None:
    tasks = [attempt(at(-1), at(-1), at(-1) + place, outcome="crashed") for place in range(1, MOST_DOTS + 3)]
    known = columns(*reversed(tasks), done("succeeded", NOON))
    chart = scatter_chart(known, known.completed >= at(-2))
    assert chart.left_out == 2 and chart.data["cycle_seconds"] == list(range(3, MOST_DOTS + 3))
    assert chart.data["task_id"][-1] == tasks[-1].task_id and set(chart.data["outcome"]) == {"crashed"}
