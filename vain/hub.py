"""The shared ring of ready frames, and what a reader needs to follow it.

Durable events (``taskUpdate``, ``notification``) are numbered without a hole, so a reader needs nothing but the number
of the last one it was sent: no queue for each client, and one that reads slowly costs no memory. Of what is newest-wins
(``performanceUpdate``, each chart of ``visualizationUpdate``) only the newest is kept. A reader that wants less than
everything, or not as WebSocket frames, reads the same ring through its ``Subscription`` and in a ``Form`` of its own.
All of it belongs to one thread, the event loop's.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Iterable
from typing import NamedTuple

from vain.subscription import EVERYTHING, Subscription, Told, marked_as_left, told
from vain.types import Event

logger = logging.getLogger(__name__)

RING_FRAMES = 4096
RING_BYTES = 8 << 20
CHUNK_BYTES = 64 << 10
"""A reader is given about this much at a time, so that one write is never large."""
MOST_JUDGED = 1_000
"""So many events are held against a filter at a time: some milliseconds."""

Form = Callable[[str, "int | None", bytes], bytes]
"""A message (its type, its number if it is durable, its JSON) as it goes over the wire."""


class Behind(Exception):
    """The reader's next event has left the ring; it is in the store's log."""


class Position(NamedTuple):
    """How far a reader is: the last event's number, and the revision of each newest-wins message."""

    seq: int
    revisions: tuple[tuple[str, int], ...] = ()
    unseen: int = 0
    """How many events, up to this one, it was not sent since the last that it was told the number of."""


def text_frame(payload: bytes) -> bytes:
    """A whole WebSocket text message as one unmasked frame (RFC 6455, section 5.2)."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BB", 0x81, length) + payload
    if length < 1 << 16:
        return struct.pack("!BBH", 0x81, 126, length) + payload
    return struct.pack("!BBQ", 0x81, 127, length) + payload


def as_frame(type_: str, seq: int | None, body: bytes) -> bytes:
    """The ``Form`` of a WebSocket."""
    return text_frame(body)


class Entry:
    """A durable event in the ring."""

    __slots__ = ("_told", "frame", "seq", "type")

    def __init__(self, event: Event) -> None:
        self.seq, self.type, self.frame = event.seq, event.type, text_frame(event.body)
        self._told: Told | None = None

    @property
    def body(self) -> bytes:
        """The JSON in the frame."""
        length = self.frame[1]
        return self.frame[2 if length < 126 else 4 if length == 126 else 10 :]

    def through(self, subscription: Subscription, form: Form) -> bytes | None:
        """As it is sent to who has this subscription; None if it is not."""
        if not subscription.wants(self.type):
            return None
        if subscription.filter is not None and self.type == "taskUpdate":
            if self._told is None:
                self._told = told(self.body)  # once, however many filters it is held against
            verdict = subscription.filter.judged(self._told)
            if verdict != "in":
                return None if verdict == "out" else form(self.type, self.seq, marked_as_left(self.body))
        return self.frame if form is as_frame else form(self.type, self.seq, self.body)


def passed(
    entries: Iterable[Entry], position: Position, subscription: Subscription, form: Form
) -> tuple[list[bytes], Position]:
    """What a subscription lets through of the entries that follow a position, up to about ``CHUNK_BYTES``."""
    pieces, size, (seq, revisions, unseen) = list[bytes](), 0, position
    for entry in entries:
        piece = entry.through(subscription, form)
        seq, unseen = entry.seq, unseen + 1 if piece is None else 0
        if piece is not None:
            pieces.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                break
    return pieces, Position(seq, revisions, unseen)


class Hub:
    """Takes events in commit order; hands out frames by position; tells listeners that there is something new."""

    def __init__(self, epoch: str, seq: int, frames: int = RING_FRAMES, size_bytes: int = RING_BYTES) -> None:
        self.epoch = epoch
        self.seq = seq
        self._most_frames, self._most_bytes = frames, size_bytes
        self._entries: list[Entry] = []
        self.first = seq + 1
        """The number of the oldest event in the ring; of the next one, while it is empty."""
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
            entry = Entry(event)
            self._entries.append(entry)
            self._bytes += len(entry.frame)
        self._trim()
        self._tell()

    def replace(self, type_: str, body: bytes) -> None:
        """Set the newest message of a newest-wins type."""
        revision = self._newest[type_][0] + 1 if type_ in self._newest else 1
        self._newest[type_] = revision, body
        self._tell()

    def nudge(self) -> None:
        """Something changed that is no event (a notification was read): have it looked at."""
        self.nudges += 1
        self._tell()

    def now(self) -> Position:
        """The position of a reader who wants what comes from now on."""
        return Position(self.seq, tuple((type_, revision) for type_, (revision, _) in self._newest.items()))

    def read(
        self, position: Position, subscription: Subscription = EVERYTHING, form: Form = as_frame
    ) -> tuple[list[bytes], Position]:
        """What follows a position, up to about ``CHUNK_BYTES``, and the position after it.

        Nothing and another position: all that was looked at is not for this subscription; there may be more.
        Raises Behind when the next event is no longer in the ring.
        """
        pieces: list[bytes] = []
        if position.seq < self.seq:
            begin = position.seq + 1 - self.first
            if begin < 0:
                raise Behind
            pieces, position = passed(self._entries[begin : begin + MOST_JUDGED], position, subscription, form)
            if position.seq < self.seq:
                return pieces, position
        sent = dict(position.revisions)
        for key, (revision, body) in self._newest.items():
            type_ = key.partition(":")[0]
            if sent.get(key, 0) < revision and subscription.wants(type_):
                pieces.append(form(type_, None, body))
                sent[key] = revision
        return pieces, position._replace(revisions=tuple(sent.items()))

    def has_news(self, position: Position) -> bool:
        """Whether ``read`` would give anything."""
        return position.seq < self.seq or position.revisions != self.now().revisions

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` after each publication, until the function that is returned is called."""
        self._listeners.add(listener)
        return lambda: self._listeners.discard(listener)

    def _trim(self) -> None:
        surplus = len(self._entries) - self._most_frames
        dropped = 0
        while dropped < len(self._entries) and (dropped < surplus or self._bytes > self._most_bytes):
            self._bytes -= len(self._entries[dropped].frame)
            dropped += 1
        del self._entries[:dropped]
        self.first += dropped

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                # One reader's fault is not the others', least of all the writer's who waits for its answer.
                logger.exception("A listener failed")
