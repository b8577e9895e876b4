"""Which tasks a program asks a server for, in its own words, and as the parameters of ``GET /tasks``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypedDict

from msgspec import Struct

from vain.answers import Moment, written
from vain.codec import convert
from vain.types import Outcome, Priority, Status

_NEXT = re.compile(r'<[^>?]*\?(?P<query>[^>]*)>\s*;\s*rel="?next"?')
_TIMES = ("created_after", "created_before", "completed_after", "completed_before")


class MoreFilters(TypedDict, total=False):
    """What may be asked of tasks besides, and how they are sorted."""

    stale: bool
    overdue: bool
    host: str | Sequence[str] | None
    """The ``host`` of its source, or one of several."""
    created_after: Moment
    """Created then or later; ``before``: earlier."""
    created_before: Moment
    completed_after: Moment
    completed_before: Moment
    sort: str
    """``-priority,created_at``: fields with commas between, ``-`` turns one around; else the oldest come first."""


class TaskFilters(MoreFilters, total=False):
    """What a task has to be, all of it: one of several statuses, priorities or outcomes, with all of several tags."""

    status: Status | Sequence[Status] | None
    priority: Priority | Sequence[Priority] | None
    outcome: Outcome | Sequence[Outcome] | None
    tag: str | Sequence[str] | None
    key: str | None
    parent_id: int | None
    text: str | None
    """Found in the name, the description, the message, the key or a tag."""


class _Choices(Struct, frozen=True):
    status: list[Status] = []
    priority: list[Priority] = []
    outcome: list[Outcome] = []


def parameters(wanted: TaskFilters) -> dict[str, object]:
    """As parameters of the query; a list stands for a parameter that comes several times.

    Raises Invalid for a status, a priority or an outcome that there is not.
    """
    named = {name: _several(wanted.get(name)) for name in _Choices.__struct_fields__}
    convert(_Choices, {name: value for name, value in named.items() if value})
    hosts = _several(wanted.get("host"))
    flags = {name: wanted.get(name) for name in ("stale", "overdue")}
    return {
        **{name: ",".join(words) or None for name, words in named.items()},
        "host": ",".join(hosts) if hosts else None,
        "tag": _several(wanted.get("tag")) or None,
        "key": wanted.get("key"),
        "parent_id": wanted.get("parent_id"),
        "q": wanted.get("text") or None,
        **{name: None if flag is None else str(flag).lower() for name, flag in flags.items()},
        **{name: written(wanted.get(name)) for name in _TIMES},  # type: ignore[arg-type]  # the names of moments
        "sort": wanted.get("sort"),
    }


def next_query(link: str | None) -> str | None:
    """The query of the next page, out of a ``Link`` header (RFC 8288); None: this was the last."""
    found = _NEXT.search(link or "")
    return None if found is None else found["query"]


def _several(value: object) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else [str(each) for each in value]  # type: ignore[attr-defined]
