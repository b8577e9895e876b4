"""Figures as people read them: durations, sizes, rates, percentages and times.

One place, so that a notification, a line of ``vain ls`` and a card of the dashboard say the same thing the same way.
Unknown (``None``) is ``UNKNOWN``, never 0. Sizes are binary (1 KiB = 1024 bytes).
"""

from __future__ import annotations

from collections.abc import Callable

from vain.types import Time

UNKNOWN = "–"

SHORTEST_SECONDS = 0.05
"""What is shorter would be rounded to nothing."""

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def duration(seconds: float | None) -> str:
    """``0.4 s``, ``42 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``: the two largest units, without a second of 0.

    What would be rounded to nothing is ``< 0.05 s``.
    """
    if seconds is None:
        return UNKNOWN
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if 0 < seconds < SHORTEST_SECONDS:
        return f"< {SHORTEST_SECONDS} s"
    if seconds < 9.95:
        return f"{_short(seconds)} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    if whole < _HOUR:
        return _two(whole, _MINUTE, "min", 1, "s")
    # Rounded to the smaller unit that is shown before it is split, so that 59 min 40 s of an hour do not stay "59 min".
    if round(whole / _MINUTE) * _MINUTE < _DAY:
        return _two(round(whole / _MINUTE) * _MINUTE, _HOUR, "h", _MINUTE, "min")
    return _two(round(whole / _HOUR) * _HOUR, _DAY, "d", _HOUR, "h")


def size(count_bytes: float | None) -> str:
    """``512 B``, ``1.3 GiB``, ``128 MiB``: one decimal below 100."""
    if count_bytes is None:
        return UNKNOWN
    if count_bytes < 0:
        return f"-{size(-count_bytes)}"
    amount = float(count_bytes)
    for unit in _SIZES:
        # 1023.7 would be shown as 1024: it is 1.0 of the next unit.
        if round(amount) < 1024 or unit == _SIZES[-1]:
            break
        amount /= 1024
    decimals = 1 if unit != "B" and amount < 99.95 else 0
    return f"{amount:.{decimals}f} {unit}"


def rate(bytes_per_second: float | None) -> str:
    """``1.3 MiB/s``."""
    return UNKNOWN if bytes_per_second is None else f"{size(bytes_per_second)}/s"


def percent(value: float | None) -> str:
    """``87.3 %``, ``90 %``: at most one decimal."""
    return UNKNOWN if value is None else f"{_short(value)} %"


def count(value: float | None) -> str:
    """``3``, ``1.5``: at most one decimal."""
    return UNKNOWN if value is None else _short(value)


def frequency(per_second: float | None) -> str:
    """``12.5/s``: at most one decimal."""
    return UNKNOWN if per_second is None else f"{_short(per_second)}/s"


def temperature(celsius: float | None) -> str:
    """``38.5 °C``: at most one decimal."""
    return UNKNOWN if celsius is None else f"{_short(celsius)} °C"


def quantity(value: float | None, unit: str) -> str:
    """A value in one of the units of ``vain.catalog``, such as ``percent`` or ``bytes_per_second``."""
    return _BY_UNIT[unit](value)


def moment(time: Time) -> str:
    """A canonical time to the minute: ``2026-11-23 03:06 UTC``."""
    return f"{time[:10]} {time[11:16]} UTC"


def _short(value: float) -> str:
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def _two(whole: int, large: int, large_unit: str, small: int, small_unit: str) -> str:
    many, rest = divmod(whole, large)
    few = rest // small
    return f"{many} {large_unit} {few} {small_unit}" if few else f"{many} {large_unit}"


_BY_UNIT: dict[str, Callable[[float | None], str]] = {
    "percent": percent,
    "bytes": size,
    "bytes_per_second": rate,
    "per_second": frequency,
    "celsius": temperature,
    "seconds": duration,
    "count": count,
}
