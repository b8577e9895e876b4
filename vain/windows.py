"""Stretches of time cut into the hours, days or weeks of a time zone.

The edges of the buckets are local: a day begins at local midnight and has 23 or 25 hours when the clocks change, a week
begins on Monday. An hour is always 3600 s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from math import floor
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from vain.clock import unix, utc
from vain.codec import parse_time
from vain.errors import Flaw, Invalid, Malformed
from vain.types import Time

Interval = Literal["hour", "day", "week"]

LENGTH_SECONDS: dict[Interval, int] = {"hour": 3_600, "day": 86_400, "week": 604_800}
"""Nominal: a local day may be an hour shorter or longer."""
MOST_BUCKETS = 2_000

_DEFAULT_SECONDS: dict[Interval, int] = {"hour": 86_400, "day": 30 * 86_400, "week": 26 * 604_800}
_FEW_BUCKETS = 200
"""With no interval given, the shortest is taken that cuts the window into no more than these."""
_UNIX = re.compile(r"\d{1,12}(\.\d{1,9})?", re.ASCII)
_LATEST_SECONDS = 253_370_764_800.0
"""The year 9999, where calendars end: a year of room for the edge after it."""


class Window(Struct, frozen=True):
    """From ``after`` (included) to ``before`` (not included): both are edges of buckets, so every bucket is whole."""

    after: Time
    before: Time
    interval: Interval
    timezone: str


def window_of(after: str | None, before: str | None, interval: str | None, timezone: str | None, now: float) -> Window:
    """The window that query parameters ask for, widened to whole buckets.

    ``after`` and ``before`` are RFC 3339 times or negative seconds before ``now`` (Unix seconds). Not given: until now,
    by hour, in UTC, for the last 24 hours (by day 30 days, by week 26 weeks); a given ``after`` suggests the interval.
    Raises Malformed that names the parameter, also for more than ``MOST_BUCKETS`` buckets.
    """
    zone = _zone("UTC" if timezone is None else timezone)
    end = now if before is None else seconds_of(before, now, "before")
    chosen = None if interval is None else _interval(interval)
    if after is None:
        chosen = chosen or "hour"
        start = end - _DEFAULT_SECONDS[chosen]
    else:
        start = seconds_of(after, now, "after")
    if not start < end:
        raise _malformed("after", "'after' must be earlier than 'before'.")
    chosen = chosen or _fitting(end - start)
    if (end - start) / LENGTH_SECONDS[chosen] > MOST_BUCKETS - 2:
        raise _malformed("interval", f"The window has more than {MOST_BUCKETS} {chosen}s: choose a longer interval.")
    edges = list(_edges(_bucket_start(start, chosen, zone), end, chosen, zone))
    return Window(utc(edges[0]), utc(edges[-1]), chosen, timezone or "UTC")


def edges_of(window: Window) -> list[float]:
    """The edges of its buckets as Unix seconds, ascending: one more than there are buckets."""
    return list(_edges(unix(window.after), unix(window.before), window.interval, _zone(window.timezone)))


def edges_before(now: float, interval: Interval, timezone: str, most: int) -> list[float]:
    """The edges of the last ``most`` buckets that are over at ``now``, ascending: one more than there are buckets."""
    zone = _zone(timezone)
    start = max(0.0, now - (most + 2) * LENGTH_SECONDS[interval])
    edges = list(_edges(_bucket_start(start, interval, zone), now, interval, zone))
    return [edge for edge in edges if edge <= now][-most - 1 :]


def seconds_of(text: str, now: float, parameter: str) -> float:
    """A time, Unix seconds, or negative seconds before ``now``, as Unix seconds.

    Raises Malformed that names the parameter.
    """
    try:
        if text.startswith("-"):
            seconds = now + float(text)
        else:
            seconds = float(text) if _UNIX.fullmatch(text) else unix(parse_time(text))
    except (ValueError, Invalid):
        seconds = -1.0
    # Written so that NaN, which compares with nothing, is refused as well.
    if not 0 <= seconds <= _LATEST_SECONDS:
        example = "a time such as 2026-11-23T09:30:00Z, Unix seconds, or negative seconds before now such as -3600"
        raise _malformed(parameter, f"'{parameter}' is {example}.")
    return seconds


def _edges(start: float, end: float, interval: Interval, zone: tzinfo) -> Iterator[float]:
    edge = start
    while edge < end:
        yield edge
        edge = _next_edge(edge, interval, zone)
    yield edge


def _bucket_start(seconds: float, interval: Interval, zone: tzinfo) -> float:
    local = datetime.fromtimestamp(floor(seconds), zone)
    if interval == "hour":
        return float(floor(seconds) - local.minute * 60 - local.second)
    return _midnight(local, -local.weekday() if interval == "week" else 0)


def _next_edge(edge: float, interval: Interval, zone: tzinfo) -> float:
    if interval == "hour":
        return edge + 3_600
    local = datetime.fromtimestamp(edge, zone)
    return _midnight(local, 1 if interval == "day" else 7 - local.weekday())


def _midnight(local: datetime, days_later: int) -> float:
    """The first moment of a local day. Where the clocks skip midnight, that is the moment of the change."""
    day = local.date() + timedelta(days=days_later)
    return datetime(day.year, day.month, day.day, tzinfo=local.tzinfo).timestamp()


def _fitting(span_seconds: float) -> Interval:
    for interval, length in LENGTH_SECONDS.items():
        if span_seconds / length <= _FEW_BUCKETS:
            return interval
    return "week"


def _interval(text: str) -> Interval:
    if text not in LENGTH_SECONDS:
        raise _malformed("interval", f"'interval' is one of {', '.join(LENGTH_SECONDS)}.")
    return text


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC  # needs no time zone database
    try:
        return ZoneInfo(name)
    # KeyError: unknown; ValueError: not a name; OSError: a folder of the database, such as "Europe".
    except (KeyError, ValueError, OSError):
        raise _malformed("timezone", "'timezone' is an IANA name such as Europe/Berlin.") from None


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(detail, [Flaw(detail, parameter=parameter)])
