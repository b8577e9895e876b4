"""What a rule would have told over the stored past: of a metric by its history, of tasks by their runs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from typing import NamedTuple

from vain.alerting.alert import Firing
from vain.alerting.replay import replay
from vain.alerting.replay_tasks import replay_tasks
from vain.alerting.rule import Rule
from vain.bands import MetricQuery
from vain.errors import Flaw, Invalid
from vain.past import Past
from vain.store.database import Store
from vain.store.metrics.store import MetricStore
from vain.store.ran import ran_as, runs_between, said_between

LONGEST_SECONDS = 92 * 86_400.0


class Rehearsal(NamedTuple):
    """When it would have fired; ``step_seconds`` is how fine the history is, None for rules about tasks."""

    firings: list[Firing]
    step_seconds: float | None


async def rehearse(store: Store, past: Past, rule: Rule, after: float, before: float) -> Rehearsal:
    """Over a window in Unix seconds, off the loop. Raises Invalid for one that is too long or empty."""
    if not after < before <= after + LONGEST_SECONDS:
        detail = f"A window of at most {LONGEST_SECONDS / 86_400:.0f} days is expected."
        raise Invalid(f"after: {detail}", [Flaw(detail, parameter="after")])
    names = [name for name in (rule.while_task, rule.unless_task) if name is not None]
    stretches = {name: await store.read(partial(ran_as, name=name, after=after, before=before)) for name in names}
    if rule.tasks:
        runs = await store.read(partial(runs_between, after=after, before=before, job=rule.task))
        said = await store.read(partial(said_between, after=after, before=before))
        replayed = partial(replay_tasks, rule, runs, said, _running(stretches), after, before)
        return Rehearsal(await past.run(replayed), None)
    return await past.run(lambda: _replayed(past.store, rule, after, before, _running(stretches)))


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
