"""``/performance`` and ``/performance/history``."""

from __future__ import annotations

import asyncio
import re
import time
from fnmatch import fnmatchcase
from math import isnan

from msgspec import Struct

from vain.codec import encode
from vain.errors import Flaw, Invalid, Malformed, Unavailable
from vain.history import History, reduced
from vain.web.http import Request, Response, whole_number
from vain.web.services import Services
from vain.windows import seconds_of

DEFAULT_SECONDS = 600.0
MOST_POINTS = 10_000
MOST_PATTERNS = 200
LONGEST_PATTERN = 200


class Bands(Struct, frozen=True):
    """One series: for each time the mean, the least and the largest value; None where nothing is known."""

    mean: list[float | None]
    min: list[float | None]
    max: list[float | None]


class HistoryAnswer(Struct, frozen=True):
    """``t`` in Unix seconds, ``step`` in seconds."""

    t: list[float]
    series: dict[str, Bands]
    tier: str
    step: float | None
    quality: dict[str, list[float]]
    """``gap``: the times at which nothing at all is known."""


def show(services: Services, request: Request) -> Response:
    """The newest sample."""
    request.parameters()
    sample = services.monitor.latest
    if sample is None:
        raise Unavailable("The first sample is being taken.")
    return Response(services.sample_json(sample))


async def history(services: Services, request: Request) -> Response:
    """The metrics of a window, from the samples that are kept in memory."""
    parameters = request.parameters("after", "before", "points", "metrics")
    now = time.time()
    before = seconds_of(parameters["before"], now, "before") if "before" in parameters else now
    after = seconds_of(parameters["after"], now, "after") if "after" in parameters else before - DEFAULT_SECONDS
    if not after < before:
        raise _malformed("after", "It must be earlier than 'before'.")
    points = whole_number(parameters, "points", 0, 1, MOST_POINTS) if "points" in parameters else None
    names = _matching(services.monitor.history, parameters.get("metrics"))
    body = await asyncio.to_thread(_history, services.monitor.history, after, before, names, points)
    return Response(body)


def _matching(history: History, patterns: str | None) -> list[str]:
    """The series that match one of the names or patterns (``cpu.*``), in the order of the history."""
    names = history.names()
    if patterns is None:
        return names
    wanted = [pattern for pattern in patterns.split(",") if pattern]
    if not 0 < len(wanted) <= MOST_PATTERNS or max(map(len, wanted)) > LONGEST_PATTERN:
        detail = f"1 to {MOST_PATTERNS} names or patterns of at most {LONGEST_PATTERN} characters are expected."
        raise _malformed("metrics", detail)
    chosen = [name for name in names if any(_fits(name, pattern) for pattern in wanted)]
    for pattern in wanted:
        if not re.search(r"[*?\[]", pattern) and not any(_fits(name, pattern) for name in names):
            detail = f"There is no metric {pattern[:100]!r}."
            raise Invalid(f"metrics: {detail}", [Flaw(detail, parameter="metrics")])
    return chosen


def _fits(name: str, pattern: str) -> bool:
    """A metric's name stands for all its instances: ``disk.percent`` for ``disk.percent:/home``."""
    return name.partition(":")[0] == pattern or fnmatchcase(name, pattern)


def _history(history: History, after: float, before: float, names: list[str], points: int | None) -> bytes:
    columns = history.window(after, before, names)
    result = reduced(columns, points or len(columns.t) * 2 + 1)
    gaps = [t for row, t in enumerate(result.t) if all(isnan(band.mean[row]) for band in result.series.values())]
    answer = HistoryAnswer(
        t=[round(t, 3) for t in result.t],
        series={name: Bands(list(band.mean), list(band.min), list(band.max)) for name, band in result.series.items()},
        tier="raw",
        step=result.step or None,
        quality={"gap": gaps},
    )
    return encode(answer)  # NaN becomes null


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
