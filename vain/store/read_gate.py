"""Holds the readers back for a moment, so that the write-ahead log can begin anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class ReadGate:
    """SQLite starts its log from the front again only while nobody reads from it; readers who overlap all the time
    would let it grow without end. A reader passes ``reading``; ``closed`` waits until those who are within have left.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._within = 0
        self._is_closed = False

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read within this; waits while the gate is closed."""
        with self._condition:
            while self._is_closed:
                self._condition.wait()
            self._within += 1
        try:
            yield
        finally:
            with self._condition:
                self._within -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self, seconds: float) -> Iterator[bool]:
        """Whether nobody reads within this; False when a reader did not leave in time."""
        with self._condition:
            self._is_closed = True
            is_empty = self._condition.wait_for(lambda: self._within == 0, seconds)
        try:
            yield is_empty
        finally:
            with self._condition:
                self._is_closed = False
                self._condition.notify_all()
