"""The statements for lists of tasks. Only constants are put into their text; values are bound."""

from __future__ import annotations

from collections.abc import Collection
from itertools import chain
from typing import Final, NamedTuple

from vain.listing import Listing, Order, TaskFilter
from vain.types import PRIORITIES, SORTS, STATUSES

Value = str | int | float | bytes | None
Values = tuple[Value, ...]

EVERYTHING: Final = "true"
NULLABLE: Final = frozenset({"completed_at", "due_at", "progress"})
ROW_COLUMNS: Final = frozenset({"task_id"})
FILTERED: Final = ROW_COLUMNS | {"status", "outcome", "priority", "created_at", "overdue", "stale", "tags"}
LISTED: Final = FILTERED | {"completed_at", "key", "due_at", "name", "progress", "updated_at", "host"}
"""The columns of the indexes ``tasks_filtered`` and ``tasks_listing``; ``tasks_host`` has the first's by host."""


class Condition(NamedTuple):
    """What follows WHERE, and what it binds."""

    text: str
    values: Values = ()


def tag_bytes(*tags: str) -> bytes:
    """Tags as their column has them; one alone, as it is found there."""
    return b"\0" + b"\0".join(tag.encode() for tag in tags) + b"\0"


def count(wanted: TaskFilter) -> Condition:
    """The statement that counts all that match."""
    where = _matching(wanted)
    return Condition(f"SELECT count(*) FROM {_source(wanted)} WHERE {where.text}", where.values)  # noqa: S608


def numbers(listing: Listing, limit: int) -> Condition:
    """The statement for the numbers of the tasks that match, in order; a negative limit is none."""
    where, behind = _matching(listing.filter), _behind(listing)
    text = (
        f"SELECT task_id FROM {_source(listing.filter, listing.sort)} WHERE ({where.text}) AND ({behind.text}) "  # noqa: S608
        f"ORDER BY {_order_text(listing.sort)} LIMIT ?"
    )
    return Condition(text, (*where.values, *behind.values, limit))


def marked_numbers(listing: Listing) -> Condition:
    """The statement for the numbers of all that match, in order, and whether they come behind the place asked for."""
    where, behind = _matching(listing.filter), _behind(listing)
    text = (
        f"SELECT task_id, {behind.text} FROM {_source(listing.filter, listing.sort)} WHERE {where.text} "  # noqa: S608
        f"ORDER BY {_order_text(listing.sort)}"
    )
    return Condition(text, (*behind.values, *where.values))


def place(sort: tuple[Order, ...]) -> str:
    """The statement for the values that one task has in the columns of a sort."""
    return f"SELECT {', '.join(_known(order.column) for order in sort)} FROM tasks WHERE task_id = ?"  # noqa: S608


def has_guests(hosts: tuple[str, ...]) -> Condition:
    """The statement for whether there were tasks on one of these hosts whose own processes were elsewhere."""
    return Condition(f"SELECT EXISTS (SELECT 1 FROM guests WHERE host IN ({', '.join('?' * len(hosts))}))", hosts)  # noqa: S608


def body(wanted: TaskFilter) -> Condition:
    """The statement for one task's JSON, if the filter lets it through; the number is bound behind these values."""
    where = _matching(wanted)
    return Condition(f"SELECT body FROM tasks WHERE {where.text} AND task_id = ?", where.values)  # noqa: S608


def _conditions(wanted: TaskFilter) -> list[tuple[str, str, Values]]:
    """What is asked of each column, by a condition, and what that binds."""
    choices = {
        "status": tuple(map(STATUSES.index, wanted.status)),
        "outcome": wanted.outcome,
        "priority": tuple(map(PRIORITIES.index, wanted.priority)),
        "host": () if wanted.has_guests else wanted.host,
    }
    any_of = [
        (column, f"{column} IN ({', '.join('?' * len(values))})", values)
        for column, values in choices.items()
        if values
    ]
    if wanted.has_guests:
        places = ", ".join("?" * len(wanted.host))
        guests = f"SELECT task_id FROM guests WHERE host IN ({places})"  # noqa: S608
        any_of.append(("host", f"(host IN ({places}) OR task_id IN ({guests}))", wanted.host * 2))
    return any_of + [(column, condition, (value,)) for column, condition, value in _bounds(wanted) if value is not None]


