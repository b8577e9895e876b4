"""``/visualizations`` and ``/visualizations/{chart}``, the latter also as CSV."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping

from vain.codec import encode
from vain.errors import Flaw, Malformed, NotFound
from vain.flow.attempts import AttemptQuery
from vain.flow.figures import Cell, Chart
from vain.types import PRIORITIES
from vain.visuals import Asked
from vain.web.http import Request, Response, whole_number
from vain.web.services import Services
from vain.windows import window_of

LONGEST_TEXT = 200
MOST_ITEMS = 100_000
CSV_TYPE = "text/csv; charset=utf-8; header=present"
FORMATS = ("json", "csv")
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula, and runs it."""
_PARAMETERS = ("after", "before", "interval", "timezone", "forecast", "name", "key", "tag", "priority", "q")


async def show(services: Services, request: Request) -> Response:
    """All charts of a window, and the figures beside them."""
    asked = _asked(request.parameters(*_PARAMETERS))
    return Response(encode(await services.charts.get(asked)))


async def show_chart(services: Services, request: Request, chart: str) -> Response:
    """One chart."""
    given = request.parameters(*_PARAMETERS, "format")
    form = given.get("format", "json")
    if form not in FORMATS:
        raise _malformed("format", f"One of {', '.join(FORMATS)} is expected.")
    for candidate in (await services.charts.get(_asked(given))).charts:
        if candidate.id == chart:
            return _table(candidate) if form == "csv" else Response(encode(candidate))
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
    return AttemptQuery(name, key, tag, priority, given.get("q", ""))


def _table(chart: Chart) -> Response:
    """The chart's columns as CSV: the same numbers as in JSON, an unknown one an empty cell."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(map(_harmless, chart.data))
    rows.writerows(map(_harmless, row) for row in zip(*chart.data.values(), strict=True))
    headers = {"Content-Disposition": f'attachment; filename="vain-{chart.id}.csv"'}
    return Response(text.getvalue().encode(), content_type=CSV_TYPE, headers=headers)


def _harmless(cell: Cell) -> Cell:
    """Names come from anybody: as text, a cell is never a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
