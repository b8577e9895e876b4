"""The shared ring of ready frames, and what a reader needs to follow it.

Durable events (``taskUpdate``, ``notification``) are numbered without a hole, so a reader needs nothing but the number
of the last one it was sent: no queue for each client, and one that reads slowly costs no memory. Of what is newest-wins
(``performanceUpdate``, each chart of ``visualizationUpdate``) only the newest is kept. All of it belongs to one thread,
the event loop's.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vain.types import Event

logger = logging.getLogger(__name__)

RING_FRAMES = 4096
RING_BYTES = 8 << 20
CHUNK_BYTES = 64 << 10
"""A reader is given about this much at a time, so that one write is never large."""


class Behind(Exception):
    """The reader's next event has left the ring; it is in the store's log."""


class Position(NamedTuple):
    """What a reader has been sent: the last event's number, and the revision of each newest-wins message."""

    seq: int
    revisions: tuple[tuple[str, int], ...] = ()


def text_frame(payload: bytes) -> bytes:
    """A whole WebSocket text message as one unmasked frame (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload


class Hub:
    """Takes events in commit order; hands out frames by position; tells listeners that there is something new."""

    def __init__(self, epoch: str, seq: int, frames: int = RING_FRAMES, size_bytes: int = RING_BYTES) -> None:
        self.epoch = epoch
        self.seq = seq
        self._most_frames, self._most_bytes = frames, size_bytes
        self._frames: list[bytes] = []
        self._first = seq + 1
        """The number of the event in ``_frames[0]``."""
        self._bytes = 0
        self._newest: dict[str, tuple[int, bytes]] = {}
        self._listeners: set[Callable[[], None]] = set()
        self.nudges = 0
        """How often something changed that has no event of its own."""

    def publish(self, events: Iterable[Event]) -> None:
        """Append committed events. Raises ValueError when a number is missing, since that would hide a lost event."""
        for event in events:
            if event.seq != self.seq + 1:
                raise ValueError(f"event {event.seq} came after {self.seq}")
            self.seq = event.seq
            frame = text_frame(event.body)
            self._frames.append(frame)
            self._bytes += len(frame)
        self._trim()
        self._tell()

    def replace(self, type_: str, body: bytes) -> None:
        """Set the newest message of a newest-wins type."""
        revision = self._newest[type_][0] + 1 if type_ in self._newest else 1
        self._newest[type_] = revision, text_frame(body)
        self._tell()

    def nudge(self) -> None:
        """Something changed that is no event (a notification was read): have it looked at."""
        self.nudges += 1
        self._tell()

    def now(self) -> Position:
        """The position of a reader who wants what comes from now on."""
        return Position(self.seq, tuple((type_, revision) for type_, (revision, _) in self._newest.items()))

    def read(self, position: Position) -> tuple[list[bytes], Position]:
        """The frames that follow a position, up to about ``CHUNK_BYTES``, and the position after them.

        Raises Behind when the next event is no longer in the ring.
        """
        frames, seq, size = [], position.seq, 0
        if seq < self.seq:
            if seq + 1 < self._first:
                raise Behind
            for frame in self._frames[seq + 1 - self._first :]:
                frames.append(frame)
                seq, size = seq + 1, size + len(frame)
                if size >= CHUNK_BYTES:
                    return frames, Position(seq, position.revisions)
        sent = dict(position.revisions)
        for type_, (revision, frame) in self._newest.items():
            if sent.get(type_, 0) < revision:
                frames.append(frame)
                sent[type_] = revision
        return frames, Position(seq, tuple(sent.items()))

    def has_news(self, position: Position) -> bool:
        """Whether ``read`` would give anything."""
        return position.seq < self.seq or position.revisions != self.now().revisions

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each publication, until the function that is returned is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _trim(self) -> None:
        surplus = len(self._frames) - self._most_frames
        dropped = 0
        while dropped < len(self._frames) and (dropped < surplus or self._bytes > self._most_bytes):
            self._bytes -= len(self._frames[dropped])
            dropped += 1
        del self._frames[:dropped]
        self._first += dropped

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                # One reader's fault is not the others', least of all the writer's who waits for its answer.
                logger.exception("A listener failed")
