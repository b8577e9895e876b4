"""A request and its answer, as the handlers see them: no Tornado in either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol
from urllib.parse import parse_qsl

from msgspec import Struct, field

from vain.errors import Flaw, Malformed
from vain.web.gate import Identity

JSON = "application/json"
MOST_PARAMETERS = 50


class Headers(Protocol):
    """A message's headers; names count without regard to case."""

    def get(self, name: str, /) -> str | None:
        """The values under this name, joined by commas."""

    def get_list(self, name: str, /) -> list[str]:
        """Every value that was sent under this name."""


class Request(Struct, frozen=True):
    """What was asked, after the gate let it in."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes
    peer: str
    identity: Identity
    secure: bool = False
    """Whether it came over TLS."""
    declared: tuple[str, ...] = ()
    """The parameters that are declared above the handler."""
    prefix: str = ""
    """What stands before our paths in the client's addresses."""

    def parameters(self, *known: str, repeatable: Collection[str] = ()) -> dict[str, str]:
        """The query's parameters: those that are declared above the handler, or are named here.

        Of those that are ``repeatable`` the last value; ``values`` has all. Raises Malformed for one that is not known,
        or given twice.
        """
        found: dict[str, str] = {}
        if not self.query:
            return found
        known = known or self.declared
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
        except ValueError as error:
            raise Malformed("The query cannot be read.") from error
        for name, value in pairs:
            if name not in known:
                detail = f"There is no such parameter here; known are: {', '.join(known) or 'none'}."
                raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
            if name in found and name not in repeatable:
                detail = "It was given more than once."
                raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
            found[name] = value
        return found

    def values(self, name: str) -> tuple[str, ...]:
        """All values of a parameter that may be given several times, in order; ``parameters`` has checked them."""
        return tuple(value for known, value in parse_qsl(self.query, keep_blank_values=True) if known == name)


class Response(Struct, frozen=True):
    """What is answered. A body of parts is sent as it comes, so that a long one needs little memory."""

    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    is_endless: bool = False
    """It goes on until one side ends it, so nobody waits for its end."""


def whole_number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A parameter as an integer within bounds. Raises Malformed that names it."""
    text = parameters.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 17 and least <= int(text) <= most:
        return int(text)
    detail = f"A whole number from {least} to {most} is expected."
    raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
