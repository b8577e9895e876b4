"""The three clocks, so that everything above can be given others in tests."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

Clock = Callable[[], float]
"""Seconds: ``time.time`` for the time of day, ``time.monotonic`` for durations."""


def utc(seconds: float) -> str:
    """Unix seconds as vAIn's canonical time: RFC 3339, UTC, milliseconds, ``Z``."""
    whole, milliseconds = divmod(round(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def unix(text: str) -> float:
    """A canonical time as Unix seconds."""
    return datetime.fromisoformat(text).timestamp()


def now() -> str:
    """The time of day in canonical form."""
    return utc(time.time())
