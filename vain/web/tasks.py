"""``/tasks``, ``/tasks/{task_id}``, and what the processes that do the work send: that they live, what they put out."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from vain.codec import encode, received
from vain.errors import Flaw, Malformed
from vain.tracker import Made, Report, fingerprint
from vain.types import LARGEST_INTEGER, Task, TaskDraft, TaskId, TaskMerge, TaskPatch
from vain.web import parameters
from vain.web.declared import Answer, Parameter, operation
from vain.web.http import Request, Response, whole_number
from vain.web.parameters import LONGEST_AGO_SECONDS, LONGEST_BEAT_SECONDS, LONGEST_KEY
from vain.web.preconditions import versions
from vain.web.services import Services

MOST_BEATS = 1_000
SECONDS = re.compile(r"\d{1,7}(\.\d{1,20})?(e-\d{1,3})?", re.ASCII)
LONGEST_RUN = 255
RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
QUOTED, ESCAPED = re.compile(r'"(?:[^"\\]|\\["\\])*"'), re.compile(r'\\(["\\])')

TEXT = "text/plain; charset=utf-8"
AFTER_MAKING = {
    name: {"task_id": "$response.body#/task_id"}
    for name in ("showTask", "updateTask", "mergeTask", "deleteTask", "listChanges")
}
"""What may be done with a task that was just made."""


@operation(
    "createTask",
    Answer(201, "The task that was made.", Task, headers=(*parameters.AS_OF, "Location", "ETag"), links=AFTER_MAKING),
    tag="tasks",
    headers=(parameters.IDEMPOTENCY_KEY, parameters.AGO, parameters.BEAT, parameters.PARENT_RUN),
    body=TaskDraft,
    refuses=(409,),
)
async def create_task(services: Services, request: Request) -> Response:
    """A new task: 201, where it is, and the whole of it."""
    request.parameters()
    key = idempotency_key(request)
    draft = received(TaskDraft, request.body)
    parent_run = request.headers.get("Vain-Parent-Run")
    known_parent = parent_run if parent_run is not None and len(parent_run) <= LONGEST_RUN else None
    report = Report(ago_seconds(request), _run_id(request, key), known_parent)
    beats = _header_seconds(request, "Vain-Beat-Seconds", LONGEST_BEAT_SECONDS)
    made = await services.tracker.create(draft, key, fingerprint(request.body) if key else b"", report)
    _expect_beats(services, made, beats)
    return _task(services, made, 201, {"Location": f"/tasks/{made.task_id}"})


@operation(
    "showTask",
    Answer(200, "The task.", Task, headers=(*parameters.AS_OF, "ETag")),
    parameters.NOT_MODIFIED,
    tag="tasks",
    headers=(parameters.IF_NONE_MATCH,),
)
def show_task(services: Services, request: Request, task_id: int) -> Response | Awaitable[Response]:
    """One task; at once if it changed lately, as most that are asked for have."""
    request.parameters()
    made = services.tracker.at_hand(task_id)
    return _stored_task(services, task_id) if made is None else _task(services, made)


async def _stored_task(services: Services, task_id: int) -> Response:
    return _task(services, await services.tracker.get(task_id))


@operation("listRuns", Answer(200, "Up to 20 earlier runs, the newest first.", list[Task]), tag="tasks")
async def show_runs(services: Services, request: Request, task_id: int) -> Response:
    """The runs of the same key or name that succeeded before this one began, the newest first."""
    request.parameters()
    return Response(encode(await services.tracker.runs(task_id)))


@operation(
    "updateTask",
    Answer(200, "The task, after the change.", Task, headers=(*parameters.AS_OF, "ETag")),
    tag="tasks",
    headers=(parameters.IF_MATCH, parameters.AGO, parameters.BEAT),
    body=TaskPatch,
    refuses=(409, 412),
)
async def update_task(services: Services, request: Request, task_id: int) -> Response:
    """Set the fields that are given; the others stay."""
    return await _changed(services, request, task_id, received(TaskPatch, request.body))


@operation(
    "mergeTask",
    Answer(200, "The task, after the change.", Task, headers=(*parameters.AS_OF, "ETag")),
    tag="tasks",
    headers=(parameters.IF_MATCH, parameters.AGO, parameters.BEAT),
    body=TaskMerge,
    refuses=(409, 412),
)
async def merge_task(services: Services, request: Request, task_id: int) -> Response:
    """A merge patch (RFC 7396): as PUT, but null resets a field, and objects are put together with what is there."""
    return await _changed(services, request, task_id, received(TaskMerge, request.body))


async def _changed(services: Services, request: Request, task_id: int, patch: TaskPatch | TaskMerge) -> Response:
    request.parameters()
    report = Report(ago_seconds(request))
    beats = _header_seconds(request, "Vain-Beat-Seconds", LONGEST_BEAT_SECONDS)
    made = await services.tracker.update(task_id, patch, versions(request.headers, task_id), report)
    _expect_beats(services, made, beats)
    return _task(services, made)


@operation(
    "deleteTask",
    Answer(204, "It is gone.", headers=parameters.AS_OF),
    tag="tasks",
    headers=(parameters.IF_MATCH,),
    refuses=(412,),
)
async def delete_task(services: Services, request: Request, task_id: int) -> Response:
    """Delete one task: 204, and 404 ever after."""
    request.parameters()
    seq = await services.tracker.delete(task_id, versions(request.headers, task_id))
    return Response(status=204, headers=services.as_of(seq))


class Beats(Struct, frozen=True, forbid_unknown_fields=True):
    """The tasks of a process that lives."""

    tasks: Annotated[list[TaskId], Meta(max_length=MOST_BEATS)]


class BeatsAnswer(Struct, frozen=True):
    """Those of them that are not in progress, or not known."""

    unknown: list[int]


@operation("takeBeats", Answer(200, "Which of them are not known.", BeatsAnswer), tag="reporting", body=Beats)
def take_beats(services: Services, request: Request) -> Response:
    """The process that does these tasks lives; nothing is said of how far they are."""
    request.parameters()
    return Response(encode(BeatsAnswer(services.vigil.beat(received(Beats, request.body).tasks))))


@operation(
    "showLog",
    Answer(
        200,
        "The output, at most its last 64 KiB.",
        media=(TEXT,),
        headers=("Vain-Log-Offset", "Vain-Log-End"),
        json=False,
    ),
    tag="reporting",
    parameters=(
        Parameter("after", Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)], "Only what comes after so many bytes.", 0),
    ),
)
async def show_log(services: Services, request: Request, task_id: int) -> Response:
    """The end of a task's output, from a position on; the headers say which part of all of it this is."""
    after = whole_number(request.parameters(), "after", 0, 0, LARGEST_INTEGER)
    begin, body = await services.tracker.log(task_id, after)
    headers = {"Vain-Log-Offset": str(begin), "Vain-Log-End": str(begin + len(body))}
    return Response(body, content_type=TEXT, headers=headers)


