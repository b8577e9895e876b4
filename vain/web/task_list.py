"""``GET /tasks``: filtered, sorted, in pages or all at once; and ``GET /tasks/{task_id}/history``."""

from __future__ import annotations

import time
from collections.abc import Mapping
from hashlib import blake2b
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from msgspec import UNSET, Meta, Struct, UnsetType, defstruct, structs

from vain.clock import utc
from vain.codec import encode
from vain.listing import (
    LARGEST_LIMIT,
    LONGEST_CURSOR,
    OLDEST_FIRST,
    Listing,
    TaskFilter,
    cursor_of,
    parse_orders,
    place_of,
    sort_text,
)
from vain.messages import TaskUpdate
from vain.types import (
    LARGEST_INTEGER,
    OUTCOMES,
    PRIORITIES,
    SORTS,
    STATUSES,
    Label,
    Task,
    TaskId,
)
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.negotiation import VARIES, chosen
from vain.web.parameters import LONGEST_HOST, LONGEST_TEXT, MOST_HOSTS, Moment
from vain.web.preconditions import conditional
from vain.web.services import Services
from vain.web.task_forms import FORMS, event_rows, response, task_rows
from vain.web.values import any_of, flag, malformed, several, text
from vain.windows import seconds_of

LONGEST_LABEL = 64
MOST_TAGS = 10
OTHER_FORMS = tuple(media_type for form, media_type in FORMS.items() if form != "json")
FORMAT = Parameter("format", Literal["json", "ndjson", "csv", "parquet"], "Goes before the `Accept` header.")
_TIMES = ("created_after", "created_before", "completed_after", "completed_before")
_FIELD = "(?:" + "|".join(Task.__struct_fields__) + ")"
_COLUMN = "-?(?:" + "|".join(SORTS) + ")"

LIST_PARAMETERS = (
    Parameter("status", parameters.one_or_more(STATUSES), "Only tasks that stand so, or in one of these ways."),
    Parameter("priority", parameters.one_or_more(PRIORITIES), "Only tasks of this priority, or one of these."),
    Parameter("outcome", parameters.one_or_more(OUTCOMES), "Only tasks that ended so, or in one of these ways."),
    parameters.TASK_HOSTS,
    Parameter("tag", Label, "Only tasks with this tag; given several times, with all of them.", many=True),
    Parameter("key", Label, "Only runs of this recurring job."),
    Parameter("parent_id", TaskId, "Only the tasks whose parent this is."),
    Parameter("stale", bool, "Only tasks that broke their promise to report, or only others."),
    Parameter("overdue", bool, "Only tasks whose `due_at` has passed, or only others."),
    parameters.Q,
    Parameter("created_after", Moment, "Only tasks created then or later."),
    Parameter("created_before", Moment, "Only tasks created earlier."),
    Parameter("completed_after", Moment, "Only tasks completed then or later."),
    Parameter("completed_before", Moment, "Only tasks completed earlier."),
    Parameter(
        "sort",
        Annotated[str, Meta(pattern=f"^{_COLUMN}(?:,{_COLUMN}){{0,3}}$", examples=["-priority,created_at"])],
        "Fields with commas between, `-` turns one around; equal ones by number, unknown ones last.",
        "task_id",
    ),
    Parameter("limit", Annotated[int, Meta(ge=1, le=LARGEST_LIMIT)], "How many at most; not given: all that match."),
    Parameter(
        "cursor", Annotated[str, Meta(max_length=LONGEST_CURSOR)], "Where the page begins, from a `Link` header."
    ),
    Parameter(
        "fields",
        Annotated[str, Meta(pattern=f"^{_FIELD}(?:,{_FIELD})*$", examples=["task_id,name,status"])],
        "Only these fields of each task, with commas between.",
    ),
    FORMAT,
)


TaskPart = defstruct("TaskPart", [(each.name, each.type | UnsetType, UNSET) for each in structs.fields(Task)])
TaskPart.__doc__ = "Those fields of a task that ``fields`` names."


class _Asked(Struct, frozen=True):
    listing: Listing
    fields: tuple[str, ...] | None
    form: str


@operation(
    "listTasks",
    Answer(
        200,
        "The tasks; with `fields` only those of each.",
        list[Task],
        media=OTHER_FORMS,
        headers=(*parameters.AS_OF, "X-Total-Count", "Link", "ETag"),
        part=list[TaskPart],  # type: ignore[valid-type]  # mypy does not see what is made while running
    ),
    parameters.NOT_MODIFIED,
    tag="tasks",
    parameters=LIST_PARAMETERS,
    headers=(parameters.IF_NONE_MATCH,),
    refuses=(406,),
)
async def list_tasks(services: Services, request: Request) -> Response:
    """The tasks that match, all of them or in pages; the oldest first unless sorted otherwise."""
    asked = _asked(request, time.time())
    known = conditional(request.headers, Response(headers=_tagged(services, asked, services.hub.seq)))
    if known.status != 200:
        return known
    listed = await services.tracker.listed(asked.listing)
    headers = _tagged(services, asked, listed.seq)
    headers |= {"X-Total-Count": str(listed.total), **services.as_of(listed.seq)}
    if listed.follow is not None:
        headers["Link"] = f'</tasks?{_next_query(request, asked, cursor_of(asked.listing, listed.follow))}>; rel="next"'
    return await response(task_rows(listed.parts, asked.fields), asked.form, "vain-tasks", headers)


