"""When a metric will reach a value, by a trend that outliers do not bend: the median of all slopes (Theil-Sen). Pure.

H. Theil, A rank-invariant method of linear and polynomial regression analysis, 1950; P. K. Sen, Estimates of the
regression coefficient based on Kendall's tau, Journal of the American Statistical Association 63, 1968. Up to 29 % of
the points may be anything.
"""

from __future__ import annotations

from collections import deque
from math import inf
from statistics import median

POINTS = 60
LEAST_STEP_SECONDS = 60.0
LEAST_SPAN_SECONDS = 300.0
LEAST_SHARE = 0.25
"""Of ``over``: so much of it must be known before anything is said."""


class Trend:
    """One series: a point each minute at most, ``POINTS`` of them, over the last ``over_seconds``."""

    def __init__(self, reaches: float, over_seconds: float) -> None:
        self._reaches, self._over = reaches, over_seconds
        self._step = max(LEAST_STEP_SECONDS, over_seconds / POINTS)
        self._points: deque[tuple[float, float]] = deque()
        self._reached_at: float | None = None
        self.is_known = False

    def take(self, value: float, t: float) -> float | None:
        """The seconds until it is there; infinite if it does not go there, None while too little is known."""
        points = self._points
        if points and t < points[-1][0]:
            points.clear()
        if not points or t - points[-1][0] >= self._step:
            points.append((t, value))
            while points[0][0] < t - self._over:
                points.popleft()
            self._work_out(t)
        if not self.is_known:
            return None
        return inf if self._reached_at is None else max(0.0, self._reached_at - t)

    @property
    def rests_until(self) -> float:
        """Until then ``take`` says the same of any value: nothing is known, or it does not go there."""
        points = self._points
        is_open = not points or (self.is_known and self._reached_at is not None)
        return -inf if is_open else points[-1][0] + self._step

    def _work_out(self, t: float) -> None:
        points = self._points
        self.is_known = points[-1][0] - points[0][0] >= max(LEAST_SPAN_SECONDS, LEAST_SHARE * self._over)
        if not self.is_known:
            return
        slope = theil_sen(list(points))
        now = median(value + slope * (t - at) for at, value in points)
        missing = self._reaches - now
        began_below = median(value - slope * (at - points[0][0]) for at, value in points) < self._reaches
        self._reached_at = None
        if missing == 0 or (slope and (missing < 0) == began_below):
            self._reached_at = t  # it is there, or has gone past it within these points
        elif slope and missing / slope > 0:
            self._reached_at = t + missing / slope


def theil_sen(points: list[tuple[float, float]]) -> float:
    """The median of the slopes between all pairs of points; times must differ. 0 for fewer than two."""
    slopes = [
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for index, earlier in enumerate(points)
        for later in points[index + 1 :]
    ]
    return median(slopes) if slopes else 0.0
