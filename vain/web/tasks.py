"""``/tasks`` and ``/tasks/{task_id}``."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable

from vain.codec import decode
from vain.errors import Flaw, Malformed
from vain.tracker import Made, fingerprint
from vain.types import TaskDraft, TaskPatch
from vain.web.http import Request, Response
from vain.web.services import Services

LONGEST_KEY = 255
ENTITY_TAG = re.compile(r'"(?P<task_id>\d{1,16})-(?P<version>\d{1,16})"')


async def list_tasks(services: Services, request: Request) -> Response:
    """All tasks, oldest first, sent in parts."""
    request.parameters()
    total, parts = await services.tracker.stream()
    headers = {"X-Total-Count": str(total)}
    first: list[bytes] = await anext(parts, [])
    second = await anext(parts, None)
    if second is None:
        return Response(b"[" + b",".join(first) + b"]", headers=headers)
    return Response(_array(first, second, parts), headers=headers)


async def create_task(services: Services, request: Request) -> Response:
    """A new task: 201, where it is, and the whole of it."""
    request.parameters()
    key = _idempotency_key(request)
    draft = decode(TaskDraft, request.body)
    made = await services.tracker.create(draft, key, fingerprint(request.body) if key else b"")
    return _task(made, 201, {"Location": f"/tasks/{made.task_id}"})


def show_task(services: Services, request: Request, task_id: int) -> Response | Awaitable[Response]:
    """One task; at once if it changed lately, as most that are asked for have."""
    request.parameters()
    made = services.tracker.at_hand(task_id)
    return _stored_task(services, task_id) if made is None else _task(made, 200, {})


async def _stored_task(services: Services, task_id: int) -> Response:
    return _task(await services.tracker.get(task_id), 200, {})


async def show_changes(services: Services, request: Request, task_id: int) -> Response:
    """Every change of a task, oldest first, as it was sent on ``/ws/tasks``."""
    request.parameters()
    return Response(_joined(await services.tracker.changes(task_id)))


async def update_task(services: Services, request: Request, task_id: int) -> Response:
    """Set the fields that are given; the others stay."""
    request.parameters()
    made = await services.tracker.update(task_id, decode(TaskPatch, request.body), _expected(request, task_id))
    return _task(made, 200, {})


async def delete_task(services: Services, request: Request, task_id: int) -> Response:
    """Delete one task: 204, and 404 ever after."""
    request.parameters()
    await services.tracker.delete(task_id, _expected(request, task_id))
    return Response(status=204)


def _task(made: Made, status: int, headers: dict[str, str]) -> Response:
    return Response(made.body, status=status, headers=headers | {"ETag": f'"{made.task_id}-{made.version}"'})


async def _array(first: list[bytes], second: list[bytes], parts: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    yield b"[" + b",".join(first)
    yield b"," + b",".join(second)
    async for bodies in parts:
        yield b"," + b",".join(bodies)
    yield b"]"


async def _joined(parts: AsyncIterator[list[bytes]]) -> AsyncIterator[bytes]:
    separator = b"["
    async for bodies in parts:
        yield separator + b",".join(bodies)
        separator = b","
    yield b"[]" if separator == b"[" else b"]"


def _expected(request: Request, task_id: int) -> set[int] | None:
    """The versions that ``If-Match`` allows (RFC 9110, section 13.1.1); None: any."""
    text = request.headers.get("If-Match")
    if text is None or text.strip() == "*":
        return None
    tags = (ENTITY_TAG.fullmatch(tag.strip()) for tag in text.split(","))
    # A tag that is not one of ours, or of another task, matches nothing.
    return {int(tag["version"]) for tag in tags if tag and int(tag["task_id"]) == task_id}


def _idempotency_key(request: Request) -> str | None:
    """The header's value, which may stand in quotes (a structured-field string) or bare."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    key = text.strip().removeprefix('"').removesuffix('"')
    if 0 < len(key) <= LONGEST_KEY and key.isprintable():
        # Each caller has keys of its own.
        return f"{request.identity.key_id or ''}/{key}"
    detail = f"Idempotency-Key: 1 to {LONGEST_KEY} printable characters are expected."
    raise Malformed(detail, [Flaw(detail, parameter="Idempotency-Key")])
