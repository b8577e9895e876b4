"""What the server knows of itself, gathered when somebody asks for ``/metrics``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from vain.about import version
from vain.clock import Clock
from vain.errors import VainError
from vain.exposition import Figures
from vain.hub import Hub
from vain.store import reading
from vain.store.database import Store
from vain.web.tally import Tally

REST_SECONDS = 5.0
REST_FACTOR = 50
"""How the attempts ended is read again no sooner than after this many times what the last look took: all of them are
looked at, half a second for a million."""


class Exporter:
    """``clients`` tells how many follow the stream, by the way they are connected, ``hosts`` how many other machines
    there are, by state, ``leads`` whether this one of several servers leads. Belongs to the event loop."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        tally: Tally,
        clients: Callable[[], Mapping[str, int]],
        hosts: Callable[[], Mapping[str, int]] = dict,
        clock: Clock = time.monotonic,
        leads: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._leads = leads
        self._store, self._hub, self._tally, self._clients, self._clock = store, hub, tally, clients, clock
        self._hosts = hosts
        self._version, self._started_at = version(), time.time()
        self._outcomes: Mapping[str, int] | None = None
        self._seq, self._again_at = -1, -1.0
        self._reading = asyncio.Lock()

    async def figures(self) -> Figures:
        """As it is now."""
        outcomes = await self._ended()
        return Figures(
            version=self._version,
            started_at=self._started_at,
            cpu_seconds=time.process_time(),
            seq=self._hub.seq,
            stream_clients=self._clients(),
            answers=self._tally.read(),
            tasks=self._store.counts,
            outcomes=outcomes,
            hosts=self._hosts(),
            leads=self._leads(),
        )

    async def _ended(self) -> Mapping[str, int] | None:
        async with self._reading:
            begun = self._clock()
            if self._seq == self._hub.seq or begun < self._again_at:
                return self._outcomes
            self._seq = self._hub.seq
            try:
                self._outcomes = await self._store.read(reading.outcomes)
            except VainError:
                self._outcomes, self._seq = None, -1
            ended = self._clock()
            self._again_at = ended + max(REST_SECONDS, REST_FACTOR * (ended - begun))
            return self._outcomes
