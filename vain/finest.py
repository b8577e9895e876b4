"""The whole history between two moments, each stretch of it as fine as it is kept, in answers of a bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np

from vain.bands import MetricWindow
from vain.errors import Invalid
from vain.steps import TIER_SECONDS

HOUR, DAY, BLOCK = 3_600, 86_400, 30 * 86_400
SAMPLES_SECONDS = 2 * HOUR
"""As much as is sure to fit into one answer at a sample a second."""
SHORTEST_SECONDS = 60.0
"""A stretch of samples is not cut into shorter ones than this."""
OVERVIEW_POINTS = 200
"""Few enough for 2,000 series at once."""

Read = Callable[[float, float, int | None], MetricWindow]
"""A window from, to (Unix seconds), and of how many points at most; None: as fine as it is given at once."""


def windows(read: Read, after: float, before: float) -> Iterator[MetricWindow]:
    """First an overview with all series that have values, then windows in order of time, each as fine as it is kept."""
    overview = read(after, before, OVERVIEW_POINTS)
    yield overview
    if overview.tier == "raw" and not overview.is_reduced:
        yield overview
        return
    for begin, end in _filled(read, overview, after, before):
        yield from _finest(read, begin, end)


def _filled(read: Read, overview: MetricWindow, after: float, before: float) -> Iterator[tuple[float, float]]:
    """From when to when there is anything, to the hour: years without a sample are not asked for hour by hour."""
    for known_begin, known_end in _known(overview):
        begin, end = max(known_begin, after), min(known_end, before)
        if overview.step_seconds <= HOUR or end - begin <= HOUR:
            yield begin, end
        elif end - begin > (before - after) / 2:
            # Two samples that are years apart look like one stretch; halves of it do not.
            middle = round((begin + end) / 2)
            for first, last in ((begin, middle), (middle, end)):
                yield from _filled(read, read(first, last, OVERVIEW_POINTS), first, last)
        else:
            yield from _filled(read, read(begin, end, OVERVIEW_POINTS), begin, end)


def _known(overview: MetricWindow) -> list[tuple[float, float]]:
    """The stretches of points that have a value."""
    known = np.zeros(len(overview.t), np.bool_)
    for bands in overview.series.values():
        known |= ~np.isnan(bands.mean)
    found: list[tuple[float, float]] = []
    for begin in overview.t[known].tolist():
        end = begin + overview.step_seconds
        if found and found[-1][1] == begin:
            found[-1] = found[-1][0], end
        else:
            found.append((begin, end))
    return found


def _finest(read: Read, begin: float, end: float) -> Iterator[MetricWindow]:
    """Samples where they are kept, else minutes, else hours. What is kept only gets finer with time."""
    at = begin
    while at < end:
        upto = min(_next(at, HOUR), end)
        window = read(at, upto, None)
        if window.tier == "raw":
            yield from _unreduced(read, window, at, upto)
            yield from _samples(read, upto, end)
            return
        length = DAY if window.tier == "1m" else BLOCK
        whole = _next(at, length)
        if whole <= end and read(whole - HOUR, whole, None).tier == window.tier:
            # With very many series that is too much for one answer, and the hour stays what it is.
            with suppress(Invalid):
                window, upto = read(at, whole, length // TIER_SECONDS[window.tier]), whole
        yield window
        at = upto


def _samples(read: Read, begin: float, end: float) -> Iterator[MetricWindow]:
    at = begin
    while at < end:
        upto = min(_next(at, SAMPLES_SECONDS), end)
        yield from _unreduced(read, read(at, upto, None), at, upto)
        at = upto


def _unreduced(read: Read, window: MetricWindow, after: float, before: float) -> Iterator[MetricWindow]:
    """The samples of a window that has too many for one answer, in parts."""
    is_small = before - after <= SHORTEST_SECONDS
    if window.tier != "raw" or is_small or not window.is_reduced:
        yield window
        return
    middle = round((after + before) / 2, 3)
    for begin, end in ((after, middle), (middle, before)):
        yield from _unreduced(read, read(begin, end, None), begin, end)


def _next(moment: float, length: int) -> float:
    return float((moment // length + 1) * length)
