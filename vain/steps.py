"""How much time one point of a chart stands for, and which of the stored resolutions gives it.

Steps are whole units of the clock, and buckets are multiples of their step since 1970: a window that slides keeps its
buckets, so a chart that is read again does not change its shape.
"""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

Tier = Literal["raw", "1m", "1h"]
TIERS: tuple[Tier, ...] = ("raw", "1m", "1h")
"""From the finest: every sample, then roll-ups with mean, min, max and count of each minute and each hour."""
TIER_SECONDS: dict[Tier, int] = {"raw": 0, "1m": 60, "1h": 3_600}

_UNITS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1_200, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400)
STEPS_SECONDS: tuple[float, ...] = (0.1, 0.2, 0.5, *map(float, _UNITS))
FEWEST_PERIODS = 1.25
"""A bucket hardly longer than the period would now and then miss a sample by jitter, and show a gap that is none."""


def step_for(after: float, before: float, points: int, period_seconds: float = 0.0) -> float:
    """The shortest step with which no more than ``points`` buckets touch the window (Unix seconds), in seconds.

    It is at least ``FEWEST_PERIODS`` of the data's own period. Beyond a day: whole days, by doubling.
    """
    step_seconds = next((step for step in STEPS_SECONDS if _fits(after, before, points, step, period_seconds)), None)
    if step_seconds is None:
        step_seconds = STEPS_SECONDS[-1]
        while not _fits(after, before, points, step_seconds, period_seconds):
            step_seconds *= 2
    return step_seconds


def bucket_count(after: float, before: float, step_seconds: float) -> int:
    """How many buckets the window touches: those that hold a moment t with ``after <= t < before``."""
    return max(1, ceil(round(before / step_seconds, 9)) - floor(round(after / step_seconds, 9)))


def tier_for(step_seconds: float) -> Tier:
    """The coarsest tier of which a whole number of rows makes one bucket."""
    for tier in reversed(TIERS[1:]):
        if step_seconds % TIER_SECONDS[tier] == 0:
            return tier
    return "raw"


def _fits(after: float, before: float, points: int, step_seconds: float, period_seconds: float) -> bool:
    if step_seconds < FEWEST_PERIODS * period_seconds:
        return False
    return bucket_count(after, before, step_seconds) <= points
