"""What may be asked about any machine by its name: the server's own (``""``, or its name) and those with agents."""

from __future__ import annotations

from vain.alerting.rule import Rule
from vain.bands import MetricQuery, MetricWindow
from vain.explaining import Explaining, Explanation
from vain.fleet.fleet import Fleet
from vain.hosts import HostsHistory, HostsQuery
from vain.past import Past
from vain.rehearsal import Rehearsal, rehearse
from vain.spikes import Spikes
from vain.store.database import Store


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
        return await (await self.past_of(query.host)).window(query)

    async def shared_window(self, query: MetricQuery) -> MetricWindow:
        """The same; who asks for the same within a second gets the same answer, which nobody may change."""
        return await (await self.past_of(query.host)).shared_window(query)

    async def explain(self, asked: Explaining) -> Explanation:
        """What did that? Raises Malformed that names the parameter."""
        return await (await self.spikes_of(asked.host)).explain(asked)

    async def rehearse(self, rule: Rule, after: float, before: float, host: str = "") -> Rehearsal:
        """When a rule would have fired there (Unix seconds). Raises Invalid."""
        return await rehearse(self._store, await self.past_of(host), rule, after, before)

    async def history(self, query: HostsQuery) -> HostsHistory:
        """One metric of all of them over time."""
        return await self._fleet.history(query, self._past)
