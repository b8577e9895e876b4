"""From a window of the history to what charts draw of it: means as lines, smallest to largest as bands, gaps as strips.

Pure. Times are Unix milliseconds, as Bokeh has them; values are halved to float32, of which a screen shows no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from vain.bands import Bands, Floats, MetricWindow
from vain.quality import MEANINGS, Cause, Span

LOW, HIGH = "low:", "high:"
"""A band's columns are these and the name of its series."""
EDGE_MILLISECONDS: Final = 0.5
"""Where a band is closed at a gap: so near to the point beside it that it looks the same, and has no equal time."""
MOST_STRIPS: Final = 20
SHORTEST_SHARE: Final = 1 / 500
"""Of the window: what is shorter would be hardly a pixel wide."""
UNSHOWN: Final[frozenset[Cause]] = frozenset({"first", "unread"})
"""Not worth a strip: there is nothing to know about such a gap but that it is one."""

Column = npt.NDArray[Any]
Columns = dict[str, Column]


class Strip(Struct, frozen=True):
    """A stretch (Unix seconds) in which something is missing or doubtful; its cause in a word and in a sentence."""

    cause: Cause
    begin: float
    end: float
    meaning: str


def lines(window: MetricWindow, series: Iterable[str], is_reduced: bool) -> Columns:
    """``t``, and the mean of each series, NaN where the history has none. A point stands in the middle of its step."""
    return {"t": _times(window, is_reduced), **{name: _bands(window, name).mean.astype(np.float32) for name in series}}


def bands(window: MetricWindow, series: Sequence[str], is_reduced: bool) -> Columns:
    """``t``, and ``low:…`` and ``high:…`` of each series, without NaN.

    Bokeh draws an area straight across NaN. So at either edge of a gap of any series there is a row more, in which the
    band of that series is closed, and between them it has no height: nothing is seen there.
    """
    t, found = _times(window, is_reduced), {name: _bands(window, name) for name in series}
    known = {name: ~np.isnan(band.mean) for name, band in found.items()}
    last, first = _edges(known.values(), len(t))
    order = np.argsort(np.concatenate([t, t[last] + EDGE_MILLISECONDS, t[first] - EDGE_MILLISECONDS]), kind="stable")
    drawn: Columns = {"t": np.concatenate([t, t[last] + EDGE_MILLISECONDS, t[first] - EDGE_MILLISECONDS])[order]}
    for name, band in found.items():
        middle = _filled(band.mean)
        ends, begins = ~np.append(known[name][1:], True)[last], ~np.append(True, known[name][:-1])[first]
        for prefix, side in ((LOW, band.min), (HIGH, band.max)):
            inside = np.where(known[name], side, middle)
            closed = np.where(ends, middle[last], inside[last]), np.where(begins, middle[first], inside[first])
            drawn[prefix + name] = np.concatenate([inside, *closed])[order].astype(np.float32)
    return drawn


def is_empty(window: MetricWindow) -> bool:
    """Whether nothing at all is known in it."""
    return not any(np.any(band.count > 0) for band in window.series.values())


def begins_empty(window: MetricWindow) -> bool:
    """Whether nothing is known at its beginning: it may reach back to before the history begins."""
    return not any(len(band.count) and band.count[0] for band in window.series.values())


def strips(spans: Iterable[Span], after: float, before: float, series: Iterable[str] = ()) -> list[Strip]:
    """What to show of ``spans`` in a window (Unix seconds), in order of time.

    Neighbours of one cause are one, what would be hardly a pixel wide is left out, and of more than ``MOST_STRIPS``
    the shortest. A span of one series is shown if that is among ``series``.
    """
    shown, shortest = frozenset(series), (before - after) * SHORTEST_SHARE
    merged: dict[Cause, list[Strip]] = {}
    for span in sorted(spans, key=lambda span: span.begin):
        if span.begin >= before or span.end <= after or span.cause in UNSHOWN:
            continue
        if span.series is None or span.series in shown:
            _join(merged.setdefault(span.cause, []), span, shortest)
    # What is seen of it counts, not what lies before or after the window.
    seen = {strip: min(strip.end, before) - max(strip.begin, after) for found in merged.values() for strip in found}
    widest = sorted((strip for strip in seen if seen[strip] >= shortest), key=lambda strip: -seen[strip])[:MOST_STRIPS]
    return sorted(widest, key=lambda strip: strip.begin)


def strip_columns(found: Sequence[Strip]) -> Columns:
    """The strips as a source draws them."""
    return {
        "x0": np.array([strip.begin * 1000 for strip in found]),
        "x1": np.array([strip.end * 1000 for strip in found]),
        "meaning": np.array([strip.meaning for strip in found], object),
    }


def _join(found: list[Strip], span: Span, shortest: float) -> None:
    """Adds a span to those of its cause before it: to the newest of them, if it is hardly a pixel away."""
    begin, end = span.begin, span.end
    if found and begin - found[-1].end <= shortest:
        last = found.pop()
        begin, end = last.begin, max(last.end, end)
    found.append(Strip(span.cause, begin, end, MEANINGS[span.cause].partition(":")[0]))


def _times(window: MetricWindow, is_reduced: bool) -> Floats:
    return (window.t + (window.step_seconds / 2 if is_reduced else 0.0)) * 1000.0


def _bands(window: MetricWindow, name: str) -> Bands:
    found = window.series.get(name)
    if found is not None:
        return found
    nothing = np.full(len(window.t), np.nan)
    return Bands(nothing, nothing, nothing, np.zeros(len(nothing), np.int64))


def _edges(known: Iterable[npt.NDArray[np.bool_]], count: int) -> tuple[Column, Column]:
    """The rows after which, and those before which, some series has a gap."""
    last, first = np.zeros(count, bool), np.zeros(count, bool)
    for each in known:
        last[:-1] |= each[:-1] & ~each[1:]
        first[1:] |= each[1:] & ~each[:-1]
    return np.flatnonzero(last), np.flatnonzero(first)


def _filled(values: Floats) -> Floats:
    """NaN replaced by the newest value before it; by 0 where there is none."""
    at = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(at >= 0, values[at], 0.0)
