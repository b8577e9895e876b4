"""All channels together: begun, woken and ended here. Belongs to the event loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from vain.alerting.channel import ChannelForm
from vain.clock import Clock
from vain.codec import decode, encode
from vain.delivery.channels import GROUP_SECONDS, Surroundings, senders
from vain.delivery.progress import Progress, Wanted
from vain.delivery.sending import Sender
from vain.delivery.wording import Voice
from vain.delivery.worker import ChannelStatus, MakeChart, Pace, Worker
from vain.hub import Behind, Hub
from vain.identity import host as this_host
from vain.notification import Notification
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.subscription import Subscription

if TYPE_CHECKING:
    from vain.delivery.chart import ReadWindow

_NOTIFICATIONS = Subscription(streams=frozenset({"notifications"}))


class Deliveries:
    """Each channel is a reader of the notifications, with a position of its own that the store keeps.

    ``base_url`` is where browsers find this server, ``secret`` (``whsec_…``) what webhooks are signed with,
    ``window`` reads the history for the charts (``Past.window``). Raises Misconfigured when a channel cannot be used.
    """

    def __init__(
        self,
        store: Store,
        hub: Hub,
        channels: Mapping[str, ChannelForm],
        base_url: str,
        *,
        secret: str | None = None,
        window: ReadWindow | None = None,
        host: str | None = None,
        pace: Pace | None = None,
        clock: Clock = time.time,
        may_tell: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store, self._hub = store, hub
        voice = Voice(host or this_host(), base_url.rstrip("/"))
        made = senders(channels, Surroundings(store.epoch, voice.host, secret))

        chart = None if window is None else _charts(window)

        def worker(name: str, form: ChannelForm, sender: Sender) -> Worker:
            gather = form.group_for if form.group_for is not None else GROUP_SECONDS if sender.takes_many else 0.0
            wanted = Wanted(name, form.level)
            return Worker(wanted, sender, gather, store, voice, chart, pace or Pace(), clock, may_tell)

        self._workers = {name: worker(name, form, made[name]) for name, form in channels.items()}
        self._tasks: list[asyncio.Task[None]] = []
        self._position = hub.now()
        self._stop_listening: Callable[[], object] = lambda: None

    async def start(self) -> None:
        """Go on where each channel was; a new one begins with what comes from now on. Raises StoreFull, Unavailable."""
        begun = await self._store.write(self._positions)
        self._position = self._hub.now()
        self._stop_listening = self._hub.listen(self._look)
        for name, worker in self._workers.items():
            self._tasks.append(asyncio.create_task(worker.run(begun[name]), name=f"vain-channel-{name}"))

    @property
    def is_running(self) -> bool:
        """Whether it is this server that tells."""
        return bool(self._tasks)

    async def close(self) -> None:
        """End them; what was not taken by then is sent after the next start. Raises StoreFull, Unavailable."""
        was_running = self.is_running
        await self.leave()
        if was_running:
            await self._store.write(self._keep_positions)

    async def leave(self) -> None:
        """Another server tells from now on."""
        self._stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def status(self) -> list[ChannelStatus]:
        """How each channel does, in the order in which they were named."""
        return [worker.status() for worker in self._workers.values()]

    def _positions(self, transaction: Transaction) -> dict[str, Progress]:
        """How far each is. What is known of a channel that is no longer named is forgotten."""
        known = transaction.all_kept("channel")
        for name in known.keys() - self._workers.keys():
            transaction.keep("channel", name, None)
        begun = {name: decode(Progress, known[name]) for name in self._workers.keys() & known.keys()}
        for name in self._workers.keys() - known.keys():
            begun[name] = Progress(transaction.notification_id)
            transaction.keep("channel", name, encode(begun[name]))
        return begun

    def _keep_positions(self, transaction: Transaction) -> None:
        """What is not for a channel is not looked at again, even if the next start names it with another level."""
        for name, worker in self._workers.items():
            transaction.keep("channel", name, encode(worker.progress))

    def _look(self) -> None:
        """Called after each publication: wakes the channels if a notification is among what is new."""
        if self._position.seq == self._hub.seq:
            return
        try:
            pieces, self._position = self._hub.read(self._position, _NOTIFICATIONS)
            has_news = bool(pieces) or self._position.seq < self._hub.seq
        except Behind:
            self._position, has_news = self._hub.now(), True
        if has_news:
            for worker in self._workers.values():
                worker.wake()


def _charts(window: ReadWindow) -> MakeChart:
    async def chart(notification: Notification) -> bytes | None:
        if notification.metric is None:
            return None
        # numpy and Pillow, loaded by the first message that takes a chart along, and not on the loop.
        drawing = await asyncio.to_thread(import_module, "vain.delivery.chart")
        png: bytes | None = await drawing.chart_of(notification, window)
        return png

    return chart
