"""Which tasks a list has, in which order, and from where on: what ``GET /tasks`` asks of the store.

A page ends with a task, and the next begins behind it: behind the values that this task had in the columns of the sort,
not behind so many rows. So no task that stays as it is can be skipped or come twice, whatever happens to others between
two pages. ``task_id`` is always the last of the columns, so no two tasks stand in the same place.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

import msgspec
from msgspec import Struct

from vain.errors import Flaw, Malformed
from vain.types import LARGEST_INTEGER, SORTS, Outcome, Priority, Status, Time

LARGEST_LIMIT = 10_000
LONGEST_CURSOR = 2_000
MOST_COLUMNS = 4

Place = tuple[int | float | str | None, ...]
"""The values of a task in the columns of a sort, the last of them its number; status and priority are ranks."""


class TaskFilter(Struct, frozen=True):
    """A task is let through if all holds that is given; ``None``, ``""`` and ``()`` let every task through."""

    status: tuple[Status, ...] = ()
    """It is one of them; so with the next three."""
    priority: tuple[Priority, ...] = ()
    outcome: tuple[Outcome, ...] = ()
    host: tuple[str, ...] = ()
    """Of its source, exactly; or one on which it had others than its own process."""
    tags: tuple[str, ...] = ()
    """It has all of them."""
    key: str | None = None
    parent_id: int | None = None
    stale: bool | None = None
    overdue: bool | None = None
    text: str = ""
    """Found in the name, the description, the message, the key or a tag; case does not count."""
    created_after: Time | None = None
    """Created at this time or later."""
    created_before: Time | None = None
    """Created earlier than this."""
    completed_after: Time | None = None
    completed_before: Time | None = None
    has_guests: bool = False
    """Whether there is anything of the latter on these hosts; the store finds out."""


class Order(NamedTuple):
    """One column of a sort. Tasks without a value come last in both directions."""

    column: str
    descending: bool = False


OLDEST_FIRST = (Order("task_id"),)


class Listing(Struct, frozen=True):
    """A list of tasks; ``limit`` None: all that match. ``after``: only those that come behind this place."""

    filter: TaskFilter = TaskFilter()
    sort: tuple[Order, ...] = OLDEST_FIRST
    limit: int | None = None
    after: Place | None = None

    @property
    def fingerprint(self) -> str:
        """What tells two lists apart that have different tasks or another order, whatever part of them is asked for."""
        wanted = {name: value for name, value in msgspec.structs.asdict(self.filter).items() if name != "has_guests"}
        asked = msgspec.json.encode((wanted, self.sort))
        return base64.urlsafe_b64encode(hashlib.blake2b(asked, digest_size=9).digest()).decode()


class _Cursor(Struct, frozen=True, array_like=True):
    fingerprint: str
    place: Place


def parse_orders(text: str) -> tuple[Order, ...]:
    """``-priority,created_at`` as columns, with ``task_id`` behind them. Raises Malformed that says what is right."""
    orders: list[Order] = []
    for part in text.split(","):
        column = part.strip().removeprefix("-")
        if column not in SORTS:
            raise _malformed("sort", f"Out of {', '.join(SORTS)}, with commas between; '-' turns one around.")
        if column in (order.column for order in orders):
            raise _malformed("sort", f"{column} stands there twice.")
        orders.append(Order(column, part.strip().startswith("-")))
    if len(orders) > MOST_COLUMNS:
        raise _malformed("sort", f"At most {MOST_COLUMNS} columns are expected.")
    if orders[-1].column != "task_id":
        # In the direction of the last, so that one index serves both.
        orders.append(Order("task_id", orders[-1].descending))
    return tuple(orders)


def sort_text(orders: tuple[Order, ...]) -> str:
    """The columns as ``parse_orders`` takes them, without the number that it puts behind them."""
    if len(orders) > 1 and orders[-1] == Order("task_id", orders[-2].descending):
        orders = orders[:-1]
    return ",".join(f"{'-' if order.descending else ''}{order.column}" for order in orders)


def cursor_of(listing: Listing, place: Place) -> str:
    """A place in this list, as text that may stand in an address."""
    packed = msgspec.json.encode(_Cursor(listing.fingerprint, place))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def place_of(listing: Listing, cursor: str) -> Place:
    """The place that a cursor stands for. Raises Malformed for what is none, or is one of another list."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        read = msgspec.json.decode(packed, type=_Cursor)
    except (ValueError, msgspec.MsgspecError, RecursionError):
        raise _malformed("cursor", "The cursor of a Link header is expected, as it stands there.") from None
    if read.fingerprint != listing.fingerprint:
        raise _malformed("cursor", "It belongs to another query: filters and sort stay as they are in its Link header.")
    if not _fits(read.place, listing.sort):
        raise _malformed("cursor", "The cursor of a Link header is expected, as it stands there.")
    return read.place


def _fits(place: Place, sort: tuple[Order, ...]) -> bool:
    if len(place) != len(sort):
        return False
    number = place[-1]
    whole = [value for value in place if isinstance(value, int)]
    return isinstance(number, int) and all(abs(value) <= LARGEST_INTEGER for value in whole)


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
