"""``GET /tasks/page``: what the board shows at once, for people who turn pages. Programs read ``/tasks``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, get_args

from msgspec import Meta

from vain.clock import utc
from vain.codec import encode
from vain.types import (
    LARGEST_INTEGER,
    OUTCOMES,
    PRIORITIES,
    SORTS,
    STATUSES,
    Label,
    Outcome,
    Priority,
    Status,
    TaskId,
    TaskPage,
    TaskQuery,
    Trouble,
)
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.parameters import LONGEST_HOST, LONGEST_TEXT, Moment
from vain.web.services import Services
from vain.web.task_list import LONGEST_LABEL
from vain.web.values import one_of, text
from vain.windows import seconds_of

LARGEST_PAGE = 1_000
DEFAULT = TaskQuery()
TROUBLES: tuple[Trouble, ...] = get_args(Trouble)
WAYS = tuple(f"{sign}{column}" for column in SORTS for sign in ("", "-"))
Way = Annotated[str, Meta(pattern=f"^-?({'|'.join(SORTS)})$")]

_PARAMETERS = (
    Parameter("status", Status, "Only tasks that stand so."),
    Parameter("priority", Priority, "Only tasks of this priority."),
    Parameter("outcome", Outcome, "Only tasks that ended so."),
    Parameter("tag", Label, "Only tasks with this tag."),
    parameters.Q,
    Parameter(
        "trouble", Trouble, "Only tasks that are `stale`, `overdue`, `late` (one of both), `failed`, or any of it."
    ),
    Parameter("completed_after", Moment, "Only tasks completed then or later."),
    Parameter("task_id", TaskId, "Only this task."),
    parameters.TASK_HOST,
    Parameter("sort", Way, "One field, with `-` in front for the other direction.", DEFAULT.sort),
    Parameter("limit", Annotated[int, Meta(ge=1, le=LARGEST_PAGE)], "How many at most.", DEFAULT.limit),
    Parameter("offset", Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)], "How many stand on the pages before.", 0),
)


@operation(
    "showTaskPage",
    Answer(200, "The page, how many match in all, and the counts of all tasks.", TaskPage, headers=parameters.AS_OF),
    tag="tasks",
    parameters=_PARAMETERS,
)
async def show(services: Services, request: Request) -> Response:
    """A page of tasks by its place, with counts: what the board shows."""
    page = await services.tracker.page(_query(request.parameters(), time.time()))
    return Response(encode(page), headers=services.as_of(page.seq))


def _query(given: Mapping[str, str], now: float) -> TaskQuery:
    moment = utc(seconds_of(given["completed_after"], now, "completed_after")) if "completed_after" in given else None
    return TaskQuery(
        one_of(given, "status", STATUSES),
        one_of(given, "priority", PRIORITIES),
        one_of(given, "outcome", OUTCOMES),
        text(given, "q", LONGEST_TEXT) or "",
        one_of(given, "sort", WAYS) or DEFAULT.sort,
        whole_number(given, "limit", DEFAULT.limit, 1, LARGEST_PAGE),
        whole_number(given, "offset", 0, 0, LARGEST_INTEGER),
        text(given, "tag", LONGEST_LABEL),
        one_of(given, "trouble", TROUBLES),
        moment,
        whole_number(given, "task_id", 0, 1, LARGEST_INTEGER) if "task_id" in given else None,
        text(given, "host", LONGEST_HOST),
    )
