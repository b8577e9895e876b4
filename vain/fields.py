"""What a person types for a field of a task, as the value that goes over the wire."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import get_args

import msgspec

from vain.clock import utc
from vain.codec import convert
from vain.errors import Invalid, Misconfigured
from vain.types import CLIENT_FIELDS, OUTCOMES, PRIORITIES, STATUSES, TaskPatch

UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)(?P<unit>[smhdw])", re.ASCII)
_CHOICES: dict[str, tuple[str, ...]] = {"status": STATUSES, "priority": PRIORITIES, "outcome": OUTCOMES}
_AS_JSON = ("error", "metadata", "source")
_NULLABLE = frozenset(f.name for f in msgspec.structs.fields(TaskPatch) if NoneType in get_args(f.type))


def assigned(assignments: Iterable[str], now: float) -> dict[str, object]:
    """``["status=completed", "due_at=+2h"]`` as fields with their values; ``field=`` alone takes a value away.

    ``now`` in Unix seconds. Raises Misconfigured for a field that there is not, or a value that it cannot have.
    """
    given = dict(_split(text) for text in assignments)
    return checked({field: _value(field, text, now) for field, text in given.items()})


def checked(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields, with text turned into the numbers that their types ask for. Raises Misconfigured as above."""
    try:
        patch = convert(TaskPatch, fields)
    except Invalid as exc:
        raise Misconfigured(exc.detail) from None
    encoded: dict[str, object] = msgspec.to_builtins(patch)
    return encoded


def due_time(text: str, now: float) -> str:
    """``+90m``, ``2026-12-01``, ``2026-12-01 18:00`` (local time) or any RFC 3339 time, as a canonical time.

    Raises Misconfigured.
    """
    if text.startswith("+"):
        return utc(now + duration_seconds(text[1:]))
    try:
        moment = datetime.fromisoformat(text)
        return utc(moment.astimezone(UTC).timestamp())
    except (ValueError, OverflowError, OSError):
        right = "+2h, 2026-12-01, '2026-12-01 18:00' (local time) or 2026-12-01T18:00:00Z"
        raise Misconfigured(f"{text!r} is not a time: {right} would be right.") from None


def duration_seconds(text: str) -> float:
    """``90s``, ``45m``, ``2h``, ``30d``, ``1w`` as seconds. Raises Misconfigured."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Misconfigured(f"{text!r} is not a length of time: 90s, 45m, 2h, 30d or 1w would be right.")
    return float(match["number"]) * UNIT_SECONDS[match["unit"]]


def _split(assignment: str) -> tuple[str, str]:
    field, equals, text = assignment.partition("=")
    if not equals:
        raise Misconfigured(f"{assignment!r} sets nothing: FIELD=VALUE, such as status=completed, would be right.")
    if field not in CLIENT_FIELDS:
        raise Misconfigured(f"There is no field {field!r} to set: {', '.join(CLIENT_FIELDS)} would be right.")
    return field, text


def _value(field: str, text: str, now: float) -> object:
    if field == "tags":
        return [tag.strip() for tag in text.split(",") if tag.strip()]
    if text == "" and field in _NULLABLE:
        return None
    if field == "due_at":
        return due_time(text, now)
    if field not in _AS_JSON:
        return text
    try:
        value: object = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        raise Misconfigured(f"{field} is not JSON: {field}='{{\"name\": 1}}' would be right.") from None
    return value
