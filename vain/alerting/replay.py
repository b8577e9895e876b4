"""When a rule would have fired over a stored window of the history: the same judge, fed with what is stored. Pure.

Where the samples are kept, the answer is what the server would have done. Of older times only minutes or hours are
kept: there a rule that has to hold for at least a step is judged by the means, one that fires sooner by the extremes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

import numpy as np
from msgspec.structs import replace

from vain.alerting.alert import Fired, Firing
from vain.alerting.judging import GRACE_SECONDS, Judge
from vain.alerting.rule import Rule
from vain.bands import Bands, Floats, MetricWindow
from vain.quality import Span

GAP_STEPS = 5
Running = Callable[[float], Collection[str]]
"""Names and keys of the tasks in progress at a moment, in Unix seconds."""


def replay(rule: Rule, window: MetricWindow, running_at: Running) -> list[Firing]:
    """The times in which a rule about a metric fires in a window, in order of their beginning; enabled or not."""
    judge = Judge([replace(rule, enabled=True)], max(window.step_seconds, 1.0) * GAP_STEPS)
    columns = {name: _judged(rule, bands, window.step_seconds).tolist() for name, bands in window.series.items()}
    fired: dict[str, Firing] = {}
    over: list[Firing] = []
    for index, t in enumerate(window.t.tolist()):
        values = [(name, column[index]) for name, column in columns.items()]
        for event in judge.take(values, t, running_at(t), hold=is_grace(t, window.spans)):
            if isinstance(event, Fired):
                fired[event.subject] = Firing(rule.name, event.subject, event.since, t, None, None)
            else:
                over.append(replace(fired.pop(event.subject), until=t, peak=event.peak))
    peaks = judge.peaks()
    over += [replace(each, peak=peaks.get((rule.name, each.subject))) for each in fired.values()]
    return sorted(over, key=lambda each: (each.since, each.subject))


def is_grace(t: float, spans: Iterable[Span]) -> bool:
    """Whether nothing was judged at ``t``, because the machine had just woken up."""
    return any(span.cause == "asleep" and 0 <= t - span.end < GRACE_SECONDS for span in spans)


def _judged(rule: Rule, bands: Bands, step_seconds: float) -> Floats:
    if rule.condition != "threshold" or rule.for_seconds >= step_seconds or not np.any(bands.count > 1):
        return bands.mean
    return bands.max if rule.above is not None else bands.min
