"""One metric of all hosts over time: read together, and out of memory where it was read lately."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vain.clock import Clock, unix
from vain.errors import VainError
from vain.fleet.member import Member
from vain.fleet.overview import grid_of, rows_of, rows_of_all
from vain.fleet.tables import HostTables
from vain.hosts import HostsHistory, HostsQuery
from vain.past import Past
from vain.shared import SharedReads
from vain.store.metrics.archive import Archives

FRESH_SECONDS = 2.0
"""An answer about all hosts is no older than this when it is shared."""
MOST_SHARED = 8

logger = logging.getLogger(__name__)


class Together:
    """Belongs to the event loop; what blocks runs on ``threads``. ``members`` is read only."""

    def __init__(
        self,
        own_host: str,
        members: Mapping[str, Member],
        archives: Archives,
        threads: ThreadPoolExecutor,
        monotonic: Clock,
        wall: Clock,
    ) -> None:
        self._own_host, self._members, self._archives = own_host, members, archives
        self._threads, self._monotonic = threads, monotonic
        self._looking = asyncio.Semaphore(1)
        self._histories: SharedReads[tuple[HostsQuery, int], HostsHistory] = SharedReads(MOST_SHARED)
        self._tables = HostTables(monotonic, wall)
        self._ahead: asyncio.Task[None] | None = None
        """Reads what lies beside a window that somebody looks at."""

    async def close(self) -> None:
        """End what was begun."""
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)

    def came_late(self, since: float) -> None:
        """Samples of that time (Unix seconds) came now."""
        self._tables.forget(since)

    async def history(self, query: HostsQuery, own: Past) -> HostsHistory:
        """See ``Fleet.history``."""
        question = query, int(self._monotonic() / FRESH_SECONDS)
        return await self._histories.get(question, lambda: self._history(query, own))

    async def _history(self, query: HostsQuery, own: Past) -> HostsHistory:
        async with self._looking:  # all histories are read for it: one at a time is enough
            loop = asyncio.get_running_loop()
            names = [self._own_host, *self._members]
            await self._read_what_is_wanted(query, own, names)
            answer = await loop.run_in_executor(self._threads, self._tables.answer, query, names)
        if query.around and (self._ahead is None or self._ahead.done()):
            self._ahead = asyncio.create_task(self._read_around(query, own, names))
        return answer

    async def _read_around(self, query: HostsQuery, own: Past, names: Sequence[str]) -> None:
        """Who asked has the answer; when they move, what they come to is there."""
        for beside in self._tables.around(query):
            async with self._looking:
                await self._read_what_is_wanted(beside, own, names)

    async def _read_what_is_wanted(self, query: HostsQuery, own: Past, names: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        wanted = await loop.run_in_executor(self._threads, self._tables.wanted, query, names)
        if wanted is not None:
            await self._read_into_tables(wanted, grid_of(query)[1], own, names)

    async def _read_into_tables(self, wanted: HostsQuery, step: float, own: Past, names: Sequence[str]) -> None:
        began_at, loop = self._monotonic(), asyncio.get_running_loop()
        places = round(wanted.after / step), round(wanted.before / step)
        t = np.arange(*places, dtype=np.float64) * np.float64(step)
        rows = None
        if self._archives.is_shared:
            rows = await loop.run_in_executor(self._threads, rows_of_all, wanted, t, step, self._archives, names)
        if rows is None:
            pasts = await self._pasts(wanted, own, names)
            # Together: to go to a thread and back for each of them would take longer than to read it.
            rows = await loop.run_in_executor(self._threads, rows_of, wanted, t, step, pasts)
        self._tables.take(wanted.metric, t, step, rows, began_at)

    async def _pasts(self, wanted: HostsQuery, own: Past, names: Sequence[str]) -> dict[str, Past | None]:
        pasts: dict[str, Past | None] = {}
        for name in names:
            member = self._members.get(name)
            pasts[name] = own if member is None else await _past_of(member, wanted)
        return pasts


async def _past_of(member: Member, query: HostsQuery) -> Past | None:
    """None for one that was not heard of since, and whose history cannot be opened: the others are shown."""
    if unix(member.known.last_seen_at) < query.after:
        return None
    try:
        return await member.past()
    except VainError as error:
        logger.warning("The history of %s is left out: %s", member.name, error.detail)
        return None
