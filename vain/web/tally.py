"""How many requests were answered, by route, method and kind of status. Few counters, whatever is asked."""

from __future__ import annotations

from collections.abc import Mapping

from vain.exposition import Answered

OTHER = "other"
"""In place of a path that is no route, and of a method that is none."""
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})


class Tally:
    """Belongs to the event loop."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, int], int] = {}

    def count(self, route: str | None, method: str, status: int) -> None:
        """One answer more. ``route`` is the path as the table of routes has it; None: it was no route."""
        key = route or OTHER, method if method in METHODS else OTHER, status // 100
        self._counts[key] = self._counts.get(key, 0) + 1

    def read(self) -> Mapping[Answered, int]:
        """The answers so far."""
        return {Answered(route, method, f"{kind}xx"): count for (route, method, kind), count in self._counts.items()}
