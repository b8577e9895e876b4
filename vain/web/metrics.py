"""``/metrics``: for Prometheus, and for what else reads its text formats."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from vain.exposition import Family, families
from vain.web.declared import Answer, operation
from vain.web.http import Request, Response
from vain.web.services import Services

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

PLAIN = "text/plain"
OPEN_METRICS = "application/openmetrics-text"


@operation(
    "showMetrics",
    Answer(200, "Every figure that is known.", media=(PLAIN, OPEN_METRICS), json=False),
    tag="performance",
)
async def show(services: Services, request: Request) -> Response:
    """The newest sample and vAIn's own figures, for Prometheus."""
    request.parameters()
    found = families(services.monitor.latest, await services.exporter.figures())
    is_open = OPEN_METRICS in (request.headers.get("Accept") or "").lower()
    body, content_type = await asyncio.to_thread(_written, found, is_open)
    return Response(body, content_type=content_type, headers={"Vary": "Accept"})


class _Collected:
    """What Prometheus' library calls a collector."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _written(found: list[Family], is_open: bool) -> tuple[bytes, str]:
    # Loaded by the first who asks: a server that nobody scrapes does without.
    from prometheus_client import exposition  # noqa: PLC0415
    from prometheus_client.openmetrics import exposition as openmetrics  # noqa: PLC0415

    collected = _Collected(_metrics(found))
    if is_open:
        # It has no types of its own.
        body: bytes = openmetrics.generate_latest(collected)  # type: ignore[no-untyped-call]
        return body, openmetrics.CONTENT_TYPE_LATEST
    return exposition.generate_latest(collected), exposition.CONTENT_TYPE_PLAIN_0_0_4


def _metrics(found: list[Family]) -> Iterator[Metric]:
    from prometheus_client.metrics_core import Metric  # noqa: PLC0415

    for family in found:
        metric = Metric(family.name.removesuffix("_total"), family.help, family.kind)
        for point in family.points:
            metric.add_sample(family.name, {name: _text(value) for name, value in point.labels.items()}, point.value)
        yield metric


def _text(label: str) -> str:
    """A mount point may hold bytes that are no UTF-8."""
    return label.encode("utf-8", "replace").decode("utf-8")
