"""Lists of tasks. Each function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from msgspec.structs import replace

from vain.listing import Listing, Place, TaskFilter
from vain.store import list_queries, queries
from vain.store.connection import Connection

NUMBER = "q"
"""The numbers of a list stand in an array of these: 8 bytes each, so that a long list costs little."""


class Found(NamedTuple):
    """What a list begins with, at one instant."""

    total: int
    """How many tasks match, whatever part of them was asked for."""
    seq: int
    bodies: list[bytes]
    """The JSON of the first of them."""
    rest: array[int]
    """The numbers of those of the same list that follow them."""
    follow: Place | None
    """Where the next page begins; None: there is none."""


def begun(connection: Connection, listing: Listing, size_bytes: int) -> Found:
    """The first tasks of a list, until their JSON has about this many bytes, and the numbers of the others."""
    listing = replace(listing, filter=_with_guests(connection, listing.filter))
    total, numbers = (_searched if listing.filter.text else _looked_up)(connection, listing)
    follow = None
    if listing.limit is not None and len(numbers) > listing.limit:
        del numbers[listing.limit :]
        follow = connection.execute(list_queries.place(listing.sort), (numbers[-1],)).fetchone()
    read, bodies = bodies_of(connection, listing.filter, numbers, size_bytes)
    seq = int(connection.execute(queries.HEAD).get)
    return Found(total, seq, bodies, numbers[read:], follow)


def bodies_of(
    connection: Connection, wanted: TaskFilter, numbers: array[int], size_bytes: int, begin: int = 0
) -> tuple[int, list[bytes]]:
    """Where reading ended, and the JSON of the tasks from position ``begin`` to there: about so many bytes of it.

    Tasks that are gone, or that the filter no longer lets through, are left out.
    """
    text, values = list_queries.body(_with_guests(connection, wanted))
    bodies: list[bytes] = []
    size = 0
    for position in range(begin, len(numbers)):
        if size >= size_bytes:
            return position, bodies
        row = connection.execute(text, (*values, numbers[position])).fetchone()
        if row is not None:
            bodies.append(row[0])
            size += len(row[0])
    return len(numbers), bodies


def _with_guests(connection: Connection, wanted: TaskFilter) -> TaskFilter:
    """Where a host had no guests, its own index is enough."""
    if not wanted.host or wanted.has_guests:
        return wanted
    return replace(wanted, has_guests=bool(connection.execute(*list_queries.has_guests(wanted.host)).get))


def _looked_up(connection: Connection, listing: Listing) -> tuple[int, array[int]]:
    """How many match, and the numbers of those asked for: of one more than the limit, if there are so many."""
    limit = -1 if listing.limit is None else listing.limit + 1
    numbers = array(NUMBER, (row[0] for row in connection.execute(*list_queries.numbers(listing, limit))))
    is_all = listing.after is None and (listing.limit is None or len(numbers) <= listing.limit)
    total = len(numbers) if is_all else int(connection.execute(*list_queries.count(listing.filter)).get)
    return total, numbers


def _searched(connection: Connection, listing: Listing) -> tuple[int, array[int]]:
    """The same where every row has to be read: once, not once more to count."""
    total, numbers = 0, array(NUMBER)
    most = None if listing.limit is None else listing.limit + 1
    for number, is_behind in connection.execute(*list_queries.marked_numbers(listing)):
        total += 1
        if is_behind and (most is None or len(numbers) < most):
            numbers.append(number)
    return total, numbers
