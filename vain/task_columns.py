"""Tasks and their changes as rows of a table: which columns there are, of which kind, and what stands in them.

A field that has parts becomes a column for each part, ``resources.cpu_seconds``. The columns follow from the types, so
that a new field is in every table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from msgspec import Struct, inspect

from vain.codec import encode
from vain.flow.figures import Cell
from vain.messages import TaskUpdate
from vain.types import Task

Kind = Literal["text", "whole", "number", "flag", "time", "texts", "json"]

_TIMES = frozenset({"eta.at", "eta.low", "eta.high", "resources.since", "timestamp"})
"""Columns of times, beside those whose name ends so:"""
_TIME_END = "_at"
_KINDS: dict[type, Kind] = {
    inspect.IntType: "whole",
    inspect.FloatType: "number",
    inspect.BoolType: "flag",
    inspect.StrType: "text",
    inspect.LiteralType: "text",
    inspect.ListType: "texts",
    inspect.DictType: "json",
}


_EVENT_FIELDS = ("seq", "timestamp", "action", "changed", "previous_status")


class Column(NamedTuple):
    """One column: its name, the field that it belongs to, of which kind its values are, and how they are found."""

    name: str
    field: str
    kind: Kind
    value: Callable[[Any], Any]
    """The value in a task, None where it is unknown."""


@lru_cache(64)
def task_columns(fields: tuple[str, ...] | None = None) -> tuple[Column, ...]:
    """The columns of these fields, in their order; without ``fields`` all."""
    known = tuple(_columns(Task, Task.__struct_fields__))
    if fields is None:
        return known
    return tuple(column for field in fields for column in known if column.field == field)


@cache
def event_columns() -> tuple[Column, ...]:
    """The columns of a task's changes: first when and what, then the task as it was after it."""
    return (*_columns(TaskUpdate, _EVENT_FIELDS), *task_columns())


def header(columns: Sequence[Column]) -> list[Cell]:
    """The first row of a CSV."""
    return [column.name for column in columns]


def cells(columns: Sequence[Column], task: Task) -> list[Cell]:
    """One task as a row of a CSV: lists and objects as JSON, true and false in these words."""
    return [_cell(column.value(task)) for column in columns]


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    return encode(value).decode() if isinstance(value, list | dict) else value


def _columns(type_: type[Struct], names: Sequence[str]) -> Iterator[Column]:
    described = inspect.type_info(type_)
    assert isinstance(described, inspect.StructType)  # noqa: S101  (for the type checker)
    known = {field.name: field for field in described.fields}
    for field in map(known.__getitem__, names):
        inner = _known(field.type)
        if isinstance(inner, inspect.StructType):
            yield from (_part(field.name, part) for part in inner.fields)
        else:
            yield Column(field.name, field.name, _kind(field.name, inner), attrgetter(field.name))


def _part(field: str, part: inspect.Field) -> Column:
    name, get, get_part = f"{field}.{part.name}", attrgetter(field), attrgetter(part.name)

    def value(task: Any) -> Any:
        whole = get(task)
        return None if whole is None else get_part(whole)

    return Column(name, field, _kind(name, _known(part.type)), value)


def _kind(name: str, described: inspect.Type) -> Kind:
    kind = _KINDS[type(described)]
    return "time" if kind == "text" and (name in _TIMES or name.endswith(_TIME_END)) else kind


def _known(described: inspect.Type) -> inspect.Type:
    """The type of what is known: without the null."""
    if isinstance(described, inspect.Metadata):
        return _known(described.type)
    if isinstance(described, inspect.UnionType):
        return next(_known(each) for each in described.types if not isinstance(each, inspect.NoneType))
    return described
