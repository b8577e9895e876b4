"""One channel: tells what comes after its position, in order, until it is taken. Belongs to the event loop."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from vain.clock import Clock, unix, utc
from vain.codec import decode, encode
from vain.delivery.progress import Progress, Wanted, refused
from vain.delivery.sending import Kind, Parcel, Refused, Sender
from vain.delivery.wording import Voice
from vain.errors import Unavailable, VainError
from vain.notification import Notification
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.types import Time

logger = logging.getLogger(__name__)

MOST_READ = 100
"""Notifications that are looked at together; so many become one message at most."""

MOST_SKIPPED = 100
"""So many that do not go to a channel are passed over before it is stored that they were."""

MakeChart = Callable[[Notification], Awaitable[bytes | None]]


class Pace(Struct, frozen=True):
    """How it is tried again: after a random time of up to ``first_seconds``, which doubles, up to ``longest_seconds``.

    What was refused for ``give_up_seconds`` is given up.
    """

    first_seconds: float = 1.0
    longest_seconds: float = 600.0
    give_up_seconds: float = 86_400.0

    def pause_seconds(self, tries: int) -> float:
        """Full jitter: many who were refused at the same moment do not come back at the same moment."""
        return random.uniform(0, min(self.longest_seconds, self.first_seconds * 2 ** min(tries - 1, 60)))  # noqa: S311


class ChannelStatus(Struct, frozen=True):
    """How a channel does. ``target`` is what may be shown of its address."""

    name: str
    kind: Kind
    target: str
    waiting_since: Time | None
    """Since when it has taken nothing."""
    last_error: str | None
    last_success: Time | None
    is_disabled: bool
    """Its receiver said that it wants nothing any more; until the server starts again."""


class Worker:
    """Reads the notifications after the channel's position, and keeps that. ``run`` ends when it is cancelled."""

    def __init__(
        self,
        wanted: Wanted,
        sender: Sender,
        group_seconds: float,
        store: Store,
        voice: Voice,
        chart: MakeChart | None,
        pace: Pace,
        clock: Clock = time.time,
        may_tell: Callable[[], bool] = lambda: True,
    ) -> None:
        """``may_tell``: asked before each message, since another server may tell by now."""
        self._may_tell = may_tell
        self._wanted, self._sender, self._group_seconds, self._store = wanted, sender, group_seconds, store
        self._voice, self._pace, self._clock = voice, pace, clock
        self._chart = chart if sender.takes_charts else None
        self.progress = Progress(0)
        """How far it is; what is stored may lag behind by notifications that are not for it."""
        self._kept_position = 0
        self._news = asyncio.Event()
        self._last_error: str | None = None
        self._last_success: Time | None = None
        self._is_disabled = self._has_given_up = False

    def status(self) -> ChannelStatus:
        """How it does."""
        return ChannelStatus(
            name=self._wanted.channel,
            kind=self._sender.kind,
            target=self._sender.target,
            waiting_since=self.progress.refused_since,
            last_error=self._last_error,
            last_success=self._last_success,
            is_disabled=self._is_disabled,
        )

    def wake(self) -> None:
        """There is a new notification."""
        self._news.set()

    async def run(self, progress: Progress) -> None:
        """Tell whatever comes after ``progress``, until it is cancelled or the receiver wants nothing any more."""
        self.progress, self._kept_position = progress, progress.position
        while not self._is_disabled:
            self._news.clear()
            try:
                is_done = not await self._tell_next()
            except Unavailable as error:
                logger.warning("Channel %s could not read its notifications: %s", self._wanted.channel, error)
                await asyncio.sleep(self._pace.first_seconds)
                continue
            except Exception:
                logger.exception("Channel %s could not go on, and is tried again", self._wanted.channel)
                await asyncio.sleep(self._pace.longest_seconds)
                continue
            if is_done:
                await self._news.wait()

    async def _tell_next(self) -> bool:
        """One step forward; False if nothing comes after the position."""
        found = await self._read()
        if not found:
            return False
        if (lost := found[0].notification_id - self.progress.position - 1) > 0:
            logger.error("Channel %s: %d notifications were forgotten before it took them", self._wanted.channel, lost)
            self.progress = replace(self.progress, position=found[0].notification_id - 1)
        chosen, ahead = self._sorted_out(found)
        if chosen and (seconds := self._seconds_to_gather(chosen[0])) > 0:
            await asyncio.sleep(seconds)
            chosen, ahead = self._sorted_out(await self._read())
        if not chosen:
            await self._pass_over(ahead)
            return True
        parcel = await self._packed(chosen)
        if not self._may_tell():
            await asyncio.sleep(self._pace.first_seconds)
            return True
        if not await self._deliver(parcel):
            return False
        await self._advance(ahead)
        return True

    async def _read(self) -> list[Notification]:
        after = self.progress.position
        return await self._store.read(partial(reading.notifications_after, notification_id=after, limit=MOST_READ))

    def _sorted_out(self, found: list[Notification]) -> tuple[list[Notification], Progress]:
        limit = MOST_READ if self._sender.takes_many and self._group_seconds > 0 else 1
        return self._wanted.sorted_out(found, self.progress, limit)

    def _seconds_to_gather(self, first: Notification) -> float:
        """How long others may still join; nothing waits twice, and none longer when the clock was set back."""
        if self.progress.tries:
            return 0.0
        passed = self._clock() - unix(first.timestamp)
        return min(self._group_seconds, self._group_seconds - passed)

    async def _packed(self, chosen: list[Notification]) -> Parcel:
        chart = None if self._chart is None else await self._chart(chosen[0])
        link = self._voice.link(chosen[0])
        return Parcel(tuple(chosen), self._voice.message(chosen), link, chart, self.progress.tries)

    async def _deliver(self, parcel: Parcel) -> bool:
        """Until it is taken or given up; False when the receiver wants nothing any more."""
        while True:
            try:
                await self._send(parcel)
            except Refused as refusal:
                self._last_error = refusal.reason
                if refusal.is_final:
                    self._is_disabled = True
                    logger.error("Channel %s is off until the next start: %s", self._wanted.channel, refusal.reason)
                    return False
                await self._note_refusal(refusal.reason)
                if self._is_hopeless(parcel):
                    self._give_up(parcel, refusal.reason)
                    return True
                pause = max(self._pace.pause_seconds(self.progress.tries), refusal.pause_seconds or 0.0)
                await asyncio.sleep(pause)
                while not self._may_tell():  # noqa: ASYNC110  (it is cancelled when another server tells)
                    await asyncio.sleep(self._pace.first_seconds)
                parcel = replace(parcel, tries=self.progress.tries)
            else:
                self._last_error, self._last_success, self._has_given_up = None, self._now(), False
                self.progress = replace(self.progress, refused_since=None)
                return True

    async def _send(self, parcel: Parcel) -> None:
        try:
            await self._sender.send(parcel)
        except Refused:
            raise
        except Exception as error:  # noqa: BLE001  (a sender's own fault is as good as a refusal)
            # Without its text and its traceback: they may name the address.
            raise Refused(f"it failed: {type(error).__name__}") from None

    async def _note_refusal(self, reason: str) -> None:
        if not self.progress.tries:
            logger.warning("Channel %s took no notification, and is tried again: %s", self._wanted.channel, reason)
        self.progress = refused(self.progress, self._now())
        await self._keep(self.progress)

    def _is_hopeless(self, parcel: Parcel) -> bool:
        tries, since = self.progress.tries, unix(self.progress.refused_since or self._now())
        if self._sender.most_tries is not None and tries >= self._sender.most_tries:
            return True
        # Of those that waited meanwhile, none is kept longer than this either, but each is tried.
        begun = max(since, unix(parcel.notifications[0].timestamp))
        return self._clock() - begun >= self._pace.give_up_seconds

    def _give_up(self, parcel: Parcel, reason: str) -> None:
        # An error becomes a notification: one says it, however many are given up before the next is taken.
        level = logging.WARNING if self._has_given_up else logging.ERROR
        numbers = ", ".join(map(str, parcel.numbers))
        text = "Channel %s: notification %s was given up after %d attempts: %s"
        logger.log(level, text, self._wanted.channel, numbers, self.progress.tries, reason)
        self._has_given_up = True

    async def _pass_over(self, ahead: Progress) -> None:
        self.progress = replace(ahead, refused_since=self.progress.refused_since)
        if ahead.position - self._kept_position >= MOST_SKIPPED:
            await self._keep(self.progress)

    async def _advance(self, ahead: Progress) -> None:
        """What follows is told only when this is stored: so a crash has at most one message sent twice."""
        self.progress = replace(ahead, refused_since=self.progress.refused_since)
        while not await self._keep(self.progress):  # noqa: ASYNC110  (nothing tells when the disk has room again)
            await asyncio.sleep(self._pace.first_seconds)

    async def _keep(self, progress: Progress) -> bool:
        try:
            await self._store.write(partial(self._keep_if_ahead, progress=progress))
        except VainError as error:
            logger.warning("How far channel %s is could not be stored: %s", self._wanted.channel, error)
            return False
        self._kept_position = progress.position
        return True

    def _keep_if_ahead(self, transaction: Transaction, progress: Progress) -> None:
        """Unless another server, which tells by now, is further."""
        known = transaction.kept("channel", self._wanted.channel)
        if known is None or decode(Progress, known).position <= progress.position:
            transaction.keep("channel", self._wanted.channel, encode(progress))

    def _now(self) -> Time:
        return utc(self._clock())
