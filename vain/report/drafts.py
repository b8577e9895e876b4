"""What may go over the wire: fields that a job gave, brought into the form and the size that the server takes.

A job must not fail, and must not lose its report, because a name is too long or a loss is NaN: what is too long is
clipped, and what has no form on the wire is left out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from traceback import format_exception
from typing import Any

from vain.clock import utc

LONGEST_NAME, LONGEST_LINE, LONGEST_TEXT, LONGEST_LABEL = 200, 500, 10_000, 64
LONGEST_VALUE, LONGEST_TRACEBACK = 2_000, 64_000
MOST_TAGS, MOST_METADATA = 32, 50
LARGEST_NUMBER = 2**53 - 1
PRIORITIES = ("low", "medium", "high")
OUTCOMES = ("succeeded", "failed", "cancelled", "timed-out", "crashed", "skipped")


def text(value: object, longest: int) -> str:
    """As text of at most ``longest`` characters, without the halves of surrogate pairs, which UTF-8 cannot say."""
    clipped = str(value)[:longest]
    return clipped if clipped.isascii() else clipped.encode("utf-8", "replace").decode()


def number(value: Any, least: float = 0.0, most: float = LARGEST_NUMBER) -> float | int | None:
    """A number within its bounds; None for what is none, NaN and infinity among it. numpy's count as numbers."""
    try:
        plain = value if type(value) is int else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if type(plain) is float and not math.isfinite(plain):
        return None
    return max(least, min(most, plain))


def metadata(values: Mapping[str, Any]) -> dict[str, object]:
    """Labels with texts, numbers and booleans; any other value as its text."""
    labels = [name for name in values if str(name)][:MOST_METADATA]
    plain = {text(name, LONGEST_LABEL): _formed(_plain, values[name]) for name in labels}
    return {label: value for label, value in plain.items() if value is not None}


def error(exc: BaseException) -> dict[str, object]:
    """An exception with its traceback, whose end is kept: there stands what happened."""
    return error_fields(
        {
            "type": type(exc).__qualname__,
            "message": _said(exc),
            "traceback": "".join(format_exception(exc)),
        }
    )


def error_fields(given: Mapping[str, Any]) -> dict[str, object]:
    """``{"type", "message", "traceback"}`` within their sizes."""
    traceback = given.get("traceback")
    return {
        "type": text(given.get("type") or "Error", LONGEST_NAME),
        "message": text(given.get("message") or "", LONGEST_VALUE),
        "traceback": None if traceback is None else text(str(traceback)[-LONGEST_TRACEBACK:], LONGEST_TRACEBACK),
    }


def fields(given: Mapping[str, Any]) -> dict[str, object]:
    """The fields of a draft or a patch that can be said; None, unknown and unusable ones are left out."""
    said = {name: _formed(_FORMS[name], value) for name, value in given.items() if name in _FORMS}
    return {name: value for name, value in said.items() if value is not None}


def _formed(form: Callable[[Any], object], value: object) -> object:
    """The value in its form; None if that fails: a job's own objects may do anything when they are turned into text."""
    try:
        return None if value is None else form(value)
    except Exception:  # noqa: BLE001
        return None


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        # What the wire cannot say exactly is told as text, digit for digit.
        return int(value) if abs(value) <= LARGEST_NUMBER else text(value, LONGEST_VALUE)
    if isinstance(value, str):
        return text(value, LONGEST_VALUE)
    if isinstance(value, float) or hasattr(value, "__float__"):
        plain = number(value, -math.inf, math.inf)
        return text(value, LONGEST_VALUE) if plain is None else plain
    return text(value, LONGEST_VALUE)


def _said(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:  # noqa: BLE001  # an exception of the job's own, whose __str__ may do anything
        return ""


def _tags(given: Iterable[object]) -> list[str] | None:
    several = [given] if isinstance(given, str) else list(given)
    tags = [text(tag, LONGEST_LABEL) for tag in several[:MOST_TAGS] if str(tag)]
    return list(dict.fromkeys(tags)) or None


def _one_of(words: tuple[str, ...]) -> Callable[[object], str | None]:
    return lambda value: str(value) if str(value) in words else None


def _time(value: Any) -> str:
    """RFC 3339; a datetime without a zone is local time."""
    return utc(value.timestamp()) if hasattr(value, "timestamp") else str(value)


def _whole(value: Any) -> int | None:
    known = number(value, -LARGEST_NUMBER)
    return None if known is None else int(known)


def _task_id(value: Any) -> int | None:
    known = _whole(value)
    return known if known is not None and known > 0 else None


def _above_zero(value: Any) -> float | None:
    known = number(value)
    return known or None


_FORMS: dict[str, Callable[[Any], object]] = {
    "name": lambda value: text(value, LONGEST_NAME).strip() or None,
    "status": _one_of(("pending", "in-progress", "completed")),
    "priority": _one_of(PRIORITIES),
    "outcome": _one_of(OUTCOMES),
    "description": lambda value: text(value, LONGEST_TEXT),
    "message": lambda value: text(value, LONGEST_LINE),
    "tags": _tags,
    "progress": lambda value: number(value, 0.0, 100.0),
    "current": number,
    "total": number,
    "unit": lambda value: text(value, LONGEST_LABEL) or None,
    "key": lambda value: text(value, LONGEST_LABEL) or None,
    "exit_code": _whole,
    "expect_next_in": _above_zero,
    "due_at": _time,
    "parent_id": _task_id,
    "metadata": metadata,
    "error": error_fields,
    "source": dict,
    "usage": dict,
}
