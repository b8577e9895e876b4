"""``/ping/{key}``: one line of shell reports a job."""

from __future__ import annotations

from urllib.parse import unquote

from vain.codec import encode
from vain.pings import parse_ping
from vain.web.http import Request, Response
from vain.web.services import Services

TAKES = ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream")
"""What curl says of a body, unless told."""


async def take_ping(services: Services, request: Request, key: str, word: str | None = None) -> Response:
    """The task that the ping belongs to, after it. A body is what the job put out."""
    ping = parse_ping(unquote(key), word, request.parameters("every", "grace", "name"))
    return Response(encode(await services.pinging.take(ping, request.body)))
