"""Reads that are shared: equal questions get one answer, also while it is still being worked out."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from contextvars import Context
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SharedReads(Generic[K, V]):
    """The newest ``most`` answers by question; what was asked for least recently goes first. Event loop only."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._reads: dict[K, asyncio.Task[V]] = {}

    def __len__(self) -> int:
        return len(self._reads)

    def __contains__(self, question: K) -> bool:
        return question in self._reads

    async def get(self, question: K, read: Callable[[], Coroutine[Any, Any, V]]) -> V:
        """The answer that is kept, or what ``read`` gives. Raises what it raises; a failure is not kept."""
        task = self._reads.pop(question, None)
        if task is None:
            # In a context of its own: that of whoever asked first would keep their whole page alive with the answer.
            task = asyncio.get_running_loop().create_task(read(), context=Context())
        self._reads[question] = task
        while len(self._reads) > self._most:
            del self._reads[next(iter(self._reads))]
        try:
            # Shielded: one who no longer waits must not end the read for the others.
            return await asyncio.shield(task)
        except BaseException:
            if self._reads.get(question) is task and task.done():
                del self._reads[question]
            raise
