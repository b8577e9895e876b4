"""``POST /tasks/bulk`` and ``POST /tasks/bulk-update``: many tasks in one go, all of them or none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, TypeVar

from msgspec import Meta, Struct

from vain.batches import LARGEST_BATCH, Batch
from vain.codec import received
from vain.tracker import Named, Report, fingerprint
from vain.types import Task, TaskDraft, TaskId, TaskMerge
from vain.web import parameters
from vain.web.declared import Answer, operation
from vain.web.http import Request, Response
from vain.web.services import Services
from vain.web.tasks import ago_seconds, idempotency_key

T = TypeVar("T")

LARGEST_BODY_BYTES = 2 << 20
AT_ONCE_BYTES = 32 << 10
"""What is longer is read beside the event loop."""

Drafts = Annotated[list[TaskDraft], Meta(min_length=1, max_length=LARGEST_BATCH)]


class BatchUpdate(Struct, frozen=True, forbid_unknown_fields=True):
    """Which tasks are changed, and what is changed in each of them: a merge patch (RFC 7396)."""

    ids: Annotated[list[TaskId], Meta(min_length=1, max_length=LARGEST_BATCH)]
    patch: TaskMerge


@operation(
    "createTasks",
    Answer(201, "The tasks that were made, in the order of the drafts.", list[Task], headers=parameters.AS_OF),
    tag="tasks",
    headers=(parameters.IDEMPOTENCY_KEY, parameters.AGO),
    body=Drafts,
    refuses=(409,),
)
async def create_tasks(services: Services, request: Request) -> Response:
    """Up to 500 new tasks, all of them or none; a pointer such as `/3/name` says which draft is wrong."""
    request.parameters()
    key = idempotency_key(request)
    named = None if key is None else Named(key, fingerprint(request.body))
    drafts: list[TaskDraft] = await _read(lambda: received(Drafts, request.body), request)
    return _answer(services, await services.tracker.create_many(drafts, named, Report(ago_seconds(request))), 201)


@operation(
    "updateTasks",
    Answer(200, "The tasks after the change, in the order of `ids`.", list[Task], headers=parameters.AS_OF),
    tag="tasks",
    headers=(parameters.AGO,),
    body=BatchUpdate,
    refuses=(404, 409),
)
async def update_tasks(services: Services, request: Request) -> Response:
    """The same change to up to 500 tasks, to all of them or none; null resets a field."""
    request.parameters()
    wanted = await _read(lambda: received(BatchUpdate, request.body), request)
    numbers = tuple(dict.fromkeys(wanted.ids))
    return _answer(
        services, await services.tracker.update_many(numbers, wanted.patch, Report(ago_seconds(request))), 200
    )


async def _read(read: Callable[[], T], request: Request) -> T:
    return read() if len(request.body) <= AT_ONCE_BYTES else await asyncio.to_thread(read)


def _answer(services: Services, batch: Batch, status: int) -> Response:
    return Response(batch.body, status=status, headers=services.as_of(batch.seq))
