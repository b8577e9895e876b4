"""Percent as everybody reads them: one decimal, never outside of 0 to 100, unknown of nothing."""

from __future__ import annotations


def percent(part: float | None, whole: float | None) -> float | None:
    """``part`` of ``whole``; None if either is unknown or the whole is nothing."""
    if part is None or not whole or whole < 0:
        return None
    return round(min(100.0, max(0.0, 100.0 * part / whole)), 1)
