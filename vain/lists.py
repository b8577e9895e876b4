"""Lists of tasks, read in parts, so that a long one needs little memory."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator
from functools import partial
from typing import NamedTuple

from vain.listing import Listing, Place, TaskFilter
from vain.store import lists, reading
from vain.store.database import Store

PART_BYTES = 128 << 10
"""A list is read and sent in parts of about this size."""

Parts = AsyncIterator[list[bytes]]


class Listed(NamedTuple):
    """A list that has begun: what is known of it is of one instant, and so is its first part.

    Later parts are read later: a task that is gone by then, or that the filter no longer lets through, is not in them.
    """

    total: int
    """How many tasks match, whatever part of them was asked for."""
    seq: int
    """The number of the newest event at that instant."""
    follow: Place | None
    """Where the next page begins; None: there is none."""
    parts: Parts


async def begin(store: Store, listing: Listing) -> Listed:
    """The JSON of the tasks that are asked for. No task that was made later is among them."""
    if listing == Listing():
        total, last, seq, first = await store.read(partial(reading.first_tasks, size_bytes=PART_BYTES))
        return Listed(total, seq, None, _everything(store, first, last))
    found = await store.read(partial(lists.begun, listing=listing, size_bytes=PART_BYTES))
    return Listed(found.total, found.seq, found.follow, _rest(store, listing.filter, found.bodies, found.rest))


async def _everything(store: Store, part: reading.TaskPart, last: int) -> Parts:
    while part.bodies:
        yield part.bodies
        if part.follow_after is None:
            return
        rest = partial(reading.tasks_between, after=part.follow_after, last=last, size_bytes=PART_BYTES)
        part = await store.read(rest)


async def _rest(store: Store, wanted: TaskFilter, bodies: list[bytes], numbers: array[int]) -> Parts:
    if bodies:
        yield bodies
    begin = 0
    while begin < len(numbers):
        more = partial(lists.bodies_of, wanted=wanted, numbers=numbers, size_bytes=PART_BYTES, begin=begin)
        begin, bodies = await store.read(more)
        if bodies:
            yield bodies
