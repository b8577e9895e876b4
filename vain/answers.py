"""What a client is given by a server: the answers of the routes that have no type of their own elsewhere."""

from __future__ import annotations

import math
from array import array
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from vain.clock import utc
from vain.history import Columns

Moment = float | str | datetime
"""Negative seconds before now, Unix seconds, an RFC 3339 time, or a datetime with a time zone."""
Statistic = Literal["mean", "min", "max"]
Values = list[float | None]


class SeriesValues(Struct, frozen=True):
    """One series of a history: for each time the mean, least and largest value; None where nothing is known."""

    mean: Values
    min: Values
    max: Values


class QualitySpan(Struct, frozen=True, rename={"begin": "from", "end": "to"}):
    """Why values are missing or doubtful from one moment to another (Unix seconds); ``series`` None: all of them."""

    cause: str
    begin: float
    end: float
    series: str | None = None


class MetricSpan(Struct, frozen=True):
    """The metrics between two moments (Unix seconds). ``t`` in Unix seconds, ``step`` in seconds.

    ``tier`` is the stored resolution that the points came from: ``raw``, ``1m`` or ``1h``.
    """

    t: list[float]
    series: dict[str, SeriesValues]
    tier: str = "raw"
    step: float | None = None
    quality: list[QualitySpan] = []
    after: float | None = None
    before: float | None = None

    def columns(self, statistic: Statistic = "mean") -> Columns:
        """One statistic of each series as ``Columns``: arrays of equal length, NaN where nothing is known."""
        values = {name: _array(getattr(series, statistic)) for name, series in self.series.items()}
        return Columns(len(self.t), array("d", self.t), values)


class MetricHistory(MetricSpan, frozen=True):
    """The answer of ``GET /performance/history``; ``labels`` is what is known of a series (``{"core": "3"}``),
    ``baseline`` the window that it is compared with, if one was asked for, ``extent`` when the oldest and the newest
    sample of all were taken (Unix seconds)."""

    labels: dict[str, dict[str, str]] = {}
    baseline: MetricSpan | None = None
    extent: tuple[float, float] | None = None


class Imported(Struct, frozen=True):
    """What an import brought: how many rows, of how many series."""

    rows: int
    series: int


def written(moment: Moment | None) -> str | None:
    """A moment as the server reads it. Raises ValueError for a datetime without a time zone."""
    if moment is None or isinstance(moment, str):
        return moment
    if isinstance(moment, datetime):
        return _canonical(moment)
    return f"{moment:.3f}" if moment < 0 else utc(moment)


def _canonical(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: datetime.now(UTC) would be right")
    return utc(moment.astimezone(UTC).timestamp())


def _array(values: Values) -> array[float]:
    return array("d", [math.nan if value is None else value for value in values])
