"""``/performance``."""

from __future__ import annotations

from vain.codec import encode
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
    parameters=(parameters.HOST,),
    headers=(parameters.IF_NONE_MATCH,),
    refuses=(404,),
)
def show(services: Services, request: Request) -> Response:
    """The newest sample."""
    host = request.parameters().get("host")
    if host not in (None, services.fleet.own_host):
        return _of(services, host)
    sample = services.monitor.latest
    if sample is None:
        raise Unavailable("The first sample is being taken.")
    body = services.sample_json(sample)
    return Response(body, headers=services.sample_json.headers)


def _of(services: Services, host: str) -> Response:
    member = services.fleet.member(host)
    sample = member.latest
    if sample is None or services.fleet.shown(host).silent:
        raise Unavailable(f"Nothing was heard of {host} since {member.known.last_seen_at}.")
    return Response(encode(sample), headers={"ETag": f'W/"{host}-{sample.timestamp}"'})
