"""What only one of the servers over a database may do, and whether it is this one; what servers tell each other.

``LEADS`` is what concerns all of them: who is told outside, who misses a job that did not come. ``MACHINE`` is to judge
the rules over the machine that a server runs on, of which several may run on one. A server with a database of its own
has all duties.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from vain.clock import Clock
from vain.store.connection import Group, Look

HERE: Final = "here"
"""The topic of who is here, and may have nothing else to tell."""
LEADS: Final = "leads"
MACHINE: Final = "machine"
LOOK_SECONDS: Final = 1.0
BELIEF_SECONDS: Final = 4.0
"""So long after a look a duty still counts as this server's; the database gives it to another two seconds later."""

logger = logging.getLogger(__name__)

Told = Callable[[], bytes]
Heard = Callable[[Mapping[str, bytes]], None]
"""Gets what each of the other servers tells of a topic, by server."""


class Duties:
    """Belongs to the event loop. ``machine`` is what the server's machine is called."""

    def __init__(self, group: Group | None, machine: str, monotonic: Clock = time.monotonic) -> None:
        self._group, self._monotonic = group, monotonic
        self._names = {LEADS: LEADS, f"{MACHINE} {machine}": MACHINE}
        self._held = frozenset[str]()
        self._looked_at = monotonic()
        self._is_alone = True
        """Nobody else was heard: nobody has to be told anything."""
        self._topics: dict[str, tuple[Told, Heard]] = {}
        self._on_change: Callable[[], Awaitable[None]] | None = None
        self._told: tuple[bool, bool] | None = None
        """Which duties ``_on_change`` has coped with."""
        # A thread of its own: others may wait for the database when this must not.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vain-duties")
        self._task: asyncio.Task[None] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether there may be other servers."""
        return self._group is not None

    def holds(self, duty: str) -> bool:
        """Whether it is this server's now."""
        return self._group is None or (duty in self._held and self._monotonic() - self._looked_at < BELIEF_SECONDS)

    @property
    def leads(self) -> bool:
        """Whether this server does what concerns all of them."""
        return self.holds(LEADS)

    def leads_others(self) -> bool | None:
        """Whether it leads; None: it is alone."""
        return self.leads if self.is_shared else None

    @property
    def judges_machine(self) -> bool:
        """Whether this server judges its machine."""
        return self.holds(MACHINE)

    def exchange(self, topic: str, told: Told, heard: Heard) -> None:
        """Tell the other servers every second, and hear what they tell of it."""
        self._topics[topic] = told, heard

    @property
    def current(self) -> tuple[bool, bool]:
        """Whether it leads, and whether it judges its machine."""
        return self.leads, self.judges_machine

    def attend(self, on_change: Callable[[], Awaitable[None]], since: tuple[bool, bool]) -> None:
        """Await it after a duty has come or gone ``since`` (``current`` then); until it has coped with that."""
        self._on_change, self._told = on_change, since

    async def start(self) -> None:
        """Take what nobody has, and begin. Nobody is told of that yet."""
        if self._group is not None:
            await self._look(self._group)
            self._task = asyncio.create_task(self._look_on(self._group))

    async def close(self) -> None:
        """Give everything back."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._held = frozenset()
        if self._group is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._group.close)
        self._thread.shutdown(wait=False)

    async def _look_on(self, group: Group) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self._look(group)
            if self._on_change is None or self._told == (current := self.current):
                continue
            try:
                await self._on_change()
            except Exception as error:  # noqa: BLE001  (the database may be away; the next look tries it again)
                logger.warning("A duty could not be taken over, or given up, yet: %s", error)
            else:
                self._told = current

    async def _look(self, group: Group) -> None:
        began, told = self._monotonic(), self._to_tell()
        try:
            look = await asyncio.get_running_loop().run_in_executor(self._thread, group.look, list(self._names), told)
        except Exception as error:  # noqa: BLE001  (whatever it is, the next look may go well)
            logger.info("The other servers could not be heard: %s", error)
            self._held = frozenset()
            return
        self._held, self._looked_at = frozenset(self._names[name] for name in look.held), began
        self._is_alone = not look.heard
        self._hear(look)

    def _to_tell(self) -> dict[str, bytes]:
        told = {HERE: b""}
        if self._is_alone:
            return told
        for topic, (tell, _) in self._topics.items():
            try:
                told[topic] = tell()
            except Exception:
                logger.exception("Other servers could not be told of %s", topic)
        return told

    def _hear(self, look: Look) -> None:
        for topic, (_, hear) in self._topics.items():
            try:
                hear({server: body for server, of, body in look.heard if of == topic})
            except Exception:
                logger.exception("What other servers tell of %s could not be understood", topic)
