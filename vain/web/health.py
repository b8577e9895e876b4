"""``/healthz`` and ``/readyz``: whether it lives, and whether it can work. Public, so they say little."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from vain.codec import encode
from vain.web.declared import Answer, operation
from vain.web.http import Request, Response
from vain.web.services import Services


class Health(Struct, frozen=True):
    """It answers, so it lives."""

    status: Literal["ok"]


class Ready(Struct, frozen=True):
    """Whether it can work, and what is in the way."""

    status: Literal["ready", "not-ready"]
    reasons: tuple[str, ...] = ()


@operation("showHealth", Answer(200, "It lives.", Health), tag="server")
def live(services: Services, request: Request) -> Response:
    """Whether the server answers at all. Needs no key."""
    return Response(b'{"status":"ok"}')


@operation(
    "showReadiness",
    Answer(200, "It can work.", Ready),
    Answer(503, "It cannot, and why.", Ready),
    tag="server",
)
async def ready(services: Services, request: Request) -> Response:
    """Whether the server can store changes and looks at the machine. Needs no key."""
    reasons = await services.readiness.reasons()
    if reasons:
        return Response(encode(Ready("not-ready", reasons)), status=503, headers={"Retry-After": "5"})
    return Response(encode(Ready("ready")))
