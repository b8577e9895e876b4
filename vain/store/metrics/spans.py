"""The stored reasons for what is missing, and those points of a window for which there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

import numpy as np

from vain.bands import GAP_PERIODS, MetricQuery, MetricWindow
from vain.codec import encode
from vain.quality import Cause, Span
from vain.store.connection import Connection
from vain.store.metrics import queries
from vain.store.metrics.book import SeriesBook
from vain.store.metrics.periods import SECOND_MS, milliseconds

MOST_SPANS = 1_000
ALL_SERIES = 0

Stretch = tuple[float, float]


def put(connection: Connection, book: SeriesBook, spans: Iterable[Span]) -> None:
    """Store spans inside the transaction that is open; of a series that is not known, none."""
    rows = []
    for span in spans:
        series = ALL_SERIES if span.series is None else book.ids.get(span.series)
        if series is not None:
            rows.append((milliseconds(span.begin), span.cause, series, milliseconds(span.end)))
    connection.executemany(queries.PUT_SPAN, rows)


def spans_of(
    connection: Connection, book: SeriesBook, query: MetricQuery, found: MetricWindow, pending: Sequence[Span]
) -> tuple[Span, ...]:
    """Why points of the window are missing or doubtful, in order of time, at most ``MOST_SPANS`` of them."""
    wanted = [book.ids[name] for name in found.series if name in book.ids]
    bounds = max(0, milliseconds(query.after)), milliseconds(query.before)
    rows = [
        *connection.execute(queries.SPANS, (*bounds, MOST_SPANS)),
        *connection.execute(queries.SPANS_OF_SERIES, (*bounds, encode(wanted).decode(), MOST_SPANS)),
    ]
    known = [
        Span(cast(Cause, cause), begin / SECOND_MS, end / SECOND_MS, book.names.get(series))
        for begin, end, cause, series in rows
    ]
    known += [
        span
        for span in pending
        if span.end >= query.after
        and span.begin <= query.before
        and (span.series is None or span.series in found.series)
    ]
    known += [Span("unknown", *stretch) for stretch in _unexplained(found, known)]
    return tuple(sorted(known, key=lambda span: (span.begin, span.end))[:MOST_SPANS])


def _unexplained(found: MetricWindow, spans: Sequence[Span]) -> Iterator[Stretch]:
    """The stretches without any value of which no span speaks, up to the newest point that has one."""
    # The last sample of which a span speaks and the next one that is stored are neighbours: no more is missing.
    alone = next(iter(found.series)) if len(found.series) == 1 else None
    ours = [span for span in spans if span.series in (None, alone)]
    explained = sorted((span.begin, span.end + found.step_seconds) for span in ours)
    for stretch in _empty(found):
        for begin, end in _without(stretch, explained):
            if end - begin > found.step_seconds / 2:
                yield begin, end


def _empty(found: MetricWindow) -> Iterator[Stretch]:
    if not found.series or not len(found.t):
        return
    known = np.zeros(len(found.t), bool)
    for bands in found.series.values():
        known |= bands.count > 0
    places = np.flatnonzero(known)
    if not len(places):
        return
    t, step = found.t, found.step_seconds
    for earlier, later in zip((-1, *places[:-1].tolist()), places.tolist(), strict=True):
        if later - earlier > 1:
            begin = float(t[earlier]) + step if earlier >= 0 else float(t[0])
            yield begin, float(t[later])
        elif earlier >= 0 and t[later] - t[earlier] > GAP_PERIODS * step:
            yield float(t[earlier]) + step, float(t[later])


def _without(stretch: Stretch, holes: Sequence[Stretch]) -> Iterator[Stretch]:
    """What of a stretch is in none of the holes, which are in order of their begin."""
    begin, end = stretch
    for hole_begin, hole_end in holes:
        if hole_end <= begin:
            continue
        if hole_begin >= end:
            break
        if hole_begin > begin:
            yield begin, hole_begin
        begin = max(begin, hole_end)
    if begin < end:
        yield begin, end
