"""What happens by the clock: tasks go overdue or stale, keys expire, clients are closed, charts are sent again."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from vain.clock import now, utc
from vain.codec import encode
from vain.errors import Unavailable
from vain.flow.figures import Visualizations, changed_charts
from vain.visuals import Asked
from vain.web.desk import Desk
from vain.web.events import Fanout
from vain.web.services import Services
from vain.windows import window_of

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 1.0
KEYS_SECONDS = 0.5
"""A key that is revoked stops within a second, and to look takes a moment."""
COMPLAINT_SECONDS = 30.0
CHECK_SECONDS = 5.0
BOOKMARK_SECONDS = 15.0
CHARTS_SECONDS = 2.0
TRENDS_SECONDS = 10.0
"""The trends change with every sample; they are sent no more often than this unless a task changed."""
UPKEEP_SECONDS = 60.0
INBOX_SECONDS = 2.0
IDEMPOTENCY_SECONDS = 86_400.0


class Caretaker:
    """Owns the periodic work of the server. ``start`` and ``stop`` belong to the event loop."""

    def __init__(self, services: Services, fanout: Fanout, desk: Desk) -> None:
        self._services, self._fanout, self._desk = services, fanout, desk
        self._chores: list[asyncio.Task[None]] = []
        self._sent_charts: Visualizations | None = None
        self._sent: tuple[int, float] = (-1, 0.0)

    async def start(self) -> None:
        """Begin."""
        for chore, period in (
            (self._sweep, SWEEP_SECONDS),
            (self._check_keys, KEYS_SECONDS),
            (self._check_clients, CHECK_SECONDS),
            (self._remind_clients, BOOKMARK_SECONDS),
            (self._send_charts, CHARTS_SECONDS),
            (self._keep_up, UPKEEP_SECONDS),
            (self._services.inbox.sweep, INBOX_SECONDS),
        ):
            self._chores.append(asyncio.create_task(_repeat(chore, period)))

    async def stop(self) -> None:
        """End all of it."""
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)

    async def _sweep(self) -> None:
        if self._services.duties.leads:
            await self._services.tracker.sweep()
            await self._services.pinging.sweep()
        await self._services.vigil.sweep()
        await self._services.fleet.sweep()
        await self._services.alarms.sweep()

    async def _check_keys(self) -> None:
        try:
            await asyncio.to_thread(self._services.keys.refresh)
        finally:
            self._desk.end_unadmitted()

    async def _check_clients(self) -> None:
        self._fanout.check()
        self._desk.limits.forget_closed()
        self._desk.end_overdue()

    async def _remind_clients(self) -> None:
        self._fanout.remind()

    async def _send_charts(self) -> None:
        """One message for each chart that changed, so that the newest of each is all that a client needs."""
        services, clock = self._services, time.monotonic()
        sent_seq, sent_at = self._sent
        if not self._fanout.clients or (services.hub.seq == sent_seq and clock - sent_at < TRENDS_SECONDS):
            return
        self._sent = services.hub.seq, clock
        charts = await services.charts.get(Asked(window_of(None, None, None, None, time.time())))
        for chart in changed_charts(self._sent_charts, charts):
            message = {"type": "visualizationUpdate", "timestamp": now(), "charts": [chart]}
            services.hub.replace(f"visualizationUpdate:{chart.id}", encode(message))
        self._sent_charts = charts

    async def _keep_up(self) -> None:
        await self._services.tracker.forget_idempotency(utc(time.time() - IDEMPOTENCY_SECONDS))
        await asyncio.to_thread(self._services.keys.save_use)


async def _repeat(chore: Callable[[], Awaitable[object]], period_seconds: float) -> None:
    complained_at = -COMPLAINT_SECONDS
    while True:
        await asyncio.sleep(period_seconds)
        try:
            await chore()
        except Unavailable as error:  # whoever asks is told so, too
            if time.monotonic() - complained_at >= COMPLAINT_SECONDS:
                complained_at = time.monotonic()
                logger.warning("A periodic chore has to wait: %s", error.detail)
        except Exception:
            logger.exception("A periodic chore failed")
