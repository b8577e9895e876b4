"""Hand-made series: the letters say what happens at each second. F fires, C clears."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vain.alerting.alert import AlertEvent, Cleared, Fired
from vain.alerting.judging import Judge
from vain.alerting.rule import DEFAULT_RULES, Rule, checked

CPU = "cpu.percent"
BUSY: dict[str, Any] = {"metric": CPU, "above": 90, "clear": 80, "for_seconds": 3, "keep_firing_for": 2}
LOW: dict[str, Any] = {"metric": "tasks.pending", "below": 1, "for_seconds": 2}


def rule(name: str = "r", **fields: Any) -> Rule:
    return checked(Rule(name=name, **fields))


def judged(
    made: Rule, values: Sequence[float | None], times: Sequence[float] | None = None, running: Sequence[str] = (),
    series: str | None = None, judge: Judge | None = None,
) -> str:  # fmt: skip
    """``running``: for each second the names of tasks, with spaces between."""
    judge = judge or Judge([made], 5)
    said = ""
    for at, value in enumerate(values):
        names = running[at].split() if running else ()
        found = judge.take([(series or made.metric or "", value)], times[at] if times else float(at), names)
        said += letters(found) or "."
    return said


def letters(events: Sequence[AlertEvent]) -> str:
    return "".join("F" if isinstance(event, Fired) else "C" for event in events)


@pytest.mark.parametrize(
    ("what", "fields", "values", "said"),
    [
        ("fires once after its time", BUSY, [95] * 6, "...F.."),
        ("a dip begins anew", BUSY, [95, 95, 95, 89, 95, 95, 95, 95], ".......F"),
        ("a spike is none", BUSY, [10, 99, 99, 10, 10, 10], "......"),
        ("at the threshold is not over it", BUSY, [90] * 6, "......"),
        ("a flap between the thresholds neither clears nor rings", BUSY, [95] * 4 + [85, 95, 85, 95], "...F...."),
        ("it clears when it stays below", BUSY, [95] * 4 + [70, 70, 70], "...F..C"),
        ("a flap on the way back goes on", BUSY, [95] * 4 + [70, 70, 85, 70, 70, 70], "...F.....C"),
        ("it fires anew after it cleared", BUSY, [95] * 4 + [0] * 3 + [95] * 4, "...F..C...F"),
        ("a ramp", {"metric": CPU, "above": 50}, [10, 30, 51, 70, 90, 49], "..F..C"),
        ("what is not known does neither", BUSY, [95, 95, None, 95, nan, 95], "...F.."),
        ("below", LOW, [3, 0, 0, 0, 0, 1], "...F.C"),
        ("unknown for long voids it", {**BUSY, "for_seconds": 12}, [95] * 2 + [None] * 6 + [95] * 13, "." * 20 + "F"),
        ("below with a way back", {**LOW, "clear": 2}, [0, 0, 0, 1, 2, 3], "..F..C"),
    ],
)  # fmt: skip
def test_it_fires_and_clears_exactly_there(what: str, fields: dict[str, Any], values: list[float], said: str) -> None:
    assert judged(rule(**fields), values) == said, what


@pytest.mark.parametrize(
    ("what", "times", "said"),
    [
        ("as it comes", [0, 1, 2, 3, 4, 5], "...F.."),
        ("a gap, as after a sleep, voids what was counted", [0, 1, 2, 60, 61, 62], "......"),
        ("a short gap does not", [0, 1, 2, 6, 7, 8], "...F.."),
        ("a clock that was set back voids it", [10, 11, 3, 4, 5, 6], ".....F"),
    ],
)
def test_times_in_which_nobody_looked_are_no_proof(what: str, times: list[float], said: str) -> None:
    assert judged(rule(**BUSY), [95] * 6, times) == said, what


def test_what_fired_goes_on_over_a_gap_and_clears_after_its_time() -> None:
    times = [0, 1, 2, 3, 500, 501, 502]
    assert judged(rule(**BUSY), [95, 95, 95, 95, 10, 10, 10], times) == "...F..C"


def test_nothing_is_judged_while_it_is_held() -> None:
    judge = Judge([rule(**BUSY)], 5)
    for at in range(10):
        assert judge.take([(CPU, 99)], at, hold=True) == []
    assert judged(rule(**BUSY), [99] * 4, [10, 11, 12, 13], judge=judge) == "...F"
    assert judge.take([(CPU, 0)], 14, hold=True) == [] and judge.firing() == [("r", CPU)]


def test_a_task_excuses_it_and_what_fired_before_goes_on() -> None:
    excused = rule(**BUSY, unless_task="backup")
    assert judged(excused, [95] * 6, running=["backup"] * 6) == "......"
    assert judged(excused, [95] * 8, running=["", "", "backup", "", "", "", "", ""]) == "......F."
    assert judged(excused, [95] * 5 + [10] * 3, running=[""] * 4 + ["backup"] * 4) == "...F...C"


def test_it_holds_only_while_a_task_runs_and_ends_with_it() -> None:
    watched = rule(**BUSY, while_task="train")
    assert judged(watched, [95] * 5) == "....."
    assert judged(watched, [95] * 8, running=["train"] * 5 + [""] * 3) == "...F...C"


def test_a_series_that_goes_silent() -> None:
    absent = rule(metric="gpu.percent", absent=True, for_seconds=3)
    judge = Judge([absent], 5)
    said = ""
    for at in range(12):
        there = at < 2 or at > 8
        said += letters(judge.take([("gpu.percent:0", 5.0)] if there else [], at)) or "."
    assert said == ".....F...C.."
    assert judged(absent, [None] * 9, series="gpu.percent:1") == "." * 9, "what never was cannot go"


def test_a_disk_that_fills_up_is_told_before_it_is_full_and_no_more_when_it_does_not() -> None:
    soon = rule(metric="disk.percent", reaches=100, within=3_600, over=600)
    judge, events = Judge([soon], 300), []
    for minute in range(60):
        # Half a percent a minute from 60 on: full after 80 minutes, and within an hour after 20.
        events += judge.take([("disk.percent:/", 60 + 0.5 * minute)], minute * 60.0)
    (fired,) = events
    assert isinstance(fired, Fired) and fired.since == 21 * 60 and fired.value == pytest.approx(3_540)
    for minute in range(60, 90):
        events += judge.take([("disk.percent:/", 89.5)], minute * 60.0)
    assert letters(events) == "FC"


def test_each_series_of_a_metric_is_judged_by_itself() -> None:
    judge = Judge([rule(metric="disk.percent", above=90)], 5)
    (fired,) = judge.take([("disk.percent:/", 50), ("disk.percent:/home", 95)], 0)
    assert fired.subject == "disk.percent:/home"
    assert judge.take([("disk.percent:/", 95), ("disk.percent:/home", 95)], 1)[0].subject == "disk.percent:/"
    assert sorted(judge.firing()) == [("r", "disk.percent:/"), ("r", "disk.percent:/home")]


def test_what_fired_before_a_restart_does_not_fire_again_and_clears_with_its_whole_time() -> None:
    judge = Judge([rule(**BUSY)], 5)
    assert judge.restore("r", CPU, -100.0, 99.0)
    assert not judge.restore("gone", CPU, -100.0, None)
    assert judged(rule(**BUSY), [95] * 5, judge=judge) == "....."
    events = [event for at in (5, 6, 7) for event in judge.take([(CPU, 10)], at)]
    (cleared,) = events
    assert isinstance(cleared, Cleared) and (cleared.duration_seconds, cleared.peak) == (107, 99.0)


def test_other_words_keep_what_was_counted_and_another_question_does_not() -> None:
    judge = Judge([rule(**BUSY)], 5)
    judged(rule(**BUSY), [95] * 3, judge=judge)
    assert judge.use([rule(**BUSY, title="Hot")]) == []
    (fired,) = judge.take([(CPU, 95)], 3)
    assert fired.rule.title == "Hot"
    assert judge.use([rule(**{**BUSY, "above": 91})]) == [("r", CPU)]
    assert judge.firing() == [] and judge.use([]) == []


def test_series_that_come_and_go_leave_nothing_behind() -> None:
    judge = Judge([rule(**BUSY)], 5)
    for number in range(100):
        judge.take([(f"disk.percent:/{number}", 1.0)], float(number))
    judge.forget(10_000.0)
    assert not judge._series


def test_our_own_rules_make_sense() -> None:
    assert [checked(each) for each in DEFAULT_RULES] == list(DEFAULT_RULES)
    assert len({each.name for each in DEFAULT_RULES}) == len(DEFAULT_RULES)


Steps = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 1.0, 1.0, 3.0, 30.0]),
        st.sampled_from([10.0, 79.0, 80.0, 85.0, 90.0, 95.0, None]),
        st.sampled_from(["", "backup", "train", "backup train"]),
        st.booleans(),
    ),
    max_size=60,
)
EVERY_KIND = [
    rule("plain", **BUSY),
    rule("at-once", metric=CPU, above=90),
    rule("below", metric=CPU, below=80, clear=85, for_seconds=2),
    rule("unless", **BUSY, unless_task="backup"),
    rule("while", **BUSY, while_task="train"),
    rule("absent", metric=CPU, absent=True, for_seconds=2),
]


@given(Steps)
def test_never_two_fires_without_a_clear_between_and_never_a_clear_without_a_fire(steps: list[Any]) -> None:
    judge, firing, t = Judge(EVERY_KIND, 5), set[tuple[str, str]](), 0.0
    for passed, value, running, hold in steps:
        t += passed
        for event in judge.take([(CPU, value)], t, running.split(), hold=hold and passed > 1):
            key = (event.rule.name, event.subject)
            assert (key in firing) == isinstance(event, Cleared)
            firing ^= {key}
            assert event.duration_seconds >= 0
    # Only now: to ask makes the judge look at the next value, however calm it is.
    assert set(judge.firing()) == firing


@given(Steps)
def test_many_rules_together_say_what_each_says_alone(steps: list[Any]) -> None:
    together, alone = Judge(EVERY_KIND, 5), [Judge([each], 5) for each in EVERY_KIND]
    t = 0.0
    for passed, value, running, _ in steps:
        t += passed
        said = together.take([(CPU, value)], t, running.split())
        each_said = [event for judge in alone for event in judge.take([(CPU, value)], t, running.split())]
        assert sorted(map(repr, said)) == sorted(map(repr, each_said))


def test_what_was_counted_before_it_is_held_is_void() -> None:
    judge = Judge([rule(**BUSY)], 5)
    assert judged(rule(**BUSY), [95, 95], judge=judge) == ".."
    assert judge.take([(CPU, 95)], 2, hold=True) == []
    assert judged(rule(**BUSY), [95] * 4, [3, 4, 5, 6], judge=judge) == "...F"


def test_the_worst_value_of_a_rule_that_looks_below_is_the_least() -> None:
    judge = Judge([rule(**{**LOW, "below": 5})], 5)
    events = [
        event for at, value in enumerate([4, 3, 4, 1, 4, 4, 9]) for event in judge.take([("tasks.pending", value)], at)
    ]
    assert letters(events) == "FC" and isinstance(events[1], Cleared) and events[1].peak == 1


def test_to_ask_what_fires_costs_what_is_calm_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in a while somebody asks, and each of a thousand machines has dozens of series."""
    judge, looked = Judge(DEFAULT_RULES), list[str]()
    look = judge._judge
    monkeypatch.setattr(judge, "_judge", lambda series, *rest: (looked.append("look"), look(series, *rest))[1])
    sample = [(CPU, 10.0), ("memory.percent", 20.0), ("disk.percent:/", 30.0), ("cpu.core.percent:0", 5.0)]
    for second in range(3):
        judge.take(sample, float(second))
    looked.clear()
    assert judge.firing() == []
    for second in range(3, 50):
        judge.take(sample, float(second))
    assert looked == []


def test_a_rule_that_comes_later_is_about_what_nobody_watched_before() -> None:
    judge = Judge([])
    judge.take([("load.1m", 99.0)], 0.0)
    judge.use([rule(metric="load.1m", above=10)])
    assert letters(judge.take([("load.1m", 99.0)], 1.0)) == "F"


def test_a_trend_is_looked_at_when_its_next_point_is_due() -> None:
    """In between no value says anything, and each minute's first one is a point as ever."""
    made = rule(metric="disk.percent", reaches=100, within=3_600, over=3_600)
    said, judge = "", Judge([made])
    for second in range(1_200):
        found = judge.take([("disk.percent:/", 50 + second / 60)], float(second))
        said += letters(found)
    assert said == "F"


def test_a_trend_fires_at_the_same_second_whatever_lies_between_its_points() -> None:
    made = rule(metric="disk.percent", reaches=100, within=1_500, over=3_600)

    def fired_at(noise: float) -> int:
        judge = Judge([made])
        for second in range(3_000):
            value = 50 + second / 60 + (noise if second % 60 else 0.0)
            if judge.take([("disk.percent:/", value)], float(second)):
                return second
        return -1

    assert fired_at(0.0) == fired_at(30.0) > 0
