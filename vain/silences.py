"""Who is not to be told now: silences that people made, and the maintenance windows of the administrator's file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from vain.alerting.alert import Silence, SilenceDraft
from vain.alerting.silencing import is_past, is_silenced, silence_of
from vain.clock import Clock, utc
from vain.codec import decode, encode
from vain.errors import Conflict, NotFound
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction

FIRST_MADE = 1_001
"""The numbers before belong to those of the file."""
MOST_SILENCES = 1_000


class Silences:
    """Belongs to the event loop; ``start`` reads what people made, and ``on_change`` is called after each change."""

    def __init__(self, store: Store, file: Iterable[SilenceDraft] = (), wall: Clock = time.time) -> None:
        self._store, self._wall = store, wall
        # As of a day long ago: one whose date is over is no mistake that keeps a server from starting.
        old = [silence_of(draft, number, 0.0) for number, draft in enumerate(file, 1)]
        self._of_file = [replace(each, created_at=utc(wall())) for each in old]
        self._made: dict[int, Silence] = {}
        self.on_change: list[Callable[[], None]] = []

    async def start(self) -> None:
        """Read what people made."""
        kept = await self._store.read(lambda connection: reading.kept(connection, "silence"))
        found = [decode(Silence, body) for body in kept.values()]
        self._made = {each.silence_id: each for each in found}

    async def read_again(self) -> None:
        """Somebody may have changed it at another server."""
        before = self._made
        await self.start()
        if self._made != before:
            self._changed()

    def all(self) -> list[Silence]:
        """Those that hold now or later, those of the file first."""
        now = self._wall()
        return [each for each in (*self._of_file, *self._made.values()) if not is_past(each, now)]

    def covers(self, rule: str, subject: str) -> bool:
        """Whether nobody is to be told of it now."""
        return is_silenced(rule, subject, self.all(), self._wall())

    async def add(self, draft: SilenceDraft) -> Silence:
        """Make one. Raises Invalid that names the field, or Conflict if there are too many."""

        def change(transaction: Transaction) -> Silence:
            kept = transaction.all_kept("silence")
            past = [name for name, body in kept.items() if is_past(decode(Silence, body), self._wall())]
            for name in past:
                transaction.keep("silence", name, None)
            if len(kept) - len(past) >= MOST_SILENCES:
                raise Conflict(f"There are {MOST_SILENCES} silences, and more are not taken.")
            number = max((int(name) for name in kept), default=FIRST_MADE - 1) + 1
            made = silence_of(draft, number, self._wall())
            transaction.keep("silence", str(number), encode(made))
            return made

        made = await self._store.write(change)
        self._made[made.silence_id] = made
        self._changed()
        return made

    async def end(self, silence_id: int) -> None:
        """End one before its time. Raises NotFound, or Conflict for one of the file."""
        if any(each.silence_id == silence_id for each in self._of_file):
            raise Conflict(f"Silence {silence_id} is in the administrator's file and can only be changed there.")
        if silence_id not in self._made:
            raise NotFound(f"There is no silence {silence_id}.")
        await self._store.write(lambda transaction: transaction.keep("silence", str(silence_id), None))
        self._made.pop(silence_id, None)
        self._changed()

    def _changed(self) -> None:
        for each in self.on_change:
            each()
