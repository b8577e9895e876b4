"""What a rule would have told over the stored past: of a metric by its history, of tasks by how attempts ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

from vain.alerting.alert import Firing
from vain.alerting.replay import replay
from vain.alerting.rule import Rule
from vain.bands import MetricQuery
from vain.errors import Flaw, Invalid
from vain.past import Past
from vain.store.database import Store
from vain.store.metrics.store import MetricStore
from vain.store.ran import Ended, ended_between, ran_as

LONGEST_SECONDS = 92 * 86_400.0
FROM_ENDINGS = frozenset({"failed", "crashed", "timed-out"})


class Rehearsal(NamedTuple):
    """When it would have fired; ``step_seconds`` is how fine the history is, None for rules about tasks."""

    firings: list[Firing]
    step_seconds: float | None


async def rehearse(store: Store, past: Past, rule: Rule, after: float, before: float) -> Rehearsal:
    """Over a window in Unix seconds, off the loop. Raises Invalid for one that is too long or empty."""
    if not after < before <= after + LONGEST_SECONDS:
        detail = f"A window of at most {LONGEST_SECONDS / 86_400:.0f} days is expected."
        raise Invalid(f"after: {detail}", [Flaw(detail, parameter="after")])
    if rule.tasks:
        ended = await store.read(lambda connection: ended_between(connection, after, before))
        return Rehearsal(of_tasks(rule, ended, before), None)
    names = [name for name in (rule.while_task, rule.unless_task) if name is not None]
    stretches = {name: await store.read(partial(ran_as, name=name, after=after, before=before)) for name in names}
    return await past.run(lambda: _replayed(past.store, rule, after, before, _running(stretches)))


def of_tasks(rule: Rule, ended: Sequence[Ended], before: float) -> list[Firing]:
    """A rule about tasks, by attempts in the order in which they ended.

    What fell silent, came late or was unusual is not told by how an attempt ended, so it is not among them.
    """
    fired: dict[str, Firing] = {}
    over: list[Firing] = []
    asked = FROM_ENDINGS & set(rule.tasks)
    for each in ended:
        if rule.task not in (None, each.name, each.key) or (rule.tag is not None and rule.tag not in each.tags):
            continue
        subject = each.key or each.name
        if each.outcome in asked and subject not in fired:
            fired[subject] = Firing(rule.name, subject, each.at, each.at, None, None)
        elif each.outcome == "succeeded" and subject in fired:
            first = fired.pop(subject)
            over.append(Firing(rule.name, subject, first.since, first.fired_at, each.at, None))
    return sorted([*over, *fired.values()], key=lambda each: (each.since, each.subject))


def _replayed(
    store: MetricStore, rule: Rule, after: float, before: float, running_at: Callable[[float], Collection[str]]
) -> Rehearsal:
    metric = rule.metric or ""
    if not any(name == metric or name.startswith(f"{metric}:") for name in store.names()):
        return Rehearsal([], None)  # nothing of it was ever seen here
    window = store.window(MetricQuery(after, before, (metric,)))
    return Rehearsal(replay(rule, window, running_at), window.step_seconds)


def _running(stretches: dict[str, list[tuple[float, float]]]) -> Callable[[float], Collection[str]]:
    def running_at(t: float) -> Collection[str]:
        return [name for name, found in stretches.items() if any(begin <= t < end for begin, end in found)]

    return running_at
