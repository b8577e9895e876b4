"""Callbacks that are called on the event loop which asked for them, from whatever thread has news."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress


class Subscribers:
    """Any number of callbacks. While a call is due and has not run, no second one is asked for, so nothing piles up."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: list[_Subscriber] = []

    def add(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Has ``callback`` called on the running loop; the result ends that. Loop only."""
        subscriber = _Subscriber(asyncio.get_running_loop(), callback)
        with self._lock:
            self._subscribers.append(subscriber)
        return lambda: self._remove(subscriber)

    def tell(self) -> None:
        """Asks for a call of each, from any thread; those whose loop is closed are forgotten."""
        with self._lock:
            subscribers = list(self._subscribers)
        for subscriber in subscribers:
            if not subscriber.wake():
                self._remove(subscriber)

    def _remove(self, subscriber: _Subscriber) -> None:
        with self._lock, suppress(ValueError):
            self._subscribers.remove(subscriber)
        subscriber.is_ended = True


class _Subscriber:
    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
        self.is_ended = False
        self._loop = loop
        self._callback = callback
        self._is_due = False

    def wake(self) -> bool:
        """Asks for a call; False if the loop is closed."""
        if self._is_due:
            return True
        self._is_due = True
        try:
            self._loop.call_soon_threadsafe(self._call)
        except RuntimeError:
            return False
        return True

    def _call(self) -> None:
        self._is_due = False
        if not self.is_ended:
            self._callback()
