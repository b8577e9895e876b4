"""The stored history for those who ask on the event loop: nobody waits for the disk there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from vain.bands import MetricQuery, MetricWindow
from vain.errors import Unavailable
from vain.shared import SharedReads
from vain.store.metrics.store import MetricStore

READERS = 2
MOST_WAITING = 200
MOST_KEPT = 8
FRESH_SECONDS = 1.0
"""An answer that is shared is no older than this."""

T = TypeVar("T")


class Past:
    """Reads and imports on threads of its own; ``close`` ends them. Raises Unavailable when too many wait.

    ``threads``: those of somebody else, which stay when it is closed.
    """

    def __init__(self, store: MetricStore, threads: ThreadPoolExecutor | None = None) -> None:
        self.store = store
        self._owns_threads = threads is None
        self._threads = threads or ThreadPoolExecutor(READERS, thread_name_prefix="vain-past")
        self._importer = ThreadPoolExecutor(1, thread_name_prefix="vain-import")
        self._waiting = 0
        self._shared: SharedReads[tuple[MetricQuery, int], MetricWindow] = SharedReads(MOST_KEPT)

    async def window(self, query: MetricQuery) -> MetricWindow:
        """What is asked for. Raises Invalid as ``MetricStore.window`` does."""
        return await self.run(lambda: self.store.window(query))

    async def shared_window(self, query: MetricQuery) -> MetricWindow:
        """The same; who asks for the same within ``FRESH_SECONDS`` gets the same answer, which nobody may change."""
        question = query, int(time.monotonic() / FRESH_SECONDS)
        return await self._shared.get(question, lambda: self.window(query))

    async def run(self, work: Callable[[], T]) -> T:
        """Something that reads the history, on a thread that may."""
        return await self._on(self._threads, work)

    async def change(self, work: Callable[[], T]) -> T:
        """Something that imports; one runs at a time, and reading goes on."""
        return await self._on(self._importer, work)

    def close(self) -> None:
        """End the threads, after what they do."""
        if self._owns_threads:
            self._threads.shutdown(wait=True)
        self._importer.shutdown(wait=True)

    async def _on(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("Too many questions about the history wait; try again in a moment.")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(threads, work)
        finally:
            self._waiting -= 1