@operation(
    "listChanges",
    Answer(200, "The changes, oldest first.", list[TaskUpdate], media=OTHER_FORMS),
    tag="tasks",
    parameters=(FORMAT,),
    refuses=(406,),
)
async def show_changes(services: Services, request: Request, task_id: int) -> Response:
    """Every change of a task, oldest first, as it was sent on ``/ws/tasks``."""
    form = _form(request, request.parameters())
    rows = event_rows(await services.tracker.changes(task_id))
    return await response(rows, form, f"vain-task-{task_id}", {})


def _asked(request: Request, now: float) -> _Asked:
    given = request.parameters(repeatable=("tag",))
    listing = Listing(
        _filter(given, request.values("tag") if "tag" in given else (), now),
        parse_orders(given["sort"]) if "sort" in given else OLDEST_FIRST,
        whole_number(given, "limit", 0, 1, LARGEST_LIMIT) if "limit" in given else None,
    )
    if "cursor" in given:
        listing = Listing(listing.filter, listing.sort, listing.limit, place_of(listing, given["cursor"]))
    return _Asked(listing, _fields(given.get("fields")), _form(request, given))


def _filter(given: Mapping[str, str], tags: tuple[str, ...], now: float) -> TaskFilter:
    if len(tags) > MOST_TAGS:
        raise malformed("tag", f"At most {MOST_TAGS} are expected.")
    for tag in tags:
        text({"tag": tag}, "tag", LONGEST_LABEL)
    moments = {name: utc(seconds_of(given[name], now, name)) for name in _TIMES if name in given}
    wanted = TaskFilter(
        status=any_of(given, "status", STATUSES),
        priority=any_of(given, "priority", PRIORITIES),
        outcome=any_of(given, "outcome", OUTCOMES),
        host=several(given, "host", LONGEST_HOST, MOST_HOSTS),
        # In one order, so that what means the same is the same list.
        tags=tuple(sorted(set(tags))),
        key=text(given, "key", LONGEST_LABEL),
        parent_id=whole_number(given, "parent_id", 0, 1, LARGEST_INTEGER) if "parent_id" in given else None,
        stale=flag(given, "stale"),
        overdue=flag(given, "overdue"),
        text=text(given, "q", LONGEST_TEXT) or "",
    )
    return structs.replace(wanted, **moments)


def _form(request: Request, given: Mapping[str, str]) -> str:
    return chosen(given.get("format"), request.headers.get("Accept"), FORMS)


def _fields(text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    names = tuple(text.split(","))
    for name in names:
        if name not in Task.__struct_fields__:
            raise malformed("fields", f"There is no field {name[:LONGEST_LABEL]!r}; names with commas are expected.")
    return tuple(dict.fromkeys(names))


def _tagged(services: Services, asked: _Asked, seq: int) -> dict[str, str]:
    """The same list of the same moment is the same answer."""
    digest = blake2b(encode(asked), digest_size=9).hexdigest()
    return {"ETag": f'W/"{services.hub.epoch}-{seq}-{digest}"', **VARIES}


def _next_query(request: Request, asked: _Asked, cursor: str) -> str:
    """The query of the next page. Times stand in it as they are: "an hour ago" would be another hour by then."""
    wanted, listing = asked.listing.filter, asked.listing
    named: dict[str, Any] = {
        "status": ",".join(wanted.status) or None,
        "priority": ",".join(wanted.priority) or None,
        "outcome": ",".join(wanted.outcome) or None,
        "host": ",".join(wanted.host) or None,
        "tag": wanted.tags,
        "key": wanted.key,
        "parent_id": wanted.parent_id,
        "stale": None if wanted.stale is None else str(wanted.stale).lower(),
        "overdue": None if wanted.overdue is None else str(wanted.overdue).lower(),
        "q": wanted.text or None,
        **{name: getattr(wanted, name) for name in _TIMES},
        "sort": sort_text(listing.sort) if listing.sort != OLDEST_FIRST else None,
        "limit": listing.limit,
        "fields": None if asked.fields is None else ",".join(asked.fields),
        "format": request.parameters(repeatable=("tag",)).get("format"),
        "cursor": cursor,
    }
    return urlencode({name: value for name, value in named.items() if value is not None}, doseq=True)
