"""A second look at the keys, for a credential that this server has not heard of: another may just have given it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from vain.errors import Unauthenticated

PAUSE_SECONDS = 0.1
"""Between the beginnings of two looks, however many ask: so whoever guesses costs the database nothing."""


class Unknown(Unauthenticated):
    """Nobody here has heard of this credential: ``Gate.look_again``, and then ask once more."""


class SecondLook:
    """``look`` blocks, so it is called in a thread. Belongs to the event loop."""

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._began = -PAUSE_SECONDS
        self._next: asyncio.Task[None] | None = None
        """The look that has yet to begin; all who ask until then wait for it."""
        self._turn = asyncio.Lock()

    async def take(self) -> None:
        """Wait for a look that begins after this was called. Raises what ``look`` does."""
        if self._next is None:
            self._next = asyncio.ensure_future(self._begin())
            # Those who asked for it may be gone by the time that it fails.
            self._next.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.shield(self._next)

    async def _begin(self) -> None:
        async with self._turn:
            await asyncio.sleep(self._began + PAUSE_SECONDS - time.monotonic())
            self._began, self._next = time.monotonic(), None
            await asyncio.to_thread(self._look)
