"""Threshold rules, judged one value at a time: pure, with hysteresis and time on both ways.

A rule fires when its metric stays above ``above`` for ``for_seconds``, and clears when it then stays below ``clear``
for ``clear_for_seconds``. An unknown value does neither. Times are whatever seconds the caller counts in; where more
than ``gap_seconds`` lie between two known values (the machine slept, the server stood still), or the clock was set
back, nobody knows what happened in between: the time that was counted so far is void and starts anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan

from msgspec import Struct
from msgspec.structs import replace

from vain.types import Level

GAP_SECONDS = 5.0
"""Five periods at one sample a second; whoever samples at another period passes five of its own."""


class Rule(Struct, frozen=True):
    """``metric`` is a row of ``vain.catalog``; each of its instances is judged by itself."""

    name: str
    metric: str
    above: float
    clear: float
    """The threshold of the way back; below ``above``, so that a value that trembles at the edge does not ring twice."""
    for_seconds: float
    clear_for_seconds: float
    level: Level
    title: str


class RuleState(Struct, frozen=True):
    """What a rule remembers of one series."""

    series: str
    fired_since: float | None = None
    """When the value went over the threshold; None: the rule is not firing."""
    crossed_at: float | None = None
    """Since when the value has been beyond the threshold that matters now: ``above``, or once it fired ``clear``."""
    seen_at: float | None = None
    """When the last known value came."""


class Fired(Struct, frozen=True):
    """A rule began to hold for a series. ``since`` is when the value went over ``threshold``."""

    rule: Rule
    series: str
    value: float
    threshold: float
    since: float
    duration_seconds: float


class Cleared(Struct, frozen=True):
    """A rule that had fired holds no more. ``threshold`` is that of the way back, ``since`` that of ``Fired``."""

    rule: Rule
    series: str
    value: float
    threshold: float
    since: float
    duration_seconds: float


Event = Fired | Cleared
States = dict[tuple[str, str], RuleState]
"""By the names of the rule and of the series; what is not in it is as at the beginning."""

DEFAULT_RULES: tuple[Rule, ...] = (
    Rule("cpu-busy", "cpu.percent", 95, 85, 300, 60, "warning", "CPU is busy"),
    Rule("memory-low", "memory.percent", 92, 88, 60, 60, "warning", "Memory is running out"),
    Rule("disk-filling", "disk.percent", 90, 87, 60, 60, "warning", "Disk is filling up"),
    Rule("disk-full", "disk.percent", 97, 95, 60, 60, "error", "Disk is nearly full"),
)


def judge(
    rule: Rule, state: RuleState, value: float | None, t: float, gap_seconds: float = GAP_SECONDS
) -> tuple[RuleState, Event | None]:
    """Take in one value of one series at time ``t`` (seconds), and say what that changes."""
    if value is None or isnan(value):
        return state, None
    beyond = value > rule.above if state.fired_since is None else value < rule.clear
    crossed_at = (state.crossed_at if _continues(state, t, gap_seconds) else None) if beyond else None
    if beyond and crossed_at is None:
        crossed_at = t
    state = replace(state, crossed_at=crossed_at, seen_at=t)
    if crossed_at is None:
        return state, None
    if state.fired_since is None:
        return _fire(rule, state, value, t, crossed_at)
    return _clear(rule, state, value, t, crossed_at, state.fired_since)


def judge_all(
    rules: Iterable[Rule],
    states: Mapping[tuple[str, str], RuleState],
    values: Iterable[tuple[str, float | None]],
    t: float,
    gap_seconds: float = GAP_SECONDS,
) -> tuple[States, list[Event]]:
    """Judge a whole sample: ``values`` by series, as ``vain.samples.series`` gives them.

    Only states that say something are kept, so that series that come and go leave nothing behind; a rule that has fired
    for a series that vanished keeps its state, and clears when the series is back and low.
    """
    by_metric: dict[str, list[Rule]] = {}
    for rule in rules:
        by_metric.setdefault(rule.metric, []).append(rule)
    kept = {key: state for key, state in states.items() if _worth_keeping(state, t, gap_seconds)}
    events: list[Event] = []
    for series, value in values:
        for rule in by_metric.get(series.partition(":")[0], ()):
            key = (rule.name, series)
            state, event = judge(rule, kept.get(key) or RuleState(series), value, t, gap_seconds)
            if state.fired_since is None and state.crossed_at is None:
                kept.pop(key, None)
            else:
                kept[key] = state
            if event is not None:
                events.append(event)
    return kept, events


def _continues(state: RuleState, t: float, gap_seconds: float) -> bool:
    return state.seen_at is not None and 0 <= t - state.seen_at <= gap_seconds


def _worth_keeping(state: RuleState, t: float, gap_seconds: float) -> bool:
    return state.fired_since is not None or _continues(state, t, gap_seconds)


def _fire(rule: Rule, state: RuleState, value: float, t: float, crossed_at: float) -> tuple[RuleState, Event | None]:
    lasted = t - crossed_at
    if lasted < rule.for_seconds:
        return state, None
    fired = Fired(rule, state.series, value, rule.above, crossed_at, lasted)
    return replace(state, fired_since=crossed_at, crossed_at=None), fired


def _clear(
    rule: Rule, state: RuleState, value: float, t: float, crossed_at: float, fired_since: float
) -> tuple[RuleState, Event | None]:
    if t - crossed_at < rule.clear_for_seconds:
        return state, None
    cleared = Cleared(rule, state.series, value, rule.clear, fired_since, max(0.0, t - fired_since))
    return replace(state, fired_since=None, crossed_at=None), cleared
