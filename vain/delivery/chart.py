"""A small chart of what a notification is about, as a PNG: the hour before it, and the threshold. Needs Pillow."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from vain import words
from vain.bands import Bands, Floats, MetricQuery, MetricWindow
from vain.catalog import metric_of
from vain.clock import unix
from vain.notification import Notification

logger = logging.getLogger(__name__)

ReadWindow = Callable[[MetricQuery], Awaitable[MetricWindow]]

SPAN_SECONDS = 3_600.0
LIMIT_SECONDS = 5.0
WIDTH, HEIGHT = 600, 200
_SCALE = 2
"""Drawn so many times as large, and made smaller: lines without steps."""
_LEFT, _TOP, _RIGHT, _BOTTOM = 64, 26, 12, 20
_PAPER, _INK, _PALE, _LINE, _BAND, _LIMIT = "#ffffff", "#333333", "#e4e4e4", "#1f6fb4", "#bcd6ec", "#c62828"
_TICK_SECONDS = 900


async def chart_of(notification: Notification, read: ReadWindow) -> bytes | None:
    """The PNG; None if it is not about a metric, nothing is known of that, or it takes longer than 5 s."""
    series = notification.metric
    if series is None or (metric := metric_of(series)) is None:
        return None
    before = unix(notification.timestamp)
    query = MetricQuery(before - SPAN_SECONDS, before, (series,), points=WIDTH // 2, host=notification.host or "")
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            window = await read(query)
            bands = window.series.get(series)
            if bands is None or not np.isfinite(bands.mean).any():
                return None
            instance = series.partition(":")[2]
            title = f"{metric.label} {instance}" if instance else metric.label
            title = title if notification.host is None else f"{notification.host}: {title}"
            sketch = Sketch(query.after, query.before, window.t, bands, notification.threshold, title, metric.unit)
            return await asyncio.to_thread(sketch.png)
    except Exception:
        # A message without its chart is better than none. Not an error: that would become a notification in turn.
        logger.warning("The chart of %s could not be made", series, exc_info=True)
        return None


class Sketch:
    """One chart, from ``after`` to ``before``."""

    def __init__(
        self, after: float, before: float, t: Floats, bands: Bands, threshold: float | None, title: str, unit: str
    ) -> None:
        self._after, self._before, self._t, self._bands = after, before, t, bands
        self._threshold, self._title, self._unit = threshold, title, unit
        self._low, self._high = _bounds(bands, threshold, unit)
        self._image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE), _PAPER)
        self._draw = ImageDraw.Draw(self._image)
        self._font = ImageFont.load_default(11 * _SCALE)

    def png(self) -> bytes:
        """Draws it. Blocks for some milliseconds."""
        self._frame()
        for run in _runs(self._bands):
            self._series(run)
        if self._threshold is not None:
            self._dashed(self._y(self._threshold))
        made = BytesIO()
        self._image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(made, "PNG", optimize=True)
        return made.getvalue()

    def _frame(self) -> None:
        self._text(_LEFT, 6, self._title, "la")
        for value in (self._low, (self._low + self._high) / 2, self._high):
            y = self._y(value)
            self._level(_LEFT, WIDTH - _RIGHT, y, _PALE)
            self._draw.text((_SCALE * (_LEFT - 6), y), words.quantity(value, self._unit), _INK, self._font, "rm")
        first = self._after - self._after % _TICK_SECONDS + _TICK_SECONDS
        for at in np.arange(first, self._before, _TICK_SECONDS):
            label = time.strftime("%H:%M", time.gmtime(at))
            self._draw.text((self._x(at), _SCALE * (HEIGHT - 6)), label, _INK, self._font, "ms")
        self._text(WIDTH - _RIGHT, 6, "UTC", "ra")

    def _series(self, run: slice) -> None:
        x = [self._x(at) for at in self._t[run]]
        upper = list(zip(x, map(self._y, self._bands.max[run]), strict=True))
        lower = list(zip(x, map(self._y, self._bands.min[run]), strict=True))
        if len(x) > 1:
            self._draw.polygon(upper + lower[::-1], _BAND)
            means = zip(x, map(self._y, self._bands.mean[run]), strict=True)
            self._draw.line(list(means), _LINE, 2 * _SCALE, joint="curve")
        else:
            y = self._y(self._bands.mean[run][0])
            self._draw.ellipse([x[0] - _SCALE, y - _SCALE, x[0] + _SCALE, y + _SCALE], _LINE)

    def _dashed(self, y: float) -> None:
        for x in range(_LEFT, WIDTH - _RIGHT, 8):
            self._level(x, min(x + 5, WIDTH - _RIGHT), y, _LIMIT)

    def _level(self, left: int, right: int, y: float, colour: str) -> None:
        """A level line on whole pixels of what it becomes, so that it stays sharp."""
        top = round(y / _SCALE) * _SCALE
        self._draw.rectangle((_SCALE * left, top, _SCALE * right - 1, top + _SCALE - 1), colour)

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        self._draw.text((_SCALE * x, _SCALE * y), text, _INK, self._font, anchor)

    def _x(self, at: float) -> float:
        part = (at - self._after) / (self._before - self._after)
        return _SCALE * (_LEFT + part * (WIDTH - _LEFT - _RIGHT))

    def _y(self, value: float) -> float:
        part = (value - self._low) / (self._high - self._low)
        return _SCALE * (HEIGHT - _BOTTOM - part * (HEIGHT - _TOP - _BOTTOM))


def _bounds(bands: Bands, threshold: float | None, unit: str) -> tuple[float, float]:
    """What the axis shows: percentages from 0 to 100, others from 0 to a bit more than the largest."""
    known = [float(np.nanmin(bands.min)), float(np.nanmax(bands.max)), *([] if threshold is None else [threshold])]
    low, high = min(0.0, *known), max(known)
    if unit == "percent" and high <= 100:
        return low, 100.0
    return low, high + 0.08 * (high - low) if high > low else low + 1.0


def _runs(bands: Bands) -> Iterator[slice]:
    """Stretches without a hole."""
    known = np.concatenate(([False], np.isfinite(bands.mean), [False]))
    edges = np.flatnonzero(known[1:] != known[:-1])
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        yield slice(int(begin), int(end))
