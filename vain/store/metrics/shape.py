"""What samples with the same series have in common: the names, and how each value is rounded before it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import inf
from typing import Final

import numpy as np

from vain.catalog import RATE_DIGITS, decimals_of, largest_with_decimals, metric_of

MOST_SHAPES: Final = 4_096
"""That are remembered: a machine has one, and another one when a disk or an interface comes or goes."""


class Shape:
    """``names`` is one tuple for all samples that have these series."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        metrics = [metric_of(name) for name in names]
        self._factors = np.power(10.0, [0 if each is None else decimals_of(each) for each in metrics])
        self._large = np.array([inf if each is None else largest_with_decimals(each) for each in metrics])
        self._as_is = np.flatnonzero([each is None for each in metrics])

    def packed(self, values: Sequence[float | None]) -> bytes:
        """The values as doubles, each as ``vain.catalog.stored`` rounds it (of two that are as near it may be
        the other); NaN for what is unknown."""
        given = np.array(values, np.float64)
        rounded = np.rint(given * self._factors) / self._factors
        large = np.abs(given) >= self._large
        if large.any():
            for place in np.flatnonzero(large).tolist():
                rounded[place] = float(f"{given[place]:.{RATE_DIGITS}g}")
        if len(self._as_is):
            rounded[self._as_is] = given[self._as_is]
        packed: bytes = (rounded + 0.0).tobytes()  # turns -0.0 into 0.0
        return packed


shape_of = lru_cache(MOST_SHAPES)(Shape)
"""The shape of these names."""
