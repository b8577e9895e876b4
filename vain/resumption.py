"""Brings the judge of the rules up to now after a restart, from what is stored: what fires, the last of the history."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable
from functools import partial

from msgspec.structs import replace

from vain.alerting.alert import Alert, AlertEvent, Fired
from vain.alerting.judging import Judge
from vain.alerting.replay import is_grace
from vain.alerting.rule import Rule
from vain.bands import MetricQuery, MetricWindow
from vain.clock import Clock, unix
from vain.past import Past
from vain.sampler.clocks import seconds_since_boot

LEAST_SECONDS = 60.0
MOST_SECONDS = 6 * 3_600.0
MARGIN = 1.25


class Resumption:
    """``past`` is the history. Which tasks ran meanwhile is not asked: rules about that begin anew."""

    def __init__(self, past: Past, since_boot: Clock = seconds_since_boot, wall: Clock = time.time) -> None:
        self._past, self._since_boot, self._wall = past, since_boot, wall

    async def resume(self, judge: Judge, rules: Iterable[Rule], known: list[Alert]) -> list[AlertEvent]:
        """Judge the last of the history once more, with what had fired.

        Returned: what fires or is over now and is not known as such, in Unix seconds. What began and ended in between
        is not told: it may have been, and nobody can do anything about it.
        """
        now = self._wall()
        rules = [rule for rule in rules if rule.metric is not None]
        asked = [rule for rule in rules if not (rule.while_task or rule.unless_task)]
        only_while = {rule.name for rule in rules if rule.while_task}
        # As if each task that excuses a rule had run, and none of those that another waits for.
        running = {rule.unless_task for rule in rules if rule.unless_task}
        seconds = min(MOST_SECONDS, max([LEAST_SECONDS, *(MARGIN * _memory_seconds(rule) for rule in asked)]))
        window = await self._past.run(partial(self._window, asked, now - seconds, now))
        metric_alerts = [each for each in known if each.event is None]
        replayed = [each for each in metric_alerts if each.rule not in only_while]
        found = await self._past.run(partial(self._judged, judge, replayed, window, now, running))
        for alert in metric_alerts:
            if alert.rule in only_while:
                _restore(judge, alert, self._since_boot() - now)
        return found

    def _window(self, rules: list[Rule], after: float, before: float) -> MetricWindow | None:
        stored = self._past.store.names()
        metrics = {rule.metric for rule in rules if rule.metric is not None}
        names = tuple(name for name in stored if name in metrics or name.partition(":")[0] in metrics)
        return self._past.store.window(MetricQuery(after, before, names)) if names else None

    def _judged(
        self, judge: Judge, known: list[Alert], window: MetricWindow | None, now: float, running: Collection[str]
    ) -> list[AlertEvent]:
        """On a thread of the history, while nobody else has the judge."""
        clock = self._since_boot() - now
        alerts = sorted(known, key=lambda each: each.fired_at)
        last: dict[tuple[str, str], AlertEvent] = {}
        spans = () if window is None else window.spans
        moments = [] if window is None else window.t.tolist()
        columns = {} if window is None else {name: bands.mean.tolist() for name, bands in window.series.items()}
        for index, t in enumerate(moments):
            while alerts and unix(alerts[0].fired_at) <= t:
                _restore(judge, alerts.pop(0), clock)
            values = [(name, column[index]) for name, column in columns.items()]
            for event in judge.take(values, t + clock, running, hold=is_grace(t, spans)):
                last[event.rule.name, event.subject] = replace(event, since=event.since - clock)
        for alert in alerts:
            _restore(judge, alert, clock)
        fired = {(each.rule, each.subject) for each in known}
        return [event for of, event in last.items() if isinstance(event, Fired) != (of in fired)]


def _restore(judge: Judge, alert: Alert, clock: float) -> None:
    judge.restore(alert.rule, alert.subject, unix(alert.since) + clock, alert.peak)


def _memory_seconds(rule: Rule) -> float:
    """How far back what it counts may have begun."""
    return max(rule.for_seconds, rule.keep_firing_for, rule.over if rule.reaches is not None else 0.0)
