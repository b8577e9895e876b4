"""What the readers of the stream share: pieces of the ring, of the log and of snapshots, each worked out once.

Readers at the same position with the same subscription are sent the very same bytes, so a filter that many have costs
no more than one that one has.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from vain.clock import now
from vain.codec import encode
from vain.errors import Unavailable
from vain.hub import CHUNK_BYTES, Entry, Form, Hub, Position, passed
from vain.messages import Bookmark, ResetReason, Resumed, Snapshot, Unsubscribed
from vain.shared import SharedReads
from vain.store import reading, snapshots
from vain.store.database import Store
from vain.store.snapshots import Cursor, Part
from vain.subscription import Log, Subscription, TaskFilter

CATCH_UP_EVENTS = 256
PART_BYTES = 128 << 10
"""A snapshot is read and sent in messages of about this size."""
UNSEEN_EVENTS = 256
"""After so many that it was not sent, a reader is told how far it is."""
SHARED_PARTS = 8
MOST_JOINED_BYTES = 8 << 20
"""Pieces of this size are kept, until the next news: many that come back at once are each at another position."""


class _Asked(NamedTuple):
    """Equal ones get the same part: at the same event the store has the same tasks."""

    seq: int
    cursor: Cursor | None
    filter: TaskFilter | None


class Feed:
    """Belongs to the event loop."""

    def __init__(self, hub: Hub, store: Store) -> None:
        self.hub, self._store = hub, store
        self._joined: dict[tuple[Position, Subscription, Form], tuple[bytes, Position]] = {}
        self._joined_bytes = 0
        self._parts: SharedReads[_Asked, Part] = SharedReads(SHARED_PARTS)

    def chunk(self, position: Position, subscription: Subscription, form: Form) -> tuple[bytes, Position]:
        """What follows a position in the ring, in one piece, and the position after it. Raises Behind.

        Nothing and the same position: there is no more.
        """
        key = position, subscription, form
        found = self._joined.get(key)
        if found is None:
            if self._joined_bytes > MOST_JOINED_BYTES:
                self.forget()
            pieces, after = self.hub.read(position, subscription, form)
            found = self._joined[key] = self._with_bookmark(pieces, after, form)
            self._joined_bytes += len(found[0])
        return found

    def forget(self) -> None:
        """There is something new, or everybody has what there was."""
        self._joined.clear()
        self._joined_bytes = 0

    async def logged(self, position: Position, subscription: Subscription, form: Form) -> tuple[bytes, Position]:
        """The same from the log of all events. Raises Unavailable."""
        query = partial(reading.events_after, seq=position.seq, limit=CATCH_UP_EVENTS, size_bytes=CHUNK_BYTES)
        events = await self._store.read(query)
        if not events or events[0].seq != position.seq + 1:
            raise Unavailable("The events that follow have left the log.")
        pieces, after = passed(map(Entry, events), position, subscription, form)
        return self._with_bookmark(pieces, after, form)

    async def log(self) -> Log:
        """Which events the log has. Raises Unavailable."""
        return await self._store.read(partial(snapshots.log_bounds, epoch=self.hub.epoch))

    async def part(self, cursor: Cursor | None, filter_: TaskFilter | None) -> Part:
        """The part of a snapshot that follows a cursor. Raises Unavailable."""
        asked = _Asked(self.hub.seq, cursor, filter_)
        query = partial(snapshots.part_after, cursor=cursor, filter_=filter_, size_bytes=PART_BYTES)
        return await self._parts.get(asked, lambda: self._store.read(query))

    def resumed(self, seq: int, form: Form) -> bytes:
        """The message that says: on from here."""
        return form("resumed", seq, encode(Resumed(now(), self.hub.epoch, seq)))

    def unsubscribed(self, seq: int | None, form: Form) -> bytes:
        """The message that says: nothing from now on."""
        return form("unsubscribed", None, encode(Unsubscribed(now(), self.hub.epoch, seq)))

    def bookmark(self, seq: int, form: Form) -> bytes:
        """The message that says: everything up to here was sent."""
        return form("bookmark", seq, encode(Bookmark(now(), self.hub.epoch, seq)))

    def snapshot(self, part: Part, reason: ResetReason | None, form: Form) -> bytes:
        """The message with a part of all tasks. Only the last of them is a position."""
        seq = part.after.seq
        head = encode(
            Snapshot(now(), self.hub.epoch, seq, reason is not None, [], reason, part.removed, not part.is_last)
        )
        # The tasks go in as they are stored, in place of the empty list.
        body = head.replace(b'"tasks":[]', b'"tasks":[' + b",".join(part.bodies) + b"]", 1)
        return form("snapshot", seq if part.is_last else None, body)

    def _with_bookmark(self, pieces: list[bytes], after: Position, form: Form) -> tuple[bytes, Position]:
        if after.unseen >= UNSEEN_EVENTS:
            pieces, after = [*pieces, self.bookmark(after.seq, form)], after._replace(unseen=0)
        return b"".join(pieces), after
