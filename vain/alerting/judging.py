"""Judges the rules about metrics against one sample after the other: pure, with hysteresis and time on both ways.

Times are seconds of a clock that never goes back. Where more than ``gap_seconds`` lie between two known values of a
series (the machine slept, the server stood still), nobody knows what happened in between: time that was counted so far
is void and starts anew. A value that changes nothing costs a few comparisons, however many rules watch its series: each
rule says between which values and until when nothing happens (``_Quiet``), and only the extremes are noted meanwhile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from math import inf, isnan, nextafter
from typing import NamedTuple

from vain.alerting.alert import AlertEvent, Cleared, Fired
from vain.alerting.rule import Rule
from vain.alerting.trend import Trend

GAP_SECONDS = 5.0
"""Five periods at one sample a second; whoever samples at another period passes five of its own."""
GRACE_SECONDS = 60.0
"""After the machine woke up nothing is to be judged for so long: everything is unusual then."""
CLEAR_SHARE = 1.25
"""A trend is over when so many times ``within`` is left."""
FORGET_SECONDS = 3_600.0
"""A series that is not there any more and about which nothing is to be remembered is forgotten after this time."""
MOST_UNWATCHED = 20_000
LAST_SECONDS = 1.0
"""Before a time is up each value is looked at, so that no sum that was rounded decides."""


class _Quiet(NamedTuple):
    """Values, both included, that change nothing before ``until``."""

    lowest: float
    highest: float
    until: float = inf


NEVER, ALWAYS = _Quiet(inf, -inf), _Quiet(-inf, inf)


class _Watched:
    """One rule and one subject."""

    __slots__ = ("clear", "crossed_at", "fired_since", "limit", "looks_below", "peak", "rule", "subject", "trend")

    def __init__(self, rule: Rule, subject: str) -> None:
        self.subject = subject
        self.fired_since: float | None = None
        self.crossed_at: float | None = None
        """Since when the value has been beyond the threshold that matters now; None: it is not."""
        self.peak: float | None = None
        self.trend = None if rule.reaches is None else Trend(rule.reaches, rule.over)
        self.follow(rule)

    def follow(self, rule: Rule) -> None:
        """The rule has other words or times now; what it asks is the same."""
        self.rule = rule
        self.looks_below = rule.below is not None or rule.reaches is not None
        self.limit, self.clear = _thresholds(rule)

    @property
    def is_firing(self) -> bool:
        """Whether it fired and has not cleared."""
        return self.fired_since is not None

    @property
    def is_live(self) -> bool:
        """Whether it remembers anything that a calm value would change."""
        return self.crossed_at is not None or self.fired_since is not None

    def quiet(self) -> _Quiet:
        """What changes nothing but ``peak``, whichever tasks run."""
        if self.rule.absent:
            return NEVER if self.is_live else ALWAYS
        has_task = self.rule.while_task is not None or (self.rule.unless_task is not None and not self.is_firing)
        if has_task and self.is_live:
            return NEVER
        if self.trend is not None:
            return NEVER if self.is_live else ALWAYS._replace(until=self.trend.rests_until)
        if not self.is_firing:
            inside, patience = self._values(self.limit, self.is_live, False), self.rule.for_seconds
        else:
            inside = self._values(self.clear, self.crossed_at is None, self.clear != self.limit)
            patience = self.rule.keep_firing_for
        return inside if self.crossed_at is None else inside._replace(until=self.crossed_at + patience - LAST_SECONDS)

    def _values(self, edge: float, is_beyond: bool, is_edge_beyond: bool) -> _Quiet:
        """Those on one side of an edge, which itself belongs to one of both."""
        is_low = is_beyond == self.looks_below
        if is_beyond != is_edge_beyond:
            edge = nextafter(edge, -inf if is_low else inf)
        return _Quiet(-inf, edge) if is_low else _Quiet(edge, inf)

    def take(self, value: float, t: float, running: Collection[str]) -> AlertEvent | None:
        """A known value."""
        if self.trend is not None:
            left = self.trend.take(value, t)
            if left is None:
                return None
            value = left
        if self.fired_since is not None:
            self.note(value)
            holds = self._is_for_now(running) and self._holds_on(value)
            return self._take_firing(holds, value, self.clear, t, self.fired_since)
        return self._take_calm(value, t, self._may_fire(running))

    def miss(self, t: float, running: Collection[str]) -> AlertEvent | None:
        """The series has no value: what a rule about silence counts."""
        if self.fired_since is not None:
            return self._take_firing(self._is_for_now(running), None, None, t, self.fired_since)
        if not self._may_fire(running):
            self.crossed_at = None
            return None
        if self.crossed_at is None:
            self.crossed_at = t
        return self._fired(None, None, t, self.crossed_at)

    def is_back(self, value: float, t: float) -> AlertEvent | None:
        """The series has a value again."""
        self.crossed_at = None
        return None if self.fired_since is None else self._cleared(value, None, t, self.fired_since)

    def _is_for_now(self, running: Collection[str]) -> bool:
        return self.rule.while_task is None or self.rule.while_task in running

    def _may_fire(self, running: Collection[str]) -> bool:
        unless = self.rule.unless_task
        return self._is_for_now(running) and (unless is None or unless not in running)

    def _take_calm(self, value: float, t: float, may_fire: bool) -> AlertEvent | None:
        if not may_fire or not (value < self.limit if self.looks_below else value > self.limit):
            self.crossed_at = self.peak = None
            return None
        if self.crossed_at is None:
            self.crossed_at, self.peak = t, None
        self.note(value)
        return self._fired(value, self.limit, t, self.crossed_at)

    def _take_firing(
        self, holds: bool, value: float | None, threshold: float | None, t: float, since: float
    ) -> AlertEvent | None:
        if holds:
            self.crossed_at = None
            return None
        if self.crossed_at is None:
            self.crossed_at = t
        if t - self.crossed_at < self.rule.keep_firing_for:
            return None
        return self._cleared(value, threshold, t, since)

    def _holds_on(self, value: float) -> bool:
        """Whether it is not back yet; at the threshold of the way back it is not, unless that is where it fires."""
        if value == self.clear:
            return self.clear != self.limit
        return value < self.clear if self.looks_below else value > self.clear

    def _fired(self, value: float | None, threshold: float | None, t: float, since: float) -> AlertEvent | None:
        if t - since < self.rule.for_seconds:
            return None
        self.fired_since, self.crossed_at = since, None
        return Fired(self.rule, self.subject, value, threshold, since, t - since)

    def _cleared(self, value: float | None, threshold: float | None, t: float, since: float) -> AlertEvent:
        cleared = Cleared(self.rule, self.subject, value, threshold, since, max(0.0, t - since), self.peak)
        self.fired_since = self.crossed_at = self.peak = None
        return cleared

    def note(self, value: float) -> None:
        """The worst value is remembered."""
        if self.peak is None or (value < self.peak if self.looks_below else value > self.peak):
            self.peak = value


class _Series:
    """All that is watched of one series, and the values between which nothing needs to be looked at."""

    __slots__ = ("absent", "is_live", "largest", "quiet", "seen_at", "smallest", "watched")

    def __init__(self, watched: Iterable[_Watched]) -> None:
        every = list(watched)
        self.absent = [each for each in every if each.rule.absent]
        self.watched = [each for each in every if not each.rule.absent]
        self.seen_at: float | None = None
        self.quiet = NEVER
        self.smallest, self.largest = inf, -inf
        """Of the values that changed nothing and were not noted yet."""
        self.is_live = any(each.is_live for each in every)

    def all(self) -> Iterator[_Watched]:
        yield from self.watched
        yield from self.absent

    @property
    def may_fire(self) -> bool:
        """Whether anything fires, or may soon."""
        return self.is_live or bool(self.absent)

    def void(self) -> None:
        """Nobody knows what happened since the last value."""
        self.note()
        for each in self.all():
            each.crossed_at = None

    def note(self) -> None:
        """The values that changed nothing are told to those who keep the worst; the next is looked at."""
        if self.smallest <= self.largest:
            for each in self.watched:
                if each.is_live:
                    each.note(self.smallest if each.looks_below else self.largest)
            self.smallest, self.largest = inf, -inf
        self.quiet = NEVER

    def settle(self) -> None:
        """Find what changes nothing from now on."""
        self.is_live = any(each.is_live for each in self.watched)
        all_quiet = [each.quiet() for each in self.all()]
        self.quiet = _Quiet(
            max((each.lowest for each in all_quiet), default=-inf),
            min((each.highest for each in all_quiet), default=inf),
            min((each.until for each in all_quiet), default=inf),
        )


class Judge:
    """The rules and what they remember. Whoever calls it does so from one thread."""

    def __init__(self, rules: Iterable[Rule], gap_seconds: float = GAP_SECONDS) -> None:
        self.gap_seconds = gap_seconds
        self._rules: dict[str, Rule] = {}
        self._of: dict[str, list[Rule]] = {}
        """By the metric or the series that they are about."""
        self._series: dict[str, _Series] = {}
        self._unwatched: set[str] = set()
        """Series about which there is no rule."""
        self._silent: set[str] = set()
        """Series of rules about silence."""
        self._taken_at: float | None = None
        self.use(rules)

    def use(self, rules: Iterable[Rule]) -> list[tuple[str, str]]:
        """Judge by these from now on. A rule that still asks the same keeps what it remembers.

        Returned: the rules, with the subjects, that fired and do no more: they are gone, or ask something else.
        """
        self._rules = {rule.name: rule for rule in rules if rule.enabled and rule.metric is not None}
        self._of = {}
        for rule in self._rules.values():
            self._of.setdefault(rule.metric or "", []).append(rule)
        self._unwatched.clear()
        ended: list[tuple[str, str]] = []
        for name, before in list(self._series.items()):
            ended += self._adopt(name, before)
        return ended

    def take(
        self, values: Iterable[tuple[str, float | None]], t: float, running: Collection[str] = (), hold: bool = False
    ) -> list[AlertEvent]:
        """Judge one sample at ``t``: ``values`` by series; ``running`` are names and keys of tasks in progress.

        With ``hold`` (the machine has just woken up) nothing is counted, nothing fires and nothing clears.
        """
        if hold or not self._continues(self._taken_at, t):
            for series in self._series.values():
                series.void()
        self._taken_at = t
        events: list[AlertEvent] = []
        if hold:
            return events
        unwatched = self._unwatched
        for name, value in values:
            if name in unwatched or value is None or isnan(value):
                continue
            series = self._series.get(name) or self._meet(name)
            if not series.watched and not series.absent:
                self._leave_out(name)
                continue
            lowest, highest, until = series.quiet
            if lowest <= value <= highest and t < until and self._continues(series.seen_at, t):
                series.seen_at = t
                series.smallest, series.largest = min(value, series.smallest), max(value, series.largest)
            else:
                events += self._judge(series, value, t, running)
        for name in self._silent:
            events += self._miss(self._series[name], t, running)
        return events

    def restore(self, rule_name: str, subject: str, since: float, peak: float | None) -> bool:
        """It fired before a restart. False: there is no such rule any more."""
        series = self._series.get(subject) or self._meet(subject)
        series.note()
        for each in series.all():
            if each.rule.name == rule_name:
                each.fired_since, each.crossed_at, each.peak = since, None, peak
                series.is_live = True
                return True
        return False

    def settle(self, rule_name: str, subject: str) -> None:
        """It does not fire, whatever was seen; what is counted begins anew."""
        series = self._series.get(subject) or self._meet(subject)
        series.note()
        for each in series.all():
            if each.rule.name == rule_name:
                each.fired_since = each.crossed_at = each.peak = None

    def firing(self) -> list[tuple[str, str]]:
        """The rules that fire, each with its subject."""
        return list(self.peaks())

    def peaks(self) -> dict[tuple[str, str], float | None]:
        """The worst value so far of each that fires."""
        found = {}
        for series in self._series.values():
            if not series.may_fire:
                continue  # to be noted costs it its quiet
            series.note()
            found.update({(each.rule.name, each.subject): each.peak for each in series.all() if each.is_firing})
        return found

    def forget(self, t: float) -> None:
        """Drop what is remembered of series that are gone; to be called now and then."""
        for name, series in list(self._series.items()):
            is_gone = series.seen_at is not None and t - series.seen_at > FORGET_SECONDS
            if is_gone and not series.is_live and not series.absent:
                del self._series[name]

    def _judge(self, series: _Series, value: float, t: float, running: Collection[str]) -> list[AlertEvent]:
        if self._continues(series.seen_at, t):
            series.note()
        else:
            series.void()
        series.seen_at = t
        found = [each.take(value, t, running) for each in series.watched]
        found += [each.is_back(value, t) for each in series.absent]
        series.settle()
        return [event for event in found if event is not None]

    def _miss(self, series: _Series, t: float, running: Collection[str]) -> list[AlertEvent]:
        if series.seen_at is None or series.seen_at == t:
            return []
        series.note()
        return [event for each in series.absent if (event := each.miss(t, running)) is not None]

    def _meet(self, name: str) -> _Series:
        series = self._series[name] = _Series(_Watched(rule, name) for rule in self._rules_of(name))
        if series.absent:
            self._silent.add(name)
        return series

    def _leave_out(self, name: str) -> None:
        """No rule is about it: nothing of it has to be looked at until there are others."""
        if len(self._unwatched) >= MOST_UNWATCHED:
            self._unwatched.clear()
        self._unwatched.add(name)
        del self._series[name]

    def _rules_of(self, name: str) -> list[Rule]:
        metric, colon, _ = name.partition(":")
        return self._of.get(metric, []) + (self._of.get(name, []) if colon else [])

    def _adopt(self, name: str, before: _Series) -> list[tuple[str, str]]:
        before.note()
        known = {each.rule.name: each for each in before.all()}
        watched = []
        for rule in self._rules_of(name):
            each = known.get(rule.name)
            if each is not None and _question(each.rule) == _question(rule):
                del known[rule.name]
                each.follow(rule)
                watched.append(each)
            else:
                watched.append(_Watched(rule, name))
        series = self._series[name] = _Series(watched)
        series.seen_at = before.seen_at
        (self._silent.add if series.absent else self._silent.discard)(name)
        return [(each.rule.name, name) for each in known.values() if each.fired_since is not None]

    def _continues(self, before: float | None, t: float) -> bool:
        return before is not None and 0 <= t - before <= self.gap_seconds


def _thresholds(rule: Rule) -> tuple[float, float]:
    """Where it fires and where it clears."""
    if rule.within is not None:
        return rule.within, rule.within * CLEAR_SHARE
    limit = rule.above if rule.above is not None else rule.below
    if limit is None:
        return inf, inf
    return limit, limit if rule.clear is None else rule.clear


def _question(rule: Rule) -> tuple[object, ...]:
    """What it asks: while that is the same, what it remembers stays true."""
    return (
        rule.metric, rule.above, rule.below, rule.clear, rule.reaches, rule.within, rule.over, rule.absent,
        rule.while_task,
    )  # fmt: skip
