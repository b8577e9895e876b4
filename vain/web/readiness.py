"""Whether the server can do its work: what ``/readyz`` answers."""

from __future__ import annotations

import asyncio
import time

from vain.clock import Clock, now
from vain.errors import VainError
from vain.monitor import Monitor
from vain.store.database import Store

KEPT_SECONDS = 2.0
"""So long the answer stands: it takes a write to the disk, and anybody may ask."""
WRITE_SECONDS = 5.0
FEWEST_SILENT_SECONDS = 10.0
SILENT_PERIODS = 5
"""Without a look at the machine for so many periods, the sampler stands still."""


class Readiness:
    """Asks the store and the monitor. ``clock`` is monotonic, in seconds. Belongs to the event loop."""

    def __init__(self, store: Store, monitor: Monitor, period_seconds: float, clock: Clock = time.monotonic) -> None:
        self._store, self._monitor, self._clock = store, monitor, clock
        self._silent_seconds = max(FEWEST_SILENT_SECONDS, SILENT_PERIODS * period_seconds)
        self._asking = asyncio.Lock()
        self._answer: tuple[float, tuple[str, ...]] | None = None

    async def reasons(self) -> tuple[str, ...]:
        """Why it is not ready; empty: it is. Those who ask within ``KEPT_SECONDS`` share an answer."""
        async with self._asking:
            if self._answer is None or self._clock() - self._answer[0] > KEPT_SECONDS:
                found = tuple(reason for reason in (await self._of_store(), self._of_sampler()) if reason)
                self._answer = self._clock(), found
            return self._answer[1]

    async def _of_store(self) -> str | None:
        """A real write, synced, since nothing else tells of a disk that is full or gone."""
        try:
            await asyncio.wait_for(self._store.write(lambda transaction: transaction.touch(now())), WRITE_SECONDS)
        except VainError as error:
            return error.detail
        except TimeoutError:
            return f"A change was not written within {WRITE_SECONDS:g} seconds."
        return None

    def _of_sampler(self) -> str | None:
        looked_at = self._monitor.looked_at
        if looked_at is None:
            return "The machine has not been looked at yet."
        silent_seconds = self._clock() - looked_at
        return None if silent_seconds <= self._silent_seconds else "The machine has not been looked at for too long."
