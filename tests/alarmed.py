"""Alarms on a real store, with clocks that stand until they are moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from tests.store.engines import engine
from vain.alarms import Alarms, Resume, See
from vain.alerting.alert import Alert, SilenceDraft
from vain.alerting.rule import Rule
from vain.alerting.rule_file import RuleFile
from vain.clock import utc
from vain.codec import decode
from vain.errors import StoreFull
from vain.notification import Notification
from vain.rulebook import RuleBook
from vain.samples import Cpu, Disk, Sample
from vain.silences import Silences
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.tracker import Tracker
from vain.types import Event

T = TypeVar("T")

BEGIN = 1_800_000_000.0
BOOTED = BEGIN - 100_000.0
BUSY = Rule(name="cpu-busy", title="CPU is busy", metric="cpu.percent", above=90, clear=80, for_seconds=10)
EMPTY = Sample(None, None, None, None, "", "here", period_seconds=1.0)


def cpu(percent: float | None) -> Sample:
    """A sample with this use of the processors."""
    return replace(EMPTY, cpu=Cpu(percent=percent))


def disks(*mounts: str) -> Sample:
    """A sample in which all of these are full."""
    full = [Disk(mount=mount, device=mount, filesystem="ext4", percent=99.0) for mount in mounts]
    return replace(EMPTY, disks=full)


class Fickle(Store):
    """A real store that can be told to refuse."""

    is_full = False
    refused = 0

    def __init__(self, folder: Path, publish: Callable[[list[Event]], None]) -> None:
        super().__init__(engine(folder), publish)
        self.has_refused = asyncio.Event()
        """Three times."""

    async def write(self, change: Callable[[Transaction], T]) -> T:
        if self.is_full:
            self.refused += 1
            if self.refused == 3:
                self.has_refused.set()
            raise StoreFull("The disk is full.")
        return await super().write(change)


class Scene:
    """``seconds`` is the time of day, in Unix seconds, until it is moved."""

    period_seconds = 1.0

    def __init__(self, folder: Path, rules: Iterable[Rule] = (BUSY,), silences: Iterable[SilenceDraft] = ()) -> None:
        self.folder, self.rules, self.of_file = folder, tuple(rules), tuple(silences)
        self.seconds = BEGIN
        self.running: list[str] = []
        self.events: list[Event] = []
        self.store: Fickle
        self.book: RuleBook
        self.silences: Silences
        self.alarms: Alarms
        self.tracker: Tracker

    def wall(self) -> float:
        return self.seconds

    def since_boot(self) -> float:
        return self.seconds - BOOTED

    @asynccontextmanager
    async def on(self, resume: Resume | None = None, see: See | None = None, kill: bool = False) -> AsyncIterator[None]:
        """A server's life. ``kill``: it ends without a word; only what was committed is left."""
        self.store = Fickle(self.folder, self.events.extend)
        self.tracker = Tracker(self.store, lambda: utc(self.seconds))
        self.book = RuleBook(self.store, RuleFile(), self.rules)
        self.silences = Silences(self.store, self.of_file, self.wall)
        await self.book.start()
        await self.silences.start()
        given: dict[str, Any] = {} if see is None else {"see": see}
        self.alarms = Alarms(
            self.store, self.book, self.silences, self.period_seconds, lambda: self.running,
            since_boot=self.since_boot, wall=self.wall, **given,
        )  # fmt: skip
        try:
            await self.alarms.start(resume)
            yield
        finally:
            if kill and self.alarms._writer is not None:
                self.alarms._writer.cancel()
                await asyncio.gather(self.alarms._writer, return_exceptions=True)
            else:
                await self.alarms.close()
            await asyncio.to_thread(self.store.close)

    async def see(self, sample: Sample, seconds: int = 1) -> None:
        """The same once a second, for so long."""
        for _ in range(seconds):
            self.alarms.take(sample)
            self.seconds += 1
        await self.settled()

    async def settled(self) -> None:
        """Everything that waits is stored."""
        for _ in range(2_000):
            if not self.alarms._waiting:
                return
            await asyncio.sleep(0.001)
        raise AssertionError("It still waits to be stored")

    async def passes(self, seconds: float) -> None:
        """Time goes by, and the clock's work is done."""
        self.seconds += seconds
        await self.alarms.sweep()

    async def told(self) -> list[Notification]:
        """Every notification, oldest first."""
        return await self.store.read(lambda connection: reading.notifications_after(connection, 0, 10_000))

    async def kinds(self) -> list[str]:
        """What was told, in order; in brackets what was told in silence."""
        return [f"({each.kind})" if each.quiet else each.kind for each in await self.told()]

    async def alerts(self) -> list[Alert]:
        kept = await self.store.read(lambda connection: reading.kept(connection, "alert"))
        return [decode(Alert, body) for body in kept.values()]
