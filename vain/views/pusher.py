"""Wakes the sessions: one subscription to a source for all of them, however many pages are open.

A tick follows each sample. An event that comes between two samples waits a moment for others to travel with it, so that
a session has few ticks however many events there are, and what somebody changed is seen well within a second.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Protocol

from vain.clock import Clock
from vain.samples import Sample

if TYPE_CHECKING:
    from vain.source import Source

EVENT_PAUSE_SECONDS: Final = 0.25
"""Events alone cause no more than one tick in this time."""


class Woken(Protocol):
    """Who is woken: ``wake`` must return at once and may be called again before the tick it asked for has run."""

    source: Source

    def wake(self) -> None: ...


class Pusher:
    """Subscribes to one source while at least one session listens. Loop only."""

    def __init__(self, source: Source, clock: Clock = time.monotonic) -> None:
        self.source = source
        self._clock = clock
        self._listeners: set[Woken] = set()
        self._unsubscribe: Callable[[], None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._sample: Sample | None = None
        self._pushed_at = -1e9

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Woken) -> None:
        """Wakes ``listener`` from now on."""
        self._listeners.add(listener)
        if self._unsubscribe is None:
            self._unsubscribe = self.source.subscribe(self._news)

    def remove(self, listener: Woken) -> None:
        """Wakes ``listener`` no more; with the last one the subscription ends. Twice is once."""
        self._listeners.discard(listener)
        if not self._listeners and self._unsubscribe is not None:
            self._unsubscribe()
            self._unsubscribe = None
            self._stop_timer()

    def _news(self) -> None:
        sample, waited = self.source.latest(), self._clock() - self._pushed_at
        if sample is not self._sample or waited >= EVENT_PAUSE_SECONDS:
            self._push()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(EVENT_PAUSE_SECONDS - waited, self._push)

    def _push(self) -> None:
        self._stop_timer()
        self._sample, self._pushed_at = self.source.latest(), self._clock()
        for listener in tuple(self._listeners):
            listener.wake()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_pushers: dict[int, Pusher] = {}


def join(listener: Woken) -> None:
    """Wakes ``listener`` on news of its source, until ``leave``."""
    _pushers.setdefault(id(listener.source), Pusher(listener.source)).add(listener)


def leave(listener: Woken) -> None:
    """The end of ``join``. A listener that never joined may leave."""
    pusher = _pushers.get(id(listener.source))
    if pusher is not None:
        pusher.remove(listener)
        if not len(pusher):
            del _pushers[id(listener.source)]


def open_pages() -> int:
    """How many sessions of this process are woken, of all sources together."""
    return sum(map(len, _pushers.values()))
