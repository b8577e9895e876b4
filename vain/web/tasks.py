"""``/tasks``, ``/tasks/{task_id}``, and what the processes that do the work send: that they live, what they put out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable
from typing import Annotated

from msgspec import Meta, Struct

from vain.codec import decode, encode
from vain.errors import Flaw, Malformed
from vain.tracker import Made, Report, fingerprint
from vain.types import LARGEST_INTEGER, TaskDraft, TaskId, TaskPatch
from vain.web.http import Request, Response, whole_number
from vain.web.services import Services

LONGEST_KEY = 255
MOST_BEATS = 1_000
LONGEST_AGO_SECONDS = 30 * 86_400.0
LONGEST_BEAT_SECONDS = 3_600.0
SECONDS = re.compile(r"\d{1,7}(\.\d{1,6})?", re.ASCII)
RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
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
    report = Report(_ago_seconds(request), _run_id(request, key), request.headers.get("Vain-Parent-Run"))
    made = await services.tracker.create(draft, key, fingerprint(request.body) if key else b"", report)
    _expect_beats(services, request, made)
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


async def show_runs(services: Services, request: Request, task_id: int) -> Response:
    """The runs of the same key or name that succeeded before this one began, the newest first."""
    request.parameters()
    return Response(encode(await services.tracker.runs(task_id)))


async def update_task(services: Services, request: Request, task_id: int) -> Response:
    """Set the fields that are given; the others stay."""
    request.parameters()
    patch, report = decode(TaskPatch, request.body), Report(_ago_seconds(request))
    made = await services.tracker.update(task_id, patch, _expected(request, task_id), report)
    _expect_beats(services, request, made)
    return _task(made, 200, {})


async def delete_task(services: Services, request: Request, task_id: int) -> Response:
    """Delete one task: 204, and 404 ever after."""
    request.parameters()
    await services.tracker.delete(task_id, _expected(request, task_id))
    return Response(status=204)


class Beats(Struct, frozen=True, forbid_unknown_fields=True):
    """The tasks of a process that lives."""

    tasks: Annotated[list[TaskId], Meta(max_length=MOST_BEATS)]


class BeatsAnswer(Struct, frozen=True):
    """Those of them that are not in progress, or not known."""

    unknown: list[int]


def take_beats(services: Services, request: Request) -> Response:
    """The process that does these tasks lives; nothing is said of how far they are."""
    request.parameters()
    return Response(encode(BeatsAnswer(services.vigil.beat(decode(Beats, request.body).tasks))))


async def show_log(services: Services, request: Request, task_id: int) -> Response:
    """The end of a task's output, from a position on; the headers say which part of all of it this is."""
    after = whole_number(request.parameters("after"), "after", 0, 0, LARGEST_INTEGER)
    begin, body = await services.tracker.log(task_id, after)
    headers = {"Vain-Log-Offset": str(begin), "Vain-Log-End": str(begin + len(body))}
    return Response(body, content_type="text/plain; charset=utf-8", headers=headers)


async def add_log(services: Services, request: Request, task_id: int) -> Response:
    """More of a task's output: 204. With ``Vain-Log-Offset`` what is there already is not taken twice."""
    request.parameters()
    given = request.headers.get("Vain-Log-Offset")
    offset = (
        None if given is None else whole_number({"Vain-Log-Offset": given}, "Vain-Log-Offset", 0, 0, LARGEST_INTEGER)
    )
    await services.tracker.add_log(task_id, request.body, offset)
    # Who writes lives: a reporter that has just sent output sends no beat.
    services.vigil.beat([task_id])
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


def _ago_seconds(request: Request) -> float:
    """So long ago it happened, since the server was away."""
    return _header_seconds(request, "Vain-Ago", LONGEST_AGO_SECONDS) or 0.0


def _expect_beats(services: Services, request: Request, made: Made) -> None:
    seconds = _header_seconds(request, "Vain-Beat-Seconds", LONGEST_BEAT_SECONDS)
    if seconds:
        services.vigil.expect_beats(made.task_id, seconds)


def _header_seconds(request: Request, name: str, most: float) -> float | None:
    text = request.headers.get(name)
    if text is None:
        return None
    if SECONDS.fullmatch(text) and float(text) <= most:
        return float(text)
    detail = f"{name}: a number of seconds from 0 to {most:g} is expected."
    raise Malformed(detail, [Flaw(detail, parameter=name)])


def _run_id(request: Request, key: str | None) -> str | None:
    """What a reporter of ours calls its task: its key, where that has the form of one."""
    run_id = (key or "").rpartition("/")[2]
    return run_id if RUN_ID.fullmatch(run_id) else None


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
