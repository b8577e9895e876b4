"""Which time and which tasks the flow page shows: from its address or its form, checked, since anybody can type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from msgspec import Meta, Struct, structs

from vain.codec import decode, encode
from vain.errors import VainError
from vain.flow.attempts import AttemptQuery
from vain.flow.figures import Visualizations
from vain.types import PRIORITIES, Priority
from vain.views.address import LATEST, argument, moment

DAY_SECONDS: Final = 86_400.0
RANGES: Final[Mapping[str, float]] = {
    "24h": DAY_SECONDS,
    "7d": 7 * DAY_SECONDS,
    "30d": 30 * DAY_SECONDS,
    "90d": 90 * DAY_SECONDS,
    "1y": 365 * DAY_SECONDS,
}
"""By the word in the address, how long before now."""
DEFAULT_RANGE: Final = "7d"
LONGEST_SECONDS: Final = 20 * 366 * DAY_SECONDS
"""Beyond this a window has more weeks than anybody can read."""
SHORTEST_SECONDS: Final = 1.0
"""So long is what is known at least: the clock may have been set back since."""
LONGEST_TEXT: Final = 200

Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
Seconds = Annotated[float, Meta(ge=0, le=LATEST)]


class Wanted(Struct, frozen=True, forbid_unknown_fields=True):
    """``after`` and ``before`` (Unix seconds), where both are given, are shown instead of ``range``."""

    range: str = DEFAULT_RANGE
    after: Seconds | None = None
    before: Seconds | None = None
    name: Text = ""
    tag: Text = ""
    priority: Priority | None = None
    timezone: Annotated[str, Meta(max_length=64)] = "UTC"

    @property
    def tasks(self) -> AttemptQuery:
        """Which tasks count."""
        return AttemptQuery(self.name or None, None, self.tag or None, self.priority)

    @property
    def is_filtered(self) -> bool:
        """Whether some tasks are left out."""
        return bool(self.name or self.tag or self.priority)

    def stretch(self, now: float, begins: float | None = None) -> tuple[float, float]:
        """From when to when, in Unix seconds; a range begins no earlier than what is known ``begins``."""
        if self.after is not None and self.before is not None:
            return self.after, self.before
        cut = self.cut(now, begins)
        return max(0.0, now - RANGES[self.range]) if cut is None else cut, now

    def cut(self, now: float, begins: float | None) -> float | None:
        """When a range begins that reaches further back than anything is known; None where all of it is known."""
        if begins is None or (self.after is not None and self.before is not None):
            return None
        return min(begins, now - SHORTEST_SECONDS) if begins > now - RANGES[self.range] else None


def from_address() -> Wanted:
    """What the address of the page that is being built asks for; what is no value counts as not given."""
    priority = argument("priority")
    given: dict[str, Any] = {
        "range": argument("range") or DEFAULT_RANGE,
        "name": argument("name") or "",
        "tag": argument("tag") or "",
        "priority": priority if priority in PRIORITIES else None,
    }
    begin, end = moment("after"), moment("before")
    return checked({**given, "after": begin, "before": end}) or checked(given) or Wanted()


def checked(given: object) -> Wanted | None:
    """What a browser sent, if it can be shown; None otherwise."""
    try:
        wanted = decode(Wanted, encode(given))
    except (VainError, TypeError, ValueError):
        return None
    if wanted.range not in RANGES or (wanted.after is None) != (wanted.before is None):
        return None
    if wanted.after is None or wanted.before is None:
        return wanted
    return wanted if 0 < wanted.before - wanted.after <= LONGEST_SECONDS else None


def plain(wanted: Wanted) -> dict[str, Any]:
    """As values for the browser."""
    return structs.asdict(wanted)


def csv_address(chart: str, found: Visualizations, tasks: AttemptQuery) -> str:
    """Where the very chart is as CSV."""
    window = found.window
    asked = {"after": window.after, "before": window.before, "interval": window.interval, "timezone": window.timezone}
    filters = {name: value for name, value in structs.asdict(tasks).items() if value and name != "text"}
    return f"./visualizations/{chart}?{urlencode({'format': 'csv', **asked, **filters})}"
