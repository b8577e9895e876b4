"""One reader's place in the stream, whatever it is connected by: what it wants, how far it is, what is sent next.

The next piece comes from the ring (``at_hand``), or else from the store (``from_store``): the parts of a snapshot, and
the events that have left the ring. Whoever owns the reader asks for a piece only when the last one was taken, so a slow
one costs no more than a piece.
"""

from __future__ import annotations

from functools import lru_cache

from msgspec import UNSET

from vain.hub import Behind, Form, Position
from vain.messages import ResetReason, Subscribe
from vain.store.snapshots import Cursor, Part
from vain.subscription import EVERYTHING, Log, Subscription, reset_reason
from vain.web.feed import Feed

SUBSCRIPTIONS = 256

_same = lru_cache(maxsize=SUBSCRIPTIONS)(lambda subscription: subscription)
"""The first of those that are equal, so that what readers share is found by identity."""


class Opening:
    """A subscription that is not answered yet, or not wholly."""

    def __init__(self, asked: Subscribe) -> None:
        self.subscription: Subscription = _same(Subscription.of(asked))
        self.since = None if asked.since is UNSET else asked.since
        self.epoch = None if asked.epoch is UNSET else asked.epoch
        self.begins_now = self.since is None and not asked.snapshot
        self.reason: ResetReason | None = None
        self.cursor: Cursor | None = None


class Reader:
    """See the module. Nothing is sent before ``follow`` or ``subscribe``. Belongs to the event loop."""

    __slots__ = ("_feed", "_form", "_opening", "_owes_bookmark", "position", "subscription")

    def __init__(self, feed: Feed, form: Form) -> None:
        self._feed, self._form = feed, form
        self.position: Position | None = None
        self.subscription: Subscription | None = None  # also before the answer that begins it was sent
        self._opening: Opening | None = None
        self._owes_bookmark = False

    @property
    def is_subscribed(self) -> bool:
        """Whether anything is wanted."""
        return self.subscription is not None or self._opening is not None

    def follow(self) -> None:
        """Everything from now on, without a word before."""
        self.position, self.subscription = self._feed.hub.now(), EVERYTHING

    def subscribe(self, asked: Subscribe) -> None:
        """What is wanted from now on, in place of what was."""
        self.position, self.subscription, self._opening = None, None, Opening(asked)

    def unsubscribe(self) -> bytes:
        """Nothing more; the message that says so."""
        self.subscription, self._opening = None, None
        return self._feed.unsubscribed(None if self.position is None else self.position.seq, self._form)

    def owe_bookmark(self) -> None:
        """When everything was sent, say so."""
        self._owes_bookmark = True

    def at_hand(self) -> bytes | None:
        """The next piece, empty if there is none now. None: ``from_store`` has to be asked."""
        if self._opening is not None:
            return self._resumed_at_once(self._opening)
        try:
            piece = self._next_of_ring()
        except Behind:
            return None
        if not piece and self._owes_bookmark and self.position is not None:
            self._owes_bookmark, self.position = False, self.position._replace(unseen=0)
            return self._feed.bookmark(self.position.seq, self._form)
        return piece

    async def from_store(self) -> bytes:
        """The next piece; empty says nothing, ask again. Raises Unavailable."""
        opening = self._opening
        if opening is not None:
            return await self._opened(opening)
        position, subscription = self.position, self.subscription
        if position is None or subscription is None:
            return b""
        piece, after = await self._feed.logged(position, subscription, self._form)
        if self.position is not position or self.subscription is not subscription:
            return b""  # it wants something else by now
        self.position = after
        return piece

    def _next_of_ring(self) -> bytes:
        if self.position is None or self.subscription is None:
            return b""
        while True:
            piece, after = self._feed.chunk(self.position, self.subscription, self._form)
            if piece or after == self.position:
                self.position = after
                return piece
            self.position = after

    def _resumed_at_once(self, opening: Opening) -> bytes | None:
        """Most come back to an event that is in the ring: so a thousand at once do not ask the store."""
        hub = self._feed.hub
        if opening.reason is not None:
            return None
        if opening.begins_now:
            return self._resumed(opening, hub.seq)
        kept = Log(hub.epoch, hub.first, hub.seq)
        if opening.since is None or reset_reason(opening.since, opening.epoch, kept) is not None:
            return None
        return self._resumed(opening, opening.since)

    async def _opened(self, opening: Opening) -> bytes:
        if opening.since is not None and opening.reason is None:
            opening.reason = reset_reason(opening.since, opening.epoch, await self._feed.log())
            if self._opening is not opening:
                return b""
            if opening.reason is None:
                return self._resumed(opening, opening.since)
        return await self._snapshot(opening)

    async def _snapshot(self, opening: Opening) -> bytes:
        wants_tasks = "tasks" in opening.subscription.streams
        part = await self._feed.part(opening.cursor, opening.subscription.filter) if wants_tasks else None
        if part is None:
            part = Part([], [], Cursor(0, self._feed.hub.seq), True)
        if self._opening is not opening:
            return b""
        opening.cursor = part.after
        if part.is_last:
            self._begin(opening, part.after.seq)
        elif not part.bodies and not part.removed:
            return b""
        return self._feed.snapshot(part, opening.reason, self._form)

    def _resumed(self, opening: Opening, seq: int) -> bytes:
        self._begin(opening, seq)
        return self._feed.resumed(seq, self._form)

    def _begin(self, opening: Opening, seq: int) -> None:
        # Without revisions: the newest figures and charts follow at once.
        self.position, self.subscription, self._opening = Position(seq), opening.subscription, None
