"""``/ping/{key}``: one line of shell reports a job."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from msgspec import Meta

from vain.codec import encode
from vain.errors import Flaw, Malformed
from vain.pings import LONGEST_NAME, SEEN, parse_ping
from vain.types import Task
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response
from vain.web.services import Services

TAKES = ("text/plain", "application/x-www-form-urlencoded", "application/octet-stream")
"""What curl says of a body, unless told."""

Length = Annotated[str, Meta(pattern=r"^\d{1,7}(\.\d{1,3})?s?$|^\d{1,5}m$|^\d{1,3}h$|^\d{1,2}d$")]


@operation(
    "ping",
    Answer(200, "The task, after the ping.", Task),
    tag="reporting",
    parameters=(
        Parameter(
            "every", Length, "How often the job comes: seconds, or 90s, 45m, 26h, 1d; it is told when it does not."
        ),
        Parameter("grace", Length, "How late it may come; not given: a tenth of `every`, a minute at least."),
        Parameter(
            "name",
            Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, pattern=f"^{SEEN}$")],
            "The task's name; not given: the key.",
        ),
    ),
)
async def take_ping(services: Services, request: Request, key: str, word: str | None = None) -> Response:
    """The task that the ping belongs to, after it. A body is what the job put out."""
    ping = parse_ping(_text(key), word, request.parameters())
    return Response(encode(await services.pinging.take(ping, request.body)))


def _text(segment: str) -> str:
    """A segment of a path as text. Raises Malformed if it is not UTF-8."""
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise Malformed("key: It is not UTF-8.", [Flaw("It is not UTF-8.", parameter="key")]) from None
