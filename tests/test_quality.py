"""What the clocks give away, and how long a value was missing."""

from __future__ import annotations

from vain.quality import CAUSES, MEANINGS, MissingSeries, Moment, Span, between, since_last_run

T = 1_790_000_000.0


def moment(wall: float, monotonic: float, since_boot: float | None = None) -> Moment:
    return Moment(T + wall, monotonic, monotonic if since_boot is None else since_boot)


def test_between_two_ordinary_looks_nothing_happened() -> None:
    assert between(moment(0, 100), moment(1.002, 101.001), 1.0) == []


def test_a_machine_that_slept_is_told_by_the_boot_clock() -> None:
    assert between(moment(0, 100), moment(301, 101, 401), 1.0) == [Span("asleep", T, T + 301)]


def test_a_clock_that_was_set_forward_is_no_sleep() -> None:
    assert between(moment(0, 100), moment(3_601, 101), 1.0) == [Span("clock-set", T, T + 3_601)]


def test_a_clock_that_was_set_back_gives_the_time_that_was_twice() -> None:
    assert between(moment(0, 100), moment(-3_599, 101), 1.0) == [Span("clock-set", T - 3_599, T)]


def test_a_clock_that_was_wrong_by_years_marks_no_years() -> None:
    years = 74 * 365 * 86_400.0
    assert between(moment(0, 100), moment(years, 101), 1.0) == [Span("clock-set", T + years, T + years)]
    assert between(moment(years, 100), moment(1, 101), 1.0) == [Span("clock-set", T + 1, T + 1)]


def test_what_is_missing_while_the_clock_is_set_back_is_two_stretches() -> None:
    missing = MissingSeries()
    missing.note(T + 100, {"a": "unread"})
    assert missing.note(T, {"a": "unread"}) == [Span("unread", T + 100, T + 100, "a"), Span("unread", T, T, "a")]


def test_time_that_ntp_slews_is_not_set() -> None:
    assert between(moment(0, 100), moment(1.3, 101), 1.0) == []


def test_a_look_that_comes_late_has_others_missing_before_it() -> None:
    assert between(moment(0, 100), moment(7, 107), 1.0) == [Span("late", T, T + 7)]


def test_a_machine_that_slept_and_then_set_its_clock_says_both() -> None:
    causes = [span.cause for span in between(moment(0, 100), moment(500, 101, 401), 1.0)]
    assert causes == ["asleep", "clock-set"]


def test_between_two_runs_vain_was_stopped() -> None:
    assert since_last_run(T, T + 60, 1.0) == [Span("stopped", T, T + 60)]
    assert since_last_run(T, T + 2, 1.0) == []
    assert since_last_run(T, T - 60, 1.0) == [Span("clock-set", T - 60, T)]
    assert since_last_run(T + 1e8, T, 1.0) == []


def test_a_missing_value_is_given_at_once_and_again_when_it_ends() -> None:
    missing = MissingSeries()
    assert missing.note(T, {"a": "reset"}) == [Span("reset", T, T, "a")]
    assert missing.note(T + 1, {"a": "reset"}) == []
    assert missing.note(T + 2, {}) == [Span("reset", T, T + 1, "a")]
    assert missing.note(T + 3, {}) == []


def test_a_value_that_stays_missing_is_given_now_and_then() -> None:
    missing = MissingSeries()
    given = [span for second in range(181) for span in missing.note(T + second, {"a": "unreachable"})]
    assert [span.end - T for span in given] == [0, 60, 120, 180] and {span.begin for span in given} == {T}


def test_another_cause_is_another_span() -> None:
    missing = MissingSeries()
    missing.note(T, {"a": "first"})
    assert missing.note(T + 1, {"a": "unread"}) == [Span("first", T, T, "a"), Span("unread", T + 1, T + 1, "a")]
    assert missing.close() == [Span("unread", T + 1, T + 1, "a")] and missing.close() == []


def test_each_cause_is_explained() -> None:
    assert MEANINGS.keys() == set(CAUSES)
