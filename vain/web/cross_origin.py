"""What the pages of other origins are told (CORS): those that ``--allow-origin`` names, and no others.

They come with a key and never with the cookie, so ``Access-Control-Allow-Credentials`` is never sent.
"""

from __future__ import annotations

from collections.abc import Iterable

EXPOSED = (
    "ETag, Link, Location, X-Total-Count, X-Vain-Seq, X-Vain-Epoch, X-Request-Id, Retry-After, "
    "Vain-Log-Offset, Vain-Log-End"
)
SENT = (
    "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID, X-Request-Id, "
    "Vain-Ago, Vain-Beat-Seconds, Vain-Log-Offset, Vain-Parent-Run"
)
KEPT_SECONDS = 600
"""So long a browser need not ask again before a request."""


def shared_headers(origin: str) -> dict[str, str]:
    """For the answer to a request that a page of an allowed origin sent."""
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": EXPOSED}


def preflight_headers(methods: Iterable[str]) -> dict[str, str]:
    """What a browser asks for before it sends another page's request, beside ``shared_headers``."""
    return {
        "Access-Control-Allow-Methods": ", ".join(methods),
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": str(KEPT_SECONDS),
    }
