"""What holds for any series: the judge says what a slow reading of the whole series says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vain.alerting.alert import AlertEvent, Cleared, Fired
from vain.alerting.judging import Judge
from vain.alerting.rule import Rule

GAP = 5.0
CPU, MEMORY = "cpu.percent", "memory.percent"
RULES = [
    Rule(name="plain", metric=CPU, above=90, clear=80, for_seconds=3, keep_firing_for=2),
    Rule(name="at-once", metric=CPU, above=90),
    Rule(name="low", metric=CPU, below=20, clear=25, for_seconds=2),
    Rule(name="unless", metric=CPU, above=85, for_seconds=2, unless_task="backup"),
    Rule(name="while", metric=MEMORY, above=90, keep_firing_for=3, while_task="train"),
    Rule(name="soon", metric=MEMORY, above=70, for_seconds=30),
    Rule(name="gone", metric=MEMORY, absent=True, for_seconds=3),
]
VALUES = st.sampled_from([10.0, 20.0, 22.0, 50.0, 79.0, 80.0, 85.0, 90.0, 91.0, 99.0, None])
Steps = st.lists(
    st.tuples(
        st.sampled_from([-20.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 5.0, 6.0]),
        VALUES,
        VALUES,
        st.sampled_from([(), ("backup",), ("train",)]),
        st.sampled_from([False] * 9 + [True]),
        st.integers(1, 6),
    ),
    max_size=40,
)
"""The last is for how many seconds it stays so."""
Runs = st.lists(
    st.tuples(
        st.sampled_from([1.0, 1.0, 5.0, 6.0]),
        st.sampled_from([10.0, 10.0, 79.0, 80.0, 90.0, 91.0, 95.0, 99.0, None]),
        st.integers(1, 5),
    ),
    min_size=10,
    max_size=30,
)
"""The time to the value before, and how many seconds it stays."""


class Thorough(Judge):
    """Looks at each value, however unremarkable it is."""

    def take(self, *given: Any, **more: Any) -> list[AlertEvent]:
        for series in self._series.values():
            series.note()
        return super().take(*given, **more)


@given(Steps, st.booleans())
def test_that_calm_values_are_passed_over_changes_nothing(steps: list[Any], has_fired: bool) -> None:
    quick, thorough, t = Judge(RULES, GAP), Thorough(RULES, GAP), 0.0
    if has_fired:
        for judge in (quick, thorough):
            judge.restore("plain", CPU, -60.0, 97.0)
    for passed, cpu, memory, running, hold, seconds in steps:
        for step in (passed, *[1.0] * (seconds - 1)):
            t += step
            values = [(CPU, cpu), (MEMORY, memory)]
            assert quick.take(values, t, running, hold) == thorough.take(values, t, running, hold)
    # Only now: to ask for the peaks makes the judge look at the next value.
    assert quick.peaks() == thorough.peaks()


@given(Runs)
def test_it_fires_and_clears_where_a_reading_of_the_whole_series_says_so(runs: list[Any]) -> None:
    judge, points, found, t = Judge([RULES[0]], GAP), [], [], 0.0
    for passed, value, seconds in runs:
        for step in (passed, *[1.0] * (seconds - 1)):
            t += step
            events = judge.take([(CPU, value)], t)
            if value is not None:
                points.append((t, value))
                found.append(events)
            else:
                assert events == []
    said = [(index, type(event), event.since, event.peak if isinstance(event, Cleared) else None)
            for index, events in enumerate(found) for event in events]  # fmt: skip
    assert said == expected(RULES[0], points)


def expected(rule: Rule, points: Sequence[tuple[float, float]]) -> list[tuple[int, type, float, float | None]]:
    """Read anew for each point: how long, back from there, has each value been beyond the threshold."""
    said: list[tuple[int, type, float, float | None]] = []
    assert rule.above is not None and rule.clear is not None
    last, since = 0, None
    for index, (t, _) in enumerate(points):
        is_over = [value < rule.clear if since is not None else value > rule.above for _, value in points]
        begin = index + 1
        while begin > last and is_over[begin - 1] and (begin > index or points[begin][0] - points[begin - 1][0] <= GAP):
            begin -= 1
        if begin > index or t - points[begin][0] < (rule.for_seconds if since is None else rule.keep_firing_for):
            continue
        if since is None:
            since, last = points[begin][0], index + 1
            said.append((index, Fired, since, None))
        else:
            peak = max(value for at, value in points[: index + 1] if at >= since)
            said.append((index, Cleared, since, peak))
            since, last = None, index + 1
    return said


def test_the_worst_value_is_the_worst_since_it_began_not_of_what_a_gap_made_void() -> None:
    judge = Judge([RULES[0]], GAP)
    series = [(0, 99), (6, 91), (7, 92), (8, 91), (9, 91), (10, 1), (11, 1), (12, 1)]
    fired, cleared = [event for t, value in series for event in judge.take([(CPU, value)], t)]
    assert isinstance(cleared, Cleared) and (fired.since, cleared.peak) == (6, 92)
