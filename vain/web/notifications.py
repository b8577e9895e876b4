"""``/notifications`` and ``/notifications/{notification_id}``."""

from __future__ import annotations

from msgspec import Struct

from vain.codec import decode, encode
from vain.web.http import Request, Response, whole_number
from vain.web.services import Services

DEFAULT_LIMIT = 100
LARGEST_LIMIT = 1_000


class ReadMark(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a PATCH."""

    read: bool


async def list_notifications(services: Services, request: Request) -> Response:
    """The newest, newest first."""
    limit = whole_number(request.parameters("limit"), "limit", DEFAULT_LIMIT, 1, LARGEST_LIMIT)
    return Response(encode(await services.notifier.recent(limit)))


async def mark_notification(services: Services, request: Request, notification_id: int) -> Response:
    """Set whether it was read."""
    request.parameters()
    mark = decode(ReadMark, request.body)
    return Response(encode(await services.notifier.mark_read(notification_id, mark.read)))
