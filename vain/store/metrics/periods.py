"""How time is cut into chunks, and how a chunk is numbered."""

from __future__ import annotations

from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000
BLOCK_HOURS: Final = 720
"""A chunk of hourly roll-ups holds 30 days."""
BLOCK_MS: Final = BLOCK_HOURS * HOUR_MS
MINUTES_OF_DAY: Final = 1_440

_PERIOD_BITS = 32
_PERIOD_MASK = (1 << _PERIOD_BITS) - 1


def chunk_id(owner: int, period: int) -> int:
    """The id of a series' (or a host's) chunk for a period since 1970."""
    return owner << _PERIOD_BITS | period


def period_of(identifier: int) -> int:
    """The period of a chunk."""
    return identifier & _PERIOD_MASK


def milliseconds(seconds: float) -> int:
    """Unix seconds as whole Unix milliseconds."""
    return round(seconds * SECOND_MS)
