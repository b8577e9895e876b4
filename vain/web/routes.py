"""The table of routes: which path answers which methods, and what role each needs. No other path exists."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from msgspec import Struct
from msgspec.structs import force_setattr

from vain.types import LARGEST_INTEGER, KeyRole
from vain.web.declared import Operation, operation_of
from vain.web.http import Response

LARGEST_BODY = 256 << 10
"""Bytes. A larger body is read, thrown away and answered with 413."""

Handler = Callable[..., "Response | Awaitable[Response]"]


class Endpoint(Struct, frozen=True):
    """One method of one path. ``needs`` is the weakest role that may call it; None: it is public.

    A body is JSON of at most ``largest_body`` bytes, or of one of the media types that the route ``takes``. What is
    declared above the handler (``declared.py``) is taken from there: ``operation``, and in ``parameters`` the names of
    those that a query may have.
    """

    handler: Handler
    needs: KeyRole | None
    takes: tuple[str, ...] = ()
    largest_body: int = LARGEST_BODY
    operation: Operation | None = None
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Looks up what was declared, so that no request has to."""
        declared = operation_of(self.handler)
        if declared is not None:
            force_setattr(self, "operation", declared)
            force_setattr(self, "parameters", declared.names)


class Match(Struct, frozen=True):
    """A path that was found: its methods, and the values of its parts in braces."""

    methods: Mapping[str, Endpoint]
    values: tuple[Any, ...] = ()
    template: str = ""
    """The path as it stands in the table."""

    @property
    def allow(self) -> tuple[str, ...]:
        """The methods for an ``Allow`` header."""
        names = [*self.methods, "OPTIONS"]
        if "GET" in self.methods:
            names.insert(1, "HEAD")
        return tuple(names)


class Routes:
    """Finds the endpoints of a path. A part in braces matches one segment; ``{..._id}`` only a number.

    It is the last part, or the last but one, or both are.
    """

    def __init__(self, table: Mapping[str, Mapping[str, Endpoint]]) -> None:
        self.table = dict(table)
        self._exact = {path: Match(methods, (), path) for path, methods in table.items() if "{" not in path}
        self._parents: dict[tuple[str, str], tuple[str, Match]] = {}
        """By what stands before and behind the part in braces: its name, and the match without its value."""
        self._pairs: dict[str, Match] = {}
        """Paths that end with two parts in braces, by what stands before."""
        for path, methods in table.items():
            if path.count("{") == 2:
                self._pairs[path.partition("{")[0]] = Match(methods, (), path)
            elif "{" in path:
                before, _, rest = path.partition("{")
                part, _, behind = rest.partition("}")
                self._parents[before, behind] = part, Match(methods, (), path)

    def find(self, path: str) -> Match | None:
        """The match for a path, or None."""
        match = self._exact.get(path)
        if match is not None:
            return match
        parent, _, segment = path.rpartition("/")
        found = self._found(f"{parent}/", segment, "")
        if found is None:
            parent, _, middle = parent.rpartition("/")
            found = self._found(f"{parent}/", middle, f"/{segment}")
            if found is None and middle and segment and (pair := self._pairs.get(f"{parent}/")):
                return Match(pair.methods, (middle, segment), pair.template)
        return found

    def _found(self, before: str, segment: str, behind: str) -> Match | None:
        entry = self._parents.get((before, behind))
        if entry is None or not segment:
            return None
        part, match = entry
        if not part.endswith("_id"):
            return Match(match.methods, (segment,), match.template)
        # A number in any other spelling than its own (007, +7) names nothing.
        if segment.isascii() and segment.isdigit() and len(segment) < 17 and str(int(segment)) == segment:
            number = int(segment)
            return Match(match.methods, (number,), match.template) if number <= LARGEST_INTEGER else None
        return None
