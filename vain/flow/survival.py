"""How long things take, told from those that have ended and from those that have not yet.

To leave out what is unfinished makes everything look quicker than it is: the long ones are those that are missing. The
estimate of Kaplan and Meier (1958) counts them for as long as they have lasted. Pure; needs numpy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

FEWEST_AT_RISK = 5
_ROUNDING = 1e-9
"""A product of fractions misses 0.15 by a last bit."""


class Observed(NamedTuple):
    """Lives, one of each column: followed from the age ``entry`` to the age ``exit``, and whether it ended then.

    ``entry`` is 0 for what was there from its beginning; what entered later says nothing of younger ages.
    """

    entry: Floats
    exit: Floats
    ended: Mask


class Survival(NamedTuple):
    """The share ``survival[i]`` lasts longer than ``age[i]``; ages ascend, and the share falls at each of them."""

    age: Floats
    at_risk: Integers
    deaths: Integers
    survival: Floats

    def percentile(self, percent: int) -> float | None:
        """The smallest age by which ``percent`` of all have ended; None if so many have not been seen to."""
        reached = np.flatnonzero(self.survival <= 1 - percent / 100 + _ROUNDING)
        return float(self.age[reached[0]]) if len(reached) else None


def kaplan_meier(lives: Observed) -> Survival:
    """``S(t) = Π (1 - d/n)`` over the ages up to ``t`` at which ``d`` of the ``n`` at risk ended.

    At risk at an age are those that entered by then and were not gone before; one that is gone at the very age is still
    at risk. An age with fewer than ``FEWEST_AT_RISK`` at risk counts for nothing while others are still to enter
    at a later one: a single early end would otherwise say that everything ends early (Lai and Ying 1991, who leave out
    the same ages). Without late entries this is the textbook's estimate, and without censoring the nearest rank.
    """
    age, deaths = np.unique(lives.exit[lives.ended], return_counts=True)
    entered = np.searchsorted(np.sort(lives.entry), age, side="right")
    at_risk = entered - np.searchsorted(np.sort(lives.exit), age, side="left")
    says = (at_risk >= FEWEST_AT_RISK) | (entered == len(lives.entry))
    factors = np.where(says, 1 - deaths / at_risk, 1.0)
    return Survival(age, at_risk, deaths, np.cumprod(factors, dtype=np.float64))


def nearest_rank(ascending: Sequence[float] | Floats | Integers, percent: int) -> float | None:
    """The smallest value that at least ``percent`` of all do not exceed; None if there is none."""
    if not len(ascending):
        return None
    return float(ascending[-(-percent * len(ascending) // 100) - 1])