@operation("addLog", Answer(204, "It is taken."), tag="reporting", headers=(parameters.LOG_OFFSET,))
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


def _task(services: Services, made: Made, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    own = {"ETag": f'"{made.task_id}-{made.version}"', **services.as_of(made.seq), **(headers or {})}
    return Response(made.body, status=status, headers=own)


def ago_seconds(request: Request) -> float:
    """So long ago it happened, since the server was away."""
    return _header_seconds(request, "Vain-Ago", LONGEST_AGO_SECONDS) or 0.0


def _expect_beats(services: Services, made: Made, seconds: float | None) -> None:
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


def idempotency_key(request: Request) -> str | None:
    """The header's value: a string in quotes (RFC 9651), or bare."""
    text = request.headers.get("Idempotency-Key")
    if text is None:
        return None
    key = text.strip()
    if QUOTED.fullmatch(key):
        key = ESCAPED.sub(r"\1", key[1:-1])
    if 0 < len(key) <= LONGEST_KEY and key.isprintable():
        # Each caller has keys of its own.
        return f"{request.identity.key_id or ''}/{key}"
    detail = f"Idempotency-Key: 1 to {LONGEST_KEY} printable characters are expected."
    raise Malformed(detail, [Flaw(detail, parameter="Idempotency-Key")])
