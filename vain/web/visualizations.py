"""``/visualizations`` and ``/visualizations/{chart}``."""

from __future__ import annotations

import time

from vain.codec import encode
from vain.errors import NotFound
from vain.flow import Visualizations
from vain.web.http import Request, Response
from vain.web.services import Services
from vain.windows import window_of


async def show(services: Services, request: Request) -> Response:
    """All charts of a window, and the figures beside them."""
    return Response(encode(await _computed(services, request)))


async def show_chart(services: Services, request: Request, chart: str) -> Response:
    """One chart."""
    for candidate in (await _computed(services, request)).charts:
        if candidate.id == chart:
            return Response(encode(candidate))
    raise NotFound(f"There is no chart {chart[:100]!r}.")


async def _computed(services: Services, request: Request) -> Visualizations:
    given = request.parameters("after", "before", "interval", "timezone")
    after, before, interval, timezone = map(given.get, ("after", "before", "interval", "timezone"))
    return await services.charts.get(window_of(after, before, interval, timezone, time.time()))
