"""What may be asked about any machine by its name: the server's own (``""``, or its name) and those with agents."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from msgspec.structs import replace

from vain.alerting.rule import Rule
from vain.bands import Bands, MetricQuery, MetricWindow
from vain.catalog import TASK_METRICS
from vain.costs import hosts_of
from vain.errors import NotFound, Unavailable
from vain.explaining import Explaining, Explanation
from vain.fleet.fleet import Fleet
from vain.hosts import HostsHistory, HostsQuery
from vain.past import Past
from vain.patterns import exactly, matching
from vain.rehearsal import Rehearsal, rehearse
from vain.spikes import Spikes
from vain.store.database import Store
from vain.summing import MOST_POINTS, summed
from vain.types import Task


class Machines:
    """``past`` and ``spikes`` are those of the server's own machine. Every method raises NotFound for a name that no
    agent has reported of, and Unavailable for a history that cannot be read now."""

    def __init__(self, store: Store, fleet: Fleet, past: Past, spikes: Spikes) -> None:
        self._store, self._fleet, self._past, self._spikes = store, fleet, past, spikes

    def is_own(self, host: str) -> bool:
        """Whether it is the server's own machine."""
        return host in ("", self._fleet.own_host)

    async def past_of(self, host: str) -> Past:
        """Its history."""
        return self._past if self.is_own(host) else await self._fleet.member(host).past()

    async def spikes_of(self, host: str) -> Spikes:
        """Who used what there."""
        return self._spikes if self.is_own(host) else await self._fleet.member(host).spikes()

    async def window(self, query: MetricQuery) -> MetricWindow:
        """A window of its history. Raises Invalid as ``MetricStore.window`` does."""
        if query.also:
            return await self._summed(query)
        return await (await self.past_of(query.host)).window(query)

    async def shared_window(self, query: MetricQuery) -> MetricWindow:
        """The same; who asks for the same within a second gets the same answer, which nobody may change."""
        if query.also:
            return await self._summed(query)
        return await (await self.past_of(query.host)).shared_window(query)

    def places_of(self, task: Task) -> tuple[str, tuple[str, ...]]:
        """Of which machine the history of a task is told, and on which others it had processes."""
        home = task.host if task.host is not None and self._fleet.knows(task.host) else ""
        here = home or self._fleet.own_host
        return home, tuple(host for host in hosts_of(task.resources) if host != here and self._knows(host))

    async def _summed(self, query: MetricQuery) -> MetricWindow:
        past = await self.past_of(query.host)
        first = await past.shared_window(replace(query, also=()))
        wanted = tuple(exactly(f"{metric}:{number}") for number in query.tasks for metric in TASK_METRICS)
        others = []
        for host in query.also:
            with suppress(NotFound, Unavailable):  # what is known of the others is shown
                asked = replace(query, metrics=wanted, points=MOST_POINTS, host=host, also=())
                window = await (await self.past_of(host)).shared_window(asked)
                others.append(window._replace(series=_asked_for(window, first, query)))
        return await past.run(partial(summed, query, first, others))

    def _knows(self, host: str) -> bool:
        return self.is_own(host) or self._fleet.knows(host)

    async def explain(self, asked: Explaining) -> Explanation:
        """What did that? Raises Malformed that names the parameter."""
        return await (await self.spikes_of(asked.host)).explain(asked)

    async def rehearse(self, rule: Rule, after: float, before: float, host: str = "") -> Rehearsal:
        """When a rule would have fired there (Unix seconds). Raises Invalid."""
        return await rehearse(self._store, await self.past_of(host), rule, after, before)

    async def history(self, query: HostsQuery) -> HostsHistory:
        """One metric of all of them over time."""
        return await self._fleet.history(query, self._past)


def _asked_for(window: MetricWindow, first: MetricWindow, query: MetricQuery) -> dict[str, Bands]:
    """The series that were asked for, whether the first host has anything of them or not."""
    names = {*matching([*first.series, *window.series], query.metrics), *first.series}
    return {name: bands for name, bands in window.series.items() if name in names}
