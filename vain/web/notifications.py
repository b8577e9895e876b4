"""``/notifications`` and ``/notifications/{notification_id}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeVar, get_args

from msgspec import Meta, Struct

from vain.codec import encode, received
from vain.errors import Flaw, Invalid, Malformed
from vain.notification import Notification
from vain.told import NotificationQuery
from vain.types import LARGEST_INTEGER, Level
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.preconditions import weak_tag
from vain.web.services import Services

T = TypeVar("T", bound=str)

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1_000
LEVELS: tuple[Level, ...] = get_args(Level)
Answered = Literal["true", "false"]
ANSWERS: tuple[Answered, ...] = get_args(Answered)
KIND = r"^[a-z-]{1,40}(\.[a-z-]{1,40})?$"


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a PATCH: at least one of both. ``acknowledged``: somebody takes care of what a rule tells."""

    read: bool | None = None
    acknowledged: Literal[True] | None = None


@operation(
    "listNotifications",
    Answer(200, "The notifications.", list[Notification], headers=("ETag",)),
    parameters.NOT_MODIFIED,
    tag="notifications",
    headers=(parameters.IF_NONE_MATCH,),
    parameters=(
        Parameter("limit", Annotated[int, Meta(ge=1, le=LARGEST_LIMIT)], "How many at most.", DEFAULT_LIMIT),
        Parameter(
            "before", Annotated[int, Meta(ge=1, le=LARGEST_INTEGER)], "Only those older than the one of this number."
        ),
        Parameter("level", Level, "Only those of this level."),
        Parameter("kind", Annotated[str, Meta(pattern=KIND)], "Only `task.failed`, or with `task` all of tasks."),
        Parameter("quiet", Answered, "`false`: only what somebody should look at; `true`: only the rest."),
        Parameter("read", Answered, "`false`: only what nobody marked as read; `true`: only what somebody did."),
    ),
)
async def list_notifications(services: Services, request: Request) -> Response:
    """The newest, newest first. The number of the last is the ``before`` of those that follow."""
    body = encode(await services.notifier.newest(asked(request.parameters())))
    return Response(body, headers={"ETag": weak_tag(body)})


def asked(given: Mapping[str, str]) -> NotificationQuery:
    """What the parameters ask for. Raises Malformed that names one."""
    quiet, read = (_one_of(given, name, ANSWERS) for name in ("quiet", "read"))
    return NotificationQuery(
        whole_number(given, "limit", DEFAULT_LIMIT, 1, LARGEST_LIMIT),
        whole_number(given, "before", 0, 1, LARGEST_INTEGER) or None,
        _one_of(given, "level", LEVELS),
        _kind(given.get("kind")),
        None if quiet is None else quiet == "true",
        None if read is None else read == "true",
    )


def _one_of(given: Mapping[str, str], parameter: str, known: tuple[T, ...]) -> T | None:
    text = given.get(parameter)
    found = next((each for each in known if each == text), None)
    if text is not None and found is None:
        raise _malformed(parameter, f"One of {', '.join(known)} is expected.")
    return found


def _kind(text: str | None) -> str | None:
    if text is not None and re.fullmatch(KIND, text) is None:
        raise _malformed("kind", "A kind (task.failed) or its first word (task) is expected.")
    return text


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])


@operation(
    "markNotification",
    Answer(200, "The notification.", Notification),
    tag="notifications",
    body=Mark,
    refuses=(409,),
)
async def mark_notification(services: Services, request: Request, notification_id: int) -> Response:
    """Set whether it was read, or acknowledge what a rule tells: while it fires it is not told again."""
    request.parameters()
    mark = received(Mark, request.body)
    if mark.read is None and mark.acknowledged is None:
        detail = "read or acknowledged is expected."
        raise Invalid(detail, [Flaw(detail, pointer="")])
    if mark.acknowledged:
        await services.alarms.acknowledge(notification_id)
    is_read = True if mark.read is None else mark.read
    return Response(encode(await services.notifier.mark_read(notification_id, is_read)))
