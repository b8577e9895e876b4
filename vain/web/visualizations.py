"""``/visualizations`` and ``/visualizations/{chart}``, the latter also as CSV."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta

from vain.cells import CSV_TYPE, lines
from vain.codec import encode
from vain.errors import Flaw, Malformed, NotFound
from vain.flow.attempts import AttemptQuery
from vain.flow.figures import Chart, Visualizations
from vain.types import PRIORITIES, Priority, SourceHost
from vain.visuals import Asked
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.parameters import LONGEST_HOST, LONGEST_TEXT
from vain.web.preconditions import weak_tag
from vain.web.services import Services
from vain.web.values import text
from vain.windows import Interval, window_of

MOST_ITEMS = 100_000
FORMATS = ("json", "csv")
PARAMETERS = (
    *parameters.WINDOW,
    Parameter("interval", Interval, "The length of the buckets; not given: what fits the window."),
    Parameter("timezone", parameters.Found, "Whose days and weeks the buckets are: an IANA name.", "UTC"),
    Parameter(
        "forecast",
        Annotated[int, Meta(ge=1, le=MOST_ITEMS)],
        "When so many more tasks will be done; not given: all that are open.",
    ),
    Parameter("name", parameters.Found, "Only tasks of this name."),
    Parameter("key", parameters.Found, "Only runs of this recurring job."),
    parameters.TAG,
    Parameter("priority", Priority, "Only tasks of this priority."),
    Parameter("host", SourceHost, "Only attempts that were made on this machine."),
    parameters.Q,
)


@operation(
    "showVisualizations",
    Answer(200, "Charts and figures.", Visualizations, headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="visualizations",
    headers=(parameters.IF_NONE_MATCH,),
    parameters=PARAMETERS,
)
async def show(services: Services, request: Request) -> Response:
    """All charts of a window, and the figures beside them."""
    found = await services.charts.get(_asked(request.parameters()))
    body = encode(found)
    # All but the first field, which is the time of making: they are made anew every few seconds.
    return Response(body, headers={"ETag": weak_tag(body.partition(b",")[2])})


@operation(
    "showChart",
    Answer(200, "The chart.", Chart, media=(CSV_TYPE,), headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="visualizations",
    headers=(parameters.IF_NONE_MATCH,),
    parameters=(*PARAMETERS, Parameter("format", Literal["json", "csv"], "As a table for spreadsheets.", "json")),
)
async def show_chart(services: Services, request: Request, chart: str) -> Response:
    """One chart."""
    given = request.parameters()
    form = given.get("format", "json")
    if form not in FORMATS:
        raise _malformed("format", f"One of {', '.join(FORMATS)} is expected.")
    for candidate in (await services.charts.get(_asked(given))).charts:
        if candidate.id == chart:
            body = encode(candidate)
            tag = {"ETag": weak_tag(body)}
            return _table(candidate, tag) if form == "csv" else Response(body, headers=tag)
    raise NotFound(f"There is no chart {chart[:100]!r}.")


def _asked(given: Mapping[str, str]) -> Asked:
    after, before, interval, timezone = map(given.get, ("after", "before", "interval", "timezone"))
    window = window_of(after, before, interval, timezone, time.time())
    items = whole_number(given, "forecast", 0, 1, MOST_ITEMS) if "forecast" in given else None
    return Asked(window, _tasks(given), items)


def _tasks(given: Mapping[str, str]) -> AttemptQuery:
    for parameter in ("name", "key", "tag", "q"):
        if parameter in given and not 0 < len(given[parameter]) <= LONGEST_TEXT:
            raise _malformed(parameter, f"1 to {LONGEST_TEXT} characters are expected.")
    priority = given.get("priority")
    if priority is not None and priority not in PRIORITIES:
        raise _malformed("priority", f"One of {', '.join(PRIORITIES)} is expected.")
    name, key, tag = map(given.get, ("name", "key", "tag"))
    return AttemptQuery(name, key, tag, priority, given.get("q", ""), text(given, "host", LONGEST_HOST))


def _table(chart: Chart, tag: Mapping[str, str]) -> Response:
    """The chart's columns as CSV: the same numbers as in JSON, an unknown one an empty cell."""
    body = lines([chart.data, *zip(*chart.data.values(), strict=True)])
    headers = {"Content-Disposition": f'attachment; filename="vain-{chart.id}.csv"', **tag}
    return Response(body, content_type=CSV_TYPE, headers=headers)


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
