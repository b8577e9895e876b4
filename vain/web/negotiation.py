"""In which form an answer is given: as ``format`` says, else as the ``Accept`` header does (RFC 9110, 12.5.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from vain.errors import Flaw, Malformed, NotAcceptable

LONGEST_ACCEPT = 2_000
VARIES = {"Vary": "Accept"}
"""On every answer whose form is chosen here."""


class _Range(NamedTuple):
    """A range of media types, ``text/*``, and how welcome they are, 0 to 1."""

    type: str
    subtype: str
    quality: float

    def covers(self, media_type: str) -> bool:
        kind, _, subtype = media_type.partition("/")
        return self.type in ("*", kind) and self.subtype in ("*", subtype)

    @property
    def precision(self) -> int:
        return (self.type != "*") + (self.subtype != "*")


def chosen(format: str | None, accept: str | None, offers: Mapping[str, str]) -> str:  # noqa: A002
    """The name of the form to answer in. ``offers`` has the media type of each, the one that is usual first.

    Raises Malformed that names ``format``, and NotAcceptable when ``Accept`` takes none of them.
    """
    if format is not None:
        if format not in offers:
            detail = f"One of {', '.join(offers)} is expected."
            raise Malformed(f"format: {detail}", [Flaw(detail, parameter="format")])
        return format
    if accept is None or not accept.strip():
        return next(iter(offers))
    ranges = _ranges(accept[:LONGEST_ACCEPT])
    qualities = {name: _quality(media_type.partition(";")[0].strip(), ranges) for name, media_type in offers.items()}
    # Of those that are as welcome, the first.
    best = max(qualities, key=lambda name: qualities[name])
    if not qualities[best]:
        raise NotAcceptable(f"It is to be had as {', '.join(offers)}: in Accept, or as ?format=.")
    return best


def _quality(media_type: str, ranges: Iterable[_Range]) -> float:
    """What the most precise range that covers it says."""
    covering = [each for each in ranges if each.covers(media_type)]
    return max(covering, key=lambda each: each.precision).quality if covering else 0.0


@lru_cache(128)
def _ranges(accept: str) -> tuple[_Range, ...]:
    return tuple(found for part in accept.lower().split(",") if (found := _range(part)) is not None)


def _range(text: str) -> _Range | None:
    media_range, *parameters = (part.strip() for part in text.split(";"))
    kind, slash, subtype = media_range.partition("/")
    if not (kind and slash and subtype):
        return None
    named = dict(_pair(parameter) for parameter in parameters)
    return _Range(kind, subtype, _number(named.get("q", "1")))


def _pair(parameter: str) -> tuple[str, str]:
    name, _, value = parameter.partition("=")
    return name.strip(), value.strip()


def _number(text: str) -> float:
    """A quality; what is none is not welcome."""
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0 <= quality <= 1 else 0.0
