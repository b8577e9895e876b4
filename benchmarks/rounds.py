"""Interleaved rounds: what is compared runs in turn, A B, B A, A B, so that a machine that drifts drifts for both.

A figure is the median of its rounds, with the smallest and the largest. A ratio is taken within each round, between two
measurements that were seconds apart, and only then is the median taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from statistics import median
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Spread(NamedTuple):
    """The median of some rounds, the smallest and the largest."""

    median: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """``1.50 (1.20–1.90)``"""
        middle, low, high = (f"{value:,.{digits}f}" for value in self)
        return f"{middle} ({low}–{high})"


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value. Raises ValueError for none."""
    if not values:
        raise ValueError("no round was measured")
    return Spread(median(values), min(values), max(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """``above`` over ``below``, round by round. Raises ValueError when the two differ in length."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least ``percent`` of the values do not exceed. Raises ValueError for none."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def interleaved(count: int, sides: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Measure every side ``count`` times, in turn, every second round in the other order."""
    measured: dict[str, list[T]] = {name: [] for name in sides}
    for number in range(count):
        names = list(sides) if number % 2 == 0 else list(sides)[::-1]
        for name in names:
            measured[name].append(sides[name]())
    return measured
