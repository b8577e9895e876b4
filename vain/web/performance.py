"""``/performance``."""

from __future__ import annotations

from vain.errors import Unavailable
from vain.web.http import Request, Response
from vain.web.services import Services


def show(services: Services, request: Request) -> Response:
    """The newest sample."""
    request.parameters()
    sample = services.monitor.latest
    if sample is None:
        raise Unavailable("The first sample is being taken.")
    return Response(services.sample_json(sample))
