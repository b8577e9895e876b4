"""The lanes for those who ask on the event loop: read and packed off it, and once for all."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from msgspec import structs

from vain.hub import Hub
from vain.lanes import LaneQuery, Lanes, aligned, checked
from vain.shared import SharedReads
from vain.store.database import Store
from vain.store.lives import lanes_of

FRESH_SECONDS = 5.0
"""What changes with the clock alone (in how many steps something has run) is no older than this."""
MOST_KEPT = 32
RESTS = 9
"""A window is read again no sooner than so many times as long after a read as that took: while tasks change all the
time, the windows with the most of them take no more than a tenth of it."""
LONGEST_REST_SECONDS = 2.0


class Timelines:
    """The tasks of windows as lanes: one answer for all who look at the same time while nothing has changed."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self._store, self._hub = store, hub
        self._read: SharedReads[tuple[int, LaneQuery, int], Lanes] = SharedReads(MOST_KEPT)
        self._rests: dict[LaneQuery, float] = {}
        """Until when (monotonic) a window is left alone, of the newest that were read."""

    async def lanes(self, query: LaneQuery) -> Lanes:
        """The lanes of a window, as the tasks are now.

        Raises Invalid, and Unavailable when too many wait for the disk.
        """
        wanted = aligned(checked(query))
        question = self._question(wanted)
        if question not in self._read:
            await asyncio.sleep(max(0.0, self._rests.get(wanted, 0.0) - time.monotonic()))
            question = self._question(wanted)
        found = await self._read.get(question, lambda: self._lanes(wanted))
        return structs.replace(found, now=time.time())

    def _question(self, wanted: LaneQuery) -> tuple[int, LaneQuery, int]:
        return self._hub.seq, wanted, int(time.monotonic() / FRESH_SECONDS)

    async def _lanes(self, query: LaneQuery) -> Lanes:
        begin = time.monotonic()
        found = await self._store.read(partial(lanes_of, query=query, now=time.time()))
        end = time.monotonic()
        self._rests.pop(query, None)
        self._rests[query] = end + min(RESTS * (end - begin), LONGEST_REST_SECONDS)
        while len(self._rests) > MOST_KEPT:
            del self._rests[next(iter(self._rests))]
        return found
