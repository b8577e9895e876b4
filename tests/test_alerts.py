from __future__ import annotations

from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.alerts import DEFAULT_RULES, Cleared, Event, Fired, Rule, RuleState, States, judge, judge_all
from vain.catalog import BY_NAME

RULE = Rule("busy", "cpu.percent", 90, clear=80, for_seconds=3, clear_for_seconds=2, level="warning", title="Busy")


def events(*values: float | None, times: list[float] | None = None) -> list[Event | None]:
    state, found = RuleState("cpu.percent"), []
    for number, value in enumerate(values):
        state, event = judge(RULE, state, value, times[number] if times else float(number))
        found.append(event)
    return found


def kinds(*values: float | None, times: list[float] | None = None) -> str:
    letters = {Fired: "F", Cleared: "C", type(None): "."}
    return "".join(letters[type(event)] for event in events(*values, times=times))


def test_rule_fires_once_after_its_time_and_not_before() -> None:
    assert kinds(95, 95, 95, 95, 95, 95) == "...F.."


def test_dip_below_the_threshold_starts_the_time_anew() -> None:
    assert kinds(95, 95, 95, 89, 95, 95, 95, 95) == ".......F"


def test_value_at_the_threshold_is_not_over_it() -> None:
    assert kinds(*[90] * 10) == "." * 10


def test_rule_that_fired_does_not_clear_between_its_thresholds() -> None:
    assert kinds(*[95] * 4, *[85] * 10, *[95] * 4) == "...F" + "." * 14


def test_rule_clears_after_its_time_below_and_can_fire_again() -> None:
    assert kinds(*[95] * 4, 70, 70, 70, *[95] * 4) == "...F..C...F"


def test_unknown_value_neither_fires_nor_clears_nor_interrupts() -> None:
    assert kinds(95, None, nan, 95) == "...F"
    assert kinds(95, 95, 95, None) == "...."
    assert kinds(*[95] * 4, None, None, 85) == "...F..."


def test_gap_starts_the_time_anew() -> None:
    assert kinds(95, 95, 95, 95, times=[0, 1, 8, 9]) == "...."
    assert kinds(95, 95, 95, 95, times=[0, 1, 6, 9]) == "..F."


def test_gap_starts_the_time_of_the_way_back_anew() -> None:
    assert kinds(*[95] * 4, 70, 70, 70, 70, times=[0, 1, 2, 3, 4, 100, 101, 102]) == "...F...C"


def test_clock_that_was_set_back_starts_the_time_anew() -> None:
    assert kinds(95, 95, 95, 95, 95, 95, times=[100, 101, 50, 51, 52, 53]) == ".....F"


def test_fired_says_what_since_when_and_how_long() -> None:
    fired = events(95, 96, 97, 98)[-1]
    assert fired == Fired(RULE, "cpu.percent", 98, 90, since=0.0, duration_seconds=3.0)


def test_cleared_says_how_long_it_lasted_in_all() -> None:
    cleared = events(95, 95, 95, 95, 70, 70, 60)[-1]
    assert cleared == Cleared(RULE, "cpu.percent", 60, 80, since=0.0, duration_seconds=6.0)


def test_each_instance_is_judged_by_itself() -> None:
    rule = Rule("full", "disk.percent", 90, 87, 0, 0, "warning", "Full")
    values = [("disk.percent:/", 95.0), ("disk.percent:/home", 10.0), ("cpu.percent", 99.0)]
    states, found = judge_all([rule], {}, values, 0.0)
    assert [(event.series, event.value) for event in found] == [("disk.percent:/", 95.0)]
    assert list(states) == [("full", "disk.percent:/")]


def test_two_rules_of_one_metric_are_both_judged() -> None:
    states: States = {}
    found: list[Event] = []
    for t in range(62):
        states, new = judge_all(DEFAULT_RULES, states, [("disk.percent:/", 98.0)], t)
        found += new
    assert [(event.rule.name, event.rule.level) for event in found] == [
        ("disk-filling", "warning"),
        ("disk-full", "error"),
    ]


def test_series_that_come_and_go_leave_no_state_behind() -> None:
    states: States = {}
    for t in range(100):
        states, _ = judge_all([RULE], states, [(f"cpu.percent:{t}", 95.0)], t)
    assert len(states) < 10


def test_rule_that_fired_for_a_series_that_went_clears_when_it_is_back() -> None:
    rule = Rule("full", "disk.percent", 90, 87, 0, 0, "warning", "Full")
    states, _ = judge_all([rule], {}, [("disk.percent:/usb", 95.0)], 0)
    states, during = judge_all([rule], states, [], 5000)
    states, found = judge_all([rule], states, [("disk.percent:/usb", 10.0)], 9000)
    assert during == [] and isinstance(found[0], Cleared) and states == {}


@pytest.mark.parametrize("rule", DEFAULT_RULES, ids=lambda rule: rule.name)
def test_default_rule_is_of_a_known_metric_and_has_a_way_back(rule: Rule) -> None:
    assert rule.metric in BY_NAME and rule.clear < rule.above <= 100 and rule.for_seconds >= 60


Steps = st.lists(st.tuples(st.none() | st.floats(0, 100), st.floats(-2, 12)), max_size=80)


@given(Steps)
def test_fires_and_clears_take_turns_and_none_comes_too_early(steps: list[tuple[float | None, float]]) -> None:
    state, t, firing, since = RuleState("cpu.percent"), 0.0, False, 0.0
    for value, passed in steps:
        t += passed
        state, event = judge(RULE, state, value, t)
        if isinstance(event, Fired):
            assert not firing and event.value > RULE.above and event.duration_seconds >= RULE.for_seconds
            firing, since = True, event.since
        elif isinstance(event, Cleared):
            assert firing and event.value < RULE.clear and event.since == since and event.duration_seconds >= 0
            firing = False
        assert (state.fired_since is not None) is firing


@given(Steps)
def test_judging_whole_samples_says_the_same_as_judging_one_series(steps: list[tuple[float | None, float]]) -> None:
    one, all_of_it, t = RuleState("cpu.percent"), dict[tuple[str, str], RuleState](), 0.0
    for value, passed in steps:
        t += passed
        one, event = judge(RULE, one, value, t)
        all_of_it, found = judge_all([RULE], all_of_it, [("cpu.percent", value)], t)
        assert found == ([event] if event else [])
