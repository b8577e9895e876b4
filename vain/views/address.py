"""What the page's address asks for after the ``?``. Anybody can type anything there: what is no value is absent."""

from __future__ import annotations

from math import isfinite
from typing import Final

import panel as pn

LONGEST: Final = 500
"""Characters of one argument; what is longer counts as absent."""
LATEST: Final = 253_370_764_800.0
"""The year 9999, in Unix seconds."""


def argument(name: str) -> str | None:
    """The first value of one argument of the page that is being built; None without one, and outside a page."""
    document = pn.state.curdoc
    context = document.session_context if document is not None else None
    request = getattr(context, "request", None)
    values = request.arguments.get(name, []) if request is not None else []
    if not values:
        return None
    text = values[0].decode("utf-8", "replace") if isinstance(values[0], bytes) else str(values[0])
    return text if len(text) <= LONGEST else None


def moment(name: str) -> float | None:
    """An argument as Unix seconds; None where it is absent or no time."""
    try:
        value = float(argument(name) or "nan")
    except ValueError:
        return None
    return value if isfinite(value) and 0 <= value <= LATEST else None


def number(name: str) -> int | None:
    """An argument as a whole number from 1 on; None where it is absent or none."""
    text = argument(name) or ""
    return int(text) if text.isascii() and text.isdigit() and 0 < len(text) < 17 and int(text) > 0 else None
