"""Axes of the charts and the words at them: ticks at round local times, amounts with their units, what a hover says.

The words are made in the browser, which knows the viewer's zone and language.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bokeh.models import (
    AdaptiveTicker,
    ColumnDataSource,
    CustomJSHover,
    CustomJSTicker,
    CustomJSTickFormatter,
    DataRange1d,
    FixedTicker,
    Range1d,
)

from vain.samples import Sample
from vain.views.text import asset

UNITS: Final = ("%", "bytes", "bytes/s")
SHORTEST_MILLISECONDS: Final = 2_000
LONGEST_MILLISECONDS: Final = 20 * 366 * 86_400_000

_BYTES = """
const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
const show = (value) => {
  let amount = value, unit = 0;
  while (Math.abs(amount) >= 1000 && unit < 5) { amount /= 1024; unit += 1; }
  return amount.toFixed(unit == 0 ? 0 : %s) + " " + units[unit] + "%s";
};
"""
_PERCENT = 'const show = (value) => value.toFixed(1) + " %";\n'
_AXIS_DIGITS, _HOVER_DIGITS = "Math.abs(amount - Math.round(amount)) > 0.05 ? 1 : 0", "Math.abs(amount) < 100 ? 1 : 0"
_POINT = (
    asset("when.js")
    + """
const half = 500 * (bands.tags[0] || 0);
return half ? spanOf(new Date(value - half), new Date(value + half), half / 500) : momentOf(new Date(value), 1);
"""
)
_MOMENT = asset("when.js") + "return momentOf(new Date(value), 1);"


def time_axis(window_seconds: int) -> DataRange1d:
    """The browser's own: what a hand does to it does not travel to the server."""
    return DataRange1d(
        follow="end",
        follow_interval=window_seconds * 1000,
        range_padding=0,
        min_interval=SHORTEST_MILLISECONDS,
        max_interval=LONGEST_MILLISECONDS,
        name="time",
        syncable=False,
    )


def memory_bounds(sample: Sample | None) -> Range1d | DataRange1d:
    """From nothing to all of the machine's memory."""
    total = sample.memory.total_bytes if sample else None
    return Range1d(start=0, end=total) if total else DataRange1d(start=0)


def rate_bounds() -> DataRange1d:
    """From nothing to a little more than what is drawn."""
    return DataRange1d(start=0, default_span=1024, range_padding=0.15)


def time_ticker() -> CustomJSTicker:
    """Ticks at round times of the viewer's zone, from seconds to years."""
    return CustomJSTicker(major_code=asset("ticks.js"))


def time_formatter() -> CustomJSTickFormatter:
    """The words at these ticks."""
    return CustomJSTickFormatter(code=asset("tick_label.js"))


def tickers(few: bool = False) -> dict[str, FixedTicker | AdaptiveTicker]:
    """By unit: quarters (or halves) for a percentage, powers of two for bytes; ``few`` for a low chart."""
    parts = FixedTicker(ticks=[0, 50, 100] if few else [0, 25, 50, 75, 100])
    powers = AdaptiveTicker(base=1024, mantissas=[float(2**n) for n in range(10)], desired_num_ticks=2 if few else 4)
    return {unit: parts if unit == "%" else powers for unit in UNITS}


def tick_formatter(unit: str) -> CustomJSTickFormatter:
    """The words at the ticks of a value axis."""
    if unit == "%":
        return CustomJSTickFormatter(code='return tick + " %"')
    return CustomJSTickFormatter(code=_BYTES % (_AXIS_DIGITS, unit.removeprefix("bytes")) + "return show(tick);")


def point_hover(bands: ColumnDataSource) -> CustomJSHover:
    """When a point was, or from when to when it stands; ``bands`` is tagged with the seconds of its step."""
    return CustomJSHover(args={"bands": bands}, code=_POINT)


def moment_hover() -> CustomJSHover:
    """A time to the second."""
    return CustomJSHover(code=_MOMENT)


def value_hover(unit: str, sources: Mapping[str, ColumnDataSource]) -> CustomJSHover:
    """The value of a row, with its band. ``sources`` are ``rows`` and ``bands``; the format names the series."""
    show = _PERCENT if unit == "%" else _BYTES % (_HOVER_DIGITS, unit.removeprefix("bytes"))
    return CustomJSHover(args=dict(sources), code=show + asset("hover_value.js"))
