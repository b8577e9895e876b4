"""``/tasks/lanes``: the tasks of a window as bars in rows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, TypeVar

from msgspec import Meta

from vain.codec import encode
from vain.errors import Flaw, Malformed
from vain.lanes import DEFAULT_PIXELS, DEFAULT_ROWS, MOST_PIXELS, MOST_ROWS, SHORTEST_SECONDS, LaneQuery, Lanes
from vain.types import LARGEST_INTEGER, OUTCOMES, STATUSES, Outcome, SourceHost, Status, TaskId
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.parameters import LONGEST_HOST, LONGEST_TEXT
from vain.web.services import Services
from vain.web.values import text
from vain.windows import seconds_of

DEFAULT_SECONDS = 3_600.0

T = TypeVar("T", bound=str)


@operation(
    "listLanes",
    Answer(200, "The bars, row by row.", Lanes),
    tag="tasks",
    parameters=(
        *parameters.WINDOW,
        Parameter(
            "width", Annotated[int, Meta(ge=1, le=MOST_PIXELS)], "How many pixels wide it is drawn.", DEFAULT_PIXELS
        ),
        Parameter("rows", Annotated[int, Meta(ge=1, le=MOST_ROWS)], "How many rows there may be.", DEFAULT_ROWS),
        parameters.Q,
        Parameter("status", Status, "Only attempts that stand so."),
        Parameter("outcome", Outcome, "Only attempts that ended so."),
        parameters.TAG,
        Parameter("task_id", TaskId, "Only this task and all below it."),
        Parameter("host", SourceHost, "Only attempts that had processes on this machine."),
    ),
)
async def show(services: Services, request: Request) -> Response:
    """The bars of a window, and what of it there was no room for."""
    given = request.parameters()
    return Response(encode(await services.timelines.lanes(_query(given, time.time()))))


def _query(given: Mapping[str, str], now: float) -> LaneQuery:
    before = seconds_of(given["before"], now, "before") if "before" in given else now
    after = seconds_of(given["after"], now, "after") if "after" in given else max(0.0, before - DEFAULT_SECONDS)
    if before - after < SHORTEST_SECONDS:
        raise _malformed("after", "It must be earlier than 'before', by a second or more.")
    for parameter in ("q", "tag"):
        if parameter in given and not 0 < len(given[parameter]) <= LONGEST_TEXT:
            raise _malformed(parameter, f"1 to {LONGEST_TEXT} characters are expected.")
    return LaneQuery(
        after,
        before,
        whole_number(given, "width", DEFAULT_PIXELS, 1, MOST_PIXELS),
        whole_number(given, "rows", DEFAULT_ROWS, 1, MOST_ROWS),
        given.get("q", ""),
        _one_of(given, "status", STATUSES),
        _one_of(given, "outcome", OUTCOMES),
        given.get("tag"),
        whole_number(given, "task_id", 0, 1, LARGEST_INTEGER) if "task_id" in given else None,
        text(given, "host", LONGEST_HOST),
    )


def _one_of(given: Mapping[str, str], parameter: str, known: tuple[T, ...]) -> T | None:
    word = given.get(parameter)
    found = next((each for each in known if each == word), None)
    if word is not None and found is None:
        raise _malformed(parameter, f"One of {', '.join(known)} is expected.")
    return found


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
