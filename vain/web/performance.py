"""``/performance``."""

from __future__ import annotations

from vain.errors import Unavailable
from vain.samples import Sample
from vain.web import parameters
from vain.web.declared import Answer, operation
from vain.web.http import Request, Response
from vain.web.services import Services


@operation(
    "showPerformance",
    Answer(200, "The sample.", Sample, headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="performance",
    headers=(parameters.IF_NONE_MATCH,),
)
def show(services: Services, request: Request) -> Response:
    """The newest sample."""
    request.parameters()
    sample = services.monitor.latest
    if sample is None:
        raise Unavailable("The first sample is being taken.")
    body = services.sample_json(sample)
    return Response(body, headers=services.sample_json.headers)
