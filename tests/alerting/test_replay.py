"""Over the stored history a rule fires where it would have fired then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vain.alerting.alert import AlertEvent, Fired, Firing
from vain.alerting.judging import Judge
from vain.alerting.replay import GAP_STEPS, replay
from vain.alerting.rule import Rule
from vain.bands import Bands, MetricWindow, of_values
from vain.quality import Cause, Span

BEGIN = 1_800_000_000.0
CPU = "cpu.percent"
BUSY = Rule(name="cpu-busy", metric=CPU, above=90, clear=80, for_seconds=3, keep_firing_for=2)
RULES = [
    BUSY,
    Rule(name="low", metric=CPU, below=20, for_seconds=2),
    Rule(name="gone", metric=CPU, absent=True, for_seconds=4),
    Rule(name="unless", metric=CPU, above=70, unless_task="backup"),
    Rule(name="while", metric=CPU, above=70, for_seconds=2, while_task="backup"),
]


def nobody(t: float) -> Sequence[str]:
    return ()


def samples(values: Mapping[str, Sequence[float]], times: Sequence[float] | None = None) -> MetricWindow:
    """As they came, one a second or at these seconds."""
    length = len(next(iter(values.values())))
    at = np.array(range(length) if times is None else times, dtype=np.float64)
    bands = {name: of_values(np.array(each, dtype=np.float64)) for name, each in values.items()}
    return MetricWindow(BEGIN + at, bands, "raw", 1.0)


def minutes(*steps: tuple[float, float, float]) -> MetricWindow:
    """Of each minute the mean, the least and the largest value."""
    mean, low, high = (np.array(each, dtype=np.float64) for each in zip(*steps, strict=True))
    bands = Bands(mean, low, high, np.full(len(steps), 60))
    at = np.array([BEGIN + 60 * number for number in range(len(steps))], dtype=np.float64)
    return MetricWindow(at, {CPU: bands}, "1m", 60.0, is_reduced=True)


def told(firings: Sequence[Firing]) -> list[tuple[float, float, float | None, float | None]]:
    return [(each.since - BEGIN, each.fired_at - BEGIN, each.until and each.until - BEGIN, each.peak)
            for each in firings]  # fmt: skip


def test_each_time_in_which_it_fires_has_its_begin_its_end_and_its_worst_value() -> None:
    values = [10, 95, 95, 99, 95, 95, 50, 50, 50, 50, 95, 95, 95, 96, 97]
    assert told(replay(BUSY, samples({CPU: values}), nobody)) == [(1, 4, 8, 99.0), (10, 13, None, 97.0)]


def test_a_rule_that_is_off_is_tried_all_the_same() -> None:
    window = samples({CPU: [95.0] * 9})
    assert replay(replace(BUSY, enabled=False), window, nobody) == replay(BUSY, window, nobody) != []


def test_the_series_of_a_metric_are_told_apart_in_order_of_their_begin() -> None:
    rule = Rule(name="disk", metric="disk.percent", above=90)
    window = samples({"disk.percent:/": [1, 95, 95, 1], "disk.percent:/a": [95, 1, 1, 95], "cpu.percent": [99] * 4})
    found = replay(rule, window, nobody)
    assert [(each.subject, each.since - BEGIN) for each in found] == [
        ("disk.percent:/a", 0), ("disk.percent:/", 1), ("disk.percent:/a", 3),
    ]  # fmt: skip


def test_a_time_without_samples_proves_nothing() -> None:
    assert replay(BUSY, samples({CPU: [95] * 6}, [0, 1, 2, 60, 61, 62]), nobody) == []
    assert told(replay(BUSY, samples({CPU: [95, 95, nan, 95, 95]}), nobody)) == [(0, 3, None, 95.0)]


def test_the_tasks_that_ran_then_are_asked_for_each_moment() -> None:
    def at_night(t: float) -> Sequence[str]:
        return ["backup"] if t < BEGIN + 5 else []

    window = samples({CPU: [95.0] * 12})
    assert told(replay(replace(BUSY, unless_task="backup"), window, at_night)) == [(5, 8, None, 95.0)]
    assert told(replay(replace(BUSY, while_task="backup"), window, at_night)) == [(0, 3, 7, 95.0)]


CALM, SPIKE, BUSY_MINUTE = (20.0, 10.0, 30.0), (20.0, 10.0, 99.0), (95.0, 92.0, 99.0)


@pytest.mark.parametrize(
    ("what", "for_seconds", "steps", "said"),
    [
        ("a spike of seconds is seen by a rule that fires at once", 0, [CALM, SPIKE, CALM], [(60, 60, 120, 99.0)]),
        ("and not by one that wants a minute", 60, [CALM, SPIKE, CALM], []),
        ("nor are spikes in two minutes a minute", 60, [CALM, SPIKE, SPIKE, CALM], []),
        ("nor is a busy minute between calm ones two", 120, [CALM, BUSY_MINUTE, CALM], []),
        ("three are", 120, [CALM, *[BUSY_MINUTE] * 3, CALM], [(60, 180, 240, 95.0)]),
    ],
)
def test_of_older_times_means_or_extremes_tell(
    what: str, for_seconds: float, steps: list[tuple[float, float, float]], said: list[Any]
) -> None:
    rule = Rule(name="r", metric=CPU, above=90, for_seconds=for_seconds)
    assert told(replay(rule, minutes(*steps), nobody)) == said, what


def test_a_dip_of_seconds_is_seen_by_a_rule_that_looks_below() -> None:
    rule = Rule(name="r", metric=CPU, below=15)
    assert told(replay(rule, minutes((50, 40, 60), (50, 5, 60), (50, 40, 60)), nobody)) == [(60, 60, 120, 5.0)]


@given(
    st.lists(st.tuples(st.sampled_from([1, 1, 1, 4, 9]), st.sampled_from([10.0, 50.0, 75.0, 95.0, nan])), max_size=60),
    st.sampled_from(RULES),
    st.integers(0, 60),
)
def test_it_says_what_the_judge_says_sample_by_sample(steps: list[tuple[int, float]], rule: Rule, ends: int) -> None:
    times = np.cumsum([0, *(passed for passed, _ in steps)])[:-1].tolist()

    def running(t: float) -> Sequence[str]:
        return ["backup"] if t < BEGIN + ends else []

    judge, events = Judge([rule], GAP_STEPS), list[tuple[float, AlertEvent]]()
    for t, (_, value) in zip(times, steps, strict=True):
        events += [(BEGIN + t, each) for each in judge.take([(CPU, value)], BEGIN + t, running(BEGIN + t))]
    fired = [(at, event.since) for at, event in events if isinstance(event, Fired)]
    ended = [(at, event.peak) for at, event in events if not isinstance(event, Fired)]
    found = replay(rule, samples({CPU: [value for _, value in steps]}, times), running) if steps else []
    assert [(each.fired_at, each.since) for each in found] == fired
    assert [(each.until, each.peak) for each in found if each.until is not None] == ended


@pytest.mark.parametrize(
    ("cause", "said"), [("asleep", [(160, 163, None, 95.0)]), ("stopped", [(100, 103, None, 95.0)])]
)
def test_the_minute_after_a_sleep_is_judged_by_nobody(cause: Cause, said: list[Any]) -> None:
    times = [0.0, 1.0, *(100.0 + second for second in range(80))]
    slept = Span(cause, BEGIN + 1, BEGIN + 100)
    window = samples({CPU: [20.0] * 2 + [95.0] * 80}, times)._replace(spans=(slept,))
    assert told(replay(BUSY, window, nobody)) == said
