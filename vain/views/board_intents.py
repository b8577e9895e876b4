"""What a person does on the board: the message that the browser sends, and the one change or answer that follows.

Nothing of a message is trusted. The role is asked for each change, and fields go through the same types as a request
body does, so that the board refuses exactly what ``PUT /tasks/{task_id}`` refuses, in the same words.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from msgspec import Meta, Raw, Struct, structs

from vain.codec import decode, encode
from vain.errors import Flaw, Invalid, Malformed, NotFound, VainError
from vain.selection import parse_sort
from vain.types import Task, TaskDraft, TaskPatch, TaskQuery
from vain.views.board_bulk import LARGEST_BULK, Action, act_on_all
from vain.views.board_rows import facts, values

if TYPE_CHECKING:
    from vain.views.live import Live

logger = logging.getLogger(__name__)

LARGEST_PAGE: Final = 200
LONGEST_SEARCH: Final = 200

TaskId = Annotated[int, Meta(ge=1)]


class Intent(Struct, frozen=True, forbid_unknown_fields=True):
    """One message of the browser; ``request`` comes back in its answer."""

    intent: Literal["query", "open", "create", "set", "delete", "many"]
    request: Annotated[int, Meta(ge=0)]
    task_id: TaskId | None = None
    fields: Raw = Raw(b"{}")
    query: TaskQuery = TaskQuery()
    columns: bool = False
    """One page for each status, each of ``query.limit`` tasks."""
    action: Action = "set"
    tasks: Annotated[list[TaskId], Meta(max_length=LARGEST_BULK)] = []
    matching: bool = False
    """Not ``tasks`` but all that match ``query``, as many as one action may change."""


def read_intent(message: Any) -> Intent:
    """The message as an intent. Raises Invalid or Malformed, also for a query that no board sends."""
    try:
        body = encode(message)
    except (TypeError, ValueError) as error:
        raise Malformed("The page sent something that is not JSON.") from error
    intent = decode(Intent, body)
    query = intent.query
    parse_sort(query.sort)
    if not 1 <= query.limit <= LARGEST_PAGE or query.offset < 0:
        raise Invalid(f"A page has 1 to {LARGEST_PAGE} rows and begins at row 0 or later.")
    if max(map(len, (query.text, query.tag or "", query.completed_after or ""))) > LONGEST_SEARCH:
        raise Invalid(f"A search is at most {LONGEST_SEARCH} characters long.")
    return intent


async def carry_out(intent: Intent, live: Live, shown: Iterable[Task]) -> dict[str, Any]:
    """Does what the intent says and returns the answer for the browser: ``ok``, or the refusal's sentence and flaws.

    Never raises: what goes wrong inside is logged and answered as well.
    """
    try:
        return {"type": "answer", "request": intent.request, "ok": True, **await _done(intent, live, shown)}
    except VainError as error:
        return refusal(intent.request, error.detail, error.flaws)
    except asyncio.CancelledError:
        raise
    except Exception:
        logger.exception("The board could not carry out %s on task %s", intent.intent, intent.task_id)
        return refusal(intent.request, "Something went wrong inside vAIn; its log has the details.")


def refusal(request: int, detail: str, flaws: Iterable[Flaw] = ()) -> dict[str, Any]:
    """The answer that says no, with the field each flaw belongs to (``/tags/0`` belongs to ``tags``)."""
    told = [{"field": _field(flaw), "detail": flaw.detail} for flaw in flaws]
    return {"type": "answer", "request": request, "ok": False, "detail": detail, "flaws": told}


async def _done(intent: Intent, live: Live, shown: Iterable[Task]) -> dict[str, Any]:
    if intent.intent == "open":
        task = await _task(_number(intent), live, shown)
        return {"values": values(task), "facts": facts(task), "version": task.version}
    live.require_write()
    match intent.intent:
        case "create":
            task = await live.source.create(decode(TaskDraft, bytes(intent.fields)))
        case "many":
            return await _many(intent, live, shown)
        case "set":
            task = await live.source.update(_number(intent), decode(TaskPatch, bytes(intent.fields)))
        case _:
            await live.source.delete(_number(intent))
            return {"task_id": intent.task_id}
    return {"task_id": task.task_id}


def _field(flaw: Flaw) -> str:
    return (flaw.pointer or "").removeprefix("/").partition("/")[0]


def _number(intent: Intent) -> int:
    if intent.task_id is None:
        raise Invalid("The page did not say which task it means.")
    return intent.task_id


async def _task(task_id: int, live: Live, shown: Iterable[Task]) -> Task:
    for task in shown:
        if task.task_id == task_id:
            return task
    page = await live.source.page(TaskQuery(task_id=task_id, limit=1))
    if not page.tasks:
        raise NotFound(f"There is no task {task_id}.")
    return page.tasks[0]


async def _many(intent: Intent, live: Live, shown: Iterable[Task]) -> dict[str, Any]:
    patch = decode(TaskPatch, bytes(intent.fields))
    if not intent.matching:
        known = {task.task_id: task for task in shown}
        return await act_on_all(live.source, intent.tasks, intent.action, patch, known)
    page = await live.source.page(structs.replace(intent.query, limit=LARGEST_BULK, offset=0))
    known = {task.task_id: task for task in page.tasks}
    return await act_on_all(live.source, known, intent.action, patch, known, page.total - len(page.tasks))
