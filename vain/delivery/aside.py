"""A thread beside the loop for what blocks and may hang: one at most, and nobody waits for it at the end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Aside(Generic[T]):
    """Runs one thing at a time. Loop only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._key: Hashable = None
        self._under_way: asyncio.Future[T | BaseException] | None = None

    async def call(self, key: Hashable, work: Callable[[], T], limit_seconds: float) -> T:
        """What ``work`` returns or raises. Raises TimeoutError when it does not in time; it cannot be stopped then.

        Who comes back with the same key waits for what was begun, and gets its result; who comes with another one while
        that still goes on gets TimeoutError at once. So nothing is done twice, and no second thread is begun.
        """
        if self._under_way is None or (self._under_way.done() and self._key != key):
            self._key, self._under_way = key, self._begin(work)
        elif self._key != key:
            raise TimeoutError("what was begun before still goes on")
        await asyncio.wait({self._under_way}, timeout=limit_seconds)
        if not self._under_way.done():
            raise TimeoutError(f"nothing came in {limit_seconds:g} s")
        result, self._under_way = self._under_way.result(), None
        if isinstance(result, BaseException):
            raise result
        return result

    def _begin(self, work: Callable[[], T]) -> asyncio.Future[T | BaseException]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T | BaseException] = loop.create_future()

        def run() -> None:
            try:
                result: T | BaseException = work()
            except BaseException as error:  # noqa: BLE001  (raised where it is waited for)
                result = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(future.set_result, result)

        threading.Thread(target=run, name=self._name, daemon=True).start()
        return future
