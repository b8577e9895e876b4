"""Promises, beats and their grace."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.liveness import Liveness, Promise, allowed_seconds, recovered_notice, stale_notice
from vain.types import Task


@pytest.mark.parametrize(("promised", "allowed"), [(1, 31), (45, 75), (300, 330), (3_600, 3_960)])
def test_the_grace_is_half_a_minute_or_a_tenth(promised: float, allowed: float) -> None:
    assert allowed_seconds(promised) == allowed


def test_a_broken_promise_is_said_once_and_its_recovery_once() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, None, 60), 0)
    assert watch.due(90) == [] and watch.next_due(0) == 90
    assert watch.due(90.1) == [(1, True)] and watch.due(500) == [] and watch.next_due(500) is None
    watch.reported(1, 500)
    assert watch.due(500) == [(1, False)] and watch.due(501) == []


def test_beats_do_not_keep_a_promise_of_progress() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, 15, 60), 0)
    for now in range(0, 120, 15):
        watch.beat(1, now)
    assert watch.due(120) == [(1, True)]
    watch.beat(1, 121)
    assert watch.due(121) == [], "it lives, but says nothing"
    watch.reported(1, 122)
    assert watch.due(122) == [(1, False)]


def test_missing_beats_make_stale_and_a_beat_is_enough_to_recover() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, 15, None), 0)
    assert watch.due(75) == [] and watch.due(75.1) == [(1, True)]
    watch.beat(1, 80)
    assert watch.due(80) == [(1, False)]


def test_what_was_stale_before_a_restart_stays_so_until_it_is_heard() -> None:
    watch = Liveness(100)
    watch.follow(Promise(1, 15, None), 100, stale=True)
    assert watch.due(101) == [] and watch.due(1_000) == []
    watch.beat(1, 1_001)
    assert watch.due(1_001) == [(1, False)]


def test_a_resumed_machine_gives_everybody_the_full_time_anew() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, 15, 60), 0)
    watch.resumed(3_600, 5_000)
    assert watch.due(5_074) == [] and watch.due(5_076) == [(1, True)]


def test_a_machine_that_wakes_up_has_not_heard_of_anybody() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, 15, None), 0)
    watch.follow(Promise(2, 15, 60), 0)
    assert watch.due(1_000) == [(1, True), (2, True)]
    watch.resumed(3_600, 5_000)
    assert watch.due(5_001) == [] and watch.due(6_000) == [], "still silent, and said already"
    watch.beat(1, 6_001)
    watch.beat(2, 6_001)
    assert watch.due(6_001) == [(1, False)], "the other promised a report"
    watch.reported(2, 6_002)
    assert watch.due(6_002) == [(2, False)]


def test_a_beat_recovers_who_was_silent_by_beats_alone_though_the_machine_slept() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, 15, 3_600), 0)
    assert watch.due(76) == [(1, True)]
    watch.resumed(10, 100)
    watch.beat(1, 101)
    assert watch.due(101) == [(1, False)]


def test_what_promised_nothing_or_is_forgotten_is_never_stale() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, None, None), 0)
    watch.follow(Promise(2, 15, 60), 0)
    watch.forget(2)
    assert watch.due(1e9) == [] and watch.next_due(0) is None


def test_a_new_promise_counts_from_when_it_was_made() -> None:
    watch = Liveness(0)
    watch.follow(Promise(1, None, 3_600), 0)
    watch.follow(Promise(1, None, 10), 1_000)
    assert watch.due(1_040) == [] and watch.due(1_041) == [(1, True)]


heard = st.lists(st.tuples(st.sampled_from(["report", "beat", "resume", "look"]), st.floats(0, 200)), max_size=60)


@given(heard, st.none() | st.floats(1, 100), st.none() | st.floats(1, 100))
def test_nothing_is_stale_before_its_time_and_changes_alternate(
    steps: list[tuple[str, float]], beat: float | None, promised: float | None
) -> None:
    watch, now, stale = Liveness(0), 0.0, False
    watch.follow(Promise(1, beat, promised), 0)
    heard_at = 0.0
    for what, seconds in steps:
        now += seconds
        if what == "report":
            watch.reported(1, now)
        elif what == "beat":
            watch.beat(1, now)
        elif what == "resume":
            watch.resumed(seconds, now)
        if what in ("report", "resume"):
            heard_at = now
        for task_id, is_stale in watch.due(now):
            assert task_id == 1 and is_stale != stale
            assert is_stale or what in ("report", "beat"), "only what is heard makes it recover"
            stale = is_stale
            if stale:
                least = min(allowed_seconds(n) for n in (beat and 3 * beat, promised) if n)
                assert now - heard_at > least


def test_the_notices_say_what_was_promised() -> None:
    task = Task(7, "etl", "in-progress", "medium", "2026-01-01T00:00:00.000Z", expect_next_in=60.0,
                heartbeat_at="2026-01-01T03:10:00.000Z")  # fmt: skip
    notice = stale_notice(task)
    assert (notice.kind, notice.level, notice.title, notice.task_id) == ("task.stale", "warning", "etl is silent", 7)
    assert "every 1 min" in notice.message and "2026-01-01 03:10 UTC" in notice.message
    assert recovered_notice(task).kind == "task.recovered"
