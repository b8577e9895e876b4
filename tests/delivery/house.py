"""A store and a hub as the server has them, with deliveries on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.store.engines import engine
from vain.alerting.channel import ChannelForm
from vain.clock import utc
from vain.delivery import Deliveries
from vain.delivery.worker import Pace
from vain.errors import StoreFull
from vain.hub import Hub
from vain.notification import Notice
from vain.store.database import Store
from vain.types import Event

QUICK = Pace(first_seconds=0.01, longest_seconds=0.02)
BEGIN = 1_767_268_800.0


class House:
    """``seconds`` is the time of day, in Unix seconds, until it is moved."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seconds = BEGIN
        self.reads = 0
        self.is_full = False

    def __call__(self) -> float:
        return self.seconds

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        house = self

        class Counting(Store):
            async def read(self, query: Any) -> Any:
                house.reads += 1
                return await super().read(query)

            async def write(self, change: Any) -> Any:
                if house.is_full:
                    raise StoreFull("The disk is full.")
                return await super().write(change)

        self.store = Counting(engine(self.folder), self._publish)
        self.hub = Hub(self.store.epoch, self.store.seq)
        try:
            yield
        finally:
            await asyncio.to_thread(self.store.close)

    @asynccontextmanager
    async def delivering(self, pace: Pace = QUICK, **channels: ChannelForm) -> AsyncIterator[Deliveries]:
        async with self.delivering_with(channels, pace) as made:
            yield made

    @asynccontextmanager
    async def delivering_with(
        self, channels: Mapping[str, ChannelForm], pace: Pace = QUICK, **more: Any
    ) -> AsyncIterator[Deliveries]:
        url = "http://alpha:5006"
        made = Deliveries(self.store, self.hub, channels, url, host="alpha", pace=pace, clock=self, **more)
        await made.start()
        try:
            yield made
        finally:
            await made.close()
            # An answer that is on its way when its channel is cancelled is read to its end, and its connection closed.
            await asyncio.sleep(0.05)

    async def tell(self, *notices: Notice) -> None:
        """Each in a commit of its own."""
        for notice in notices:
            await self.store.write(lambda t, notice=notice: t.notify(notice, utc(self.seconds), []))  # type: ignore[misc]

    def _publish(self, events: Iterable[Event]) -> None:
        self.hub.publish(events)


def failed(number: int = 1, **more: Any) -> Notice:
    return Notice(**({"kind": "task.failed", "level": "error", "title": f"job {number} failed"} | more))
