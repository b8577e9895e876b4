"""A request and its answer, as the handlers see them: no Tornado in either."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
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

    def parameters(self, *known: str) -> dict[str, str]:
        """The query's parameters. Raises Malformed for one that is not ``known``, or given twice."""
        found: dict[str, str] = {}
        if not self.query:
            return found
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
        except ValueError as error:
            raise Malformed("The query cannot be read.") from error
        for name, value in pairs:
            if name not in known:
                detail = f"There is no such parameter here; known are: {', '.join(known) or 'none'}."
                raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
            if name in found:
                detail = "It was given more than once."
                raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
            found[name] = value
        return found


class Response(Struct, frozen=True):
    """What is answered. A body of parts is sent as it comes, so that a long one needs little memory."""

    body: bytes | AsyncIterator[bytes] = b""
    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)


def whole_number(parameters: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A parameter as an integer within bounds. Raises Malformed that names it."""
    text = parameters.get(name)
    if text is None:
        return default
    if text.isascii() and text.isdigit() and len(text) < 16 and least <= int(text) <= most:
        return int(text)
    detail = f"A whole number from {least} to {most} is expected."
    raise Malformed(f"{name}: {detail}", [Flaw(detail, parameter=name)])