def _bounds(wanted: TaskFilter) -> list[tuple[str, str, Value]]:
    """The same of those that are compared with one value; None where nothing is asked of it."""
    return [
        ("created_at", "created_at >= ?", wanted.created_after),
        ("created_at", "created_at < ?", wanted.created_before),
        ("overdue", "overdue = ?", None if wanted.overdue is None else int(wanted.overdue)),
        ("stale", "stale = ?", None if wanted.stale is None else int(wanted.stale)),
        *(("tags", "instr(tags, ?) > 0", tag_bytes(tag)) for tag in wanted.tags),
        ("completed_at", "completed_at >= ?", wanted.completed_after),
        ("completed_at", "completed_at < ?", wanted.completed_before),
        ("key", "key = ?", wanted.key),
        ("parent_id", "parent_id = ?", wanted.parent_id),
        # Last, since the words stand in the row and in no index.
        ("searched", "instr(searched, ?) > 0", wanted.text.casefold() or None),
    ]


def _matching(wanted: TaskFilter) -> Condition:
    found = _conditions(wanted)
    if not found:
        return Condition(EVERYTHING)
    return Condition(" AND ".join(text for _, text, _ in found), tuple(chain.from_iterable(v for _, _, v in found)))


def _source(wanted: TaskFilter, sort: tuple[Order, ...] = ()) -> str:
    """What is looked through. SQLite, which knows no figures of the tables, would rather go through all rows."""
    columns = {column for column, _, _ in _conditions(wanted)}
    if "parent_id" in columns:
        return "tasks INDEXED BY tasks_parent"
    if "searched" in columns and not _is_narrow(wanted):
        return "tasks NOT INDEXED"
    asked = LISTED if wanted.has_guests else columns - {"searched"}
    return source_of(asked | {order.column for order in sort})


def source_of(columns: Collection[str]) -> str:
    """The smallest that has these columns; for the numbers alone, SQLite knows best."""
    if ROW_COLUMNS.issuperset(columns):
        return "tasks"
    if "host" in columns and FILTERED.issuperset({*columns} - {"host"}):
        return "tasks INDEXED BY tasks_host"
    return "tasks INDEXED BY " + ("tasks_filtered" if FILTERED.issuperset(columns) else "tasks_listing")


def _is_narrow(wanted: TaskFilter) -> bool:
    """Whether few tasks may be expected: then it is cheaper to look for their words row by row."""
    is_unfinished = bool(wanted.status) and "completed" not in wanted.status
    ended_badly = bool(wanted.outcome) and "succeeded" not in wanted.outcome
    return is_unfinished or ended_badly or wanted.key is not None


def _order_text(sort: tuple[Order, ...]) -> str:
    return ", ".join(_ordered(order) for order in sort)


def _ordered(order: Order) -> str:
    nulls = " NULLS LAST" if order.column in NULLABLE else ""
    return f"{_known(order.column)}{' DESC' if order.descending else ''}{nulls}"


def _known(column: str) -> str:
    if column not in SORTS:
        raise ValueError(column)
    return column


def _behind(listing: Listing) -> Condition:
    """Behind the place in the first column; or equal in it and behind in the second; and so on."""
    if listing.after is None:
        return Condition(EVERYTHING)
    ways: list[str] = []
    values: list[Value] = []
    for number, order in enumerate(listing.sort):
        step = _behind_in(order, listing.after[number])
        if step is not None:
            equal = [f"{_known(before.column)} IS ?" for before in listing.sort[:number]]
            ways.append(f"({' AND '.join([*equal, step.text])})")
            values += (*listing.after[:number], *step.values)
    return Condition(f"({' OR '.join(ways)})", tuple(values))


def _behind_in(order: Order, value: Value) -> Condition | None:
    """None: what has no value in this column stands behind all others already."""
    if value is None:
        return None
    text = f"{_known(order.column)} {'<' if order.descending else '>'} ?"
    if order.column in NULLABLE:
        text = f"({text} OR {order.column} IS NULL)"
    return Condition(text, (value,))
