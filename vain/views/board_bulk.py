"""One action on many tasks: bounded, written in groups, and told in one summary."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import UNSET

from vain.errors import Invalid, NotFound, VainError
from vain.types import Task, TaskPatch

if TYPE_CHECKING:
    from vain.source import Source

LARGEST_BULK: Final = 500
"""Tasks that one action changes at most; the summary says how many are left."""
GROUP: Final = 50
"""Changes under way at once: enough for the store to commit them together, and other writers come in between."""

Action = Literal["set", "tag", "delete"]


async def act_on_all(
    source: Source, task_ids: Iterable[int], action: Action, patch: TaskPatch, known: Mapping[int, Task], left: int = 0
) -> dict[str, Any]:
    """Does one thing to each task: sets ``patch``, adds its tags, or deletes. One that is refused stops no other.

    ``known`` are the tasks whose tags are known; ``left`` is how many more were meant. Raises Invalid for more than
    ``LARGEST_BULK`` tasks, for none, and for tags that are not given.
    """
    numbers = list(dict.fromkeys(task_ids))
    if not 1 <= len(numbers) <= LARGEST_BULK:
        raise Invalid(f"One action changes 1 to {LARGEST_BULK} tasks.")
    if action == "tag" and not patch.tags:
        raise Invalid("Say which tag is to be added.")
    change = _change(source, action, patch, known)
    refusals: list[tuple[int, str]] = []
    for begin in range(0, len(numbers), GROUP):
        group = numbers[begin : begin + GROUP]
        answers = await asyncio.gather(*(_refusal(change(number)) for number in group))
        refusals += [(number, said) for number, said in zip(group, answers, strict=True) if said is not None]
    return {"changed": len(numbers) - len(refusals), "refused": _grouped(refusals), "left": left}


def _change(
    source: Source, action: Action, patch: TaskPatch, known: Mapping[int, Task]
) -> Callable[[int], Awaitable[object]]:
    async def add_tags(task_id: int) -> Task:
        if task_id not in known:
            raise NotFound(f"Task {task_id} is no longer on this page.")
        new = patch.tags if patch.tags is not UNSET else []
        return await source.update(task_id, TaskPatch(tags=list(dict.fromkeys([*known[task_id].tags, *new]))))

    async def change_fields(task_id: int) -> Task:
        return await source.update(task_id, patch)

    return {"set": change_fields, "tag": add_tags, "delete": source.delete}[action]


async def _refusal(change: Awaitable[object]) -> str | None:
    try:
        await change
    except VainError as error:
        return " ".join(flaw.detail for flaw in error.flaws) or error.detail
    return None


def _grouped(refusals: Iterable[tuple[int, str]]) -> list[dict[str, Any]]:
    """The sentences of the refusals, each with the tasks that it was said of."""
    said: dict[str, list[int]] = {}
    for task_id, detail in refusals:
        said.setdefault(detail, []).append(task_id)
    return [{"detail": detail, "tasks": tasks} for detail, tasks in said.items()]
