"""What a remote source changes on its server, and its rules: each call of a client, off the loop."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import ParamSpec, TypeVar

import msgspec
from msgspec import structs

from vain.alerting.alert import PastFiring, ShownRule, Silence, SilenceDraft
from vain.alerting.rule import Rule
from vain.client import Client
from vain.rehearsal import Rehearsal
from vain.types import Task, TaskDraft, TaskPatch

P = ParamSpec("P")
T = TypeVar("T")


class RemoteChanges(ABC):
    """A part of ``RemoteSource``, which says what follows a change."""

    client: Client

    async def create(self, draft: TaskDraft) -> Task:
        """A new task."""
        return await self._change(partial(self.client.create, **msgspec.to_builtins(draft)))

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        """Sets what the patch gives; the whole task, as it now is."""
        return await self._change(partial(self.client.update, task_id, **msgspec.to_builtins(patch)))

    async def delete(self, task_id: int) -> None:
        """Removes a task."""
        await self._change(self.client.delete, task_id)

    async def rules(self) -> list[ShownRule]:
        """All rules by name, each with who made it and for what it fires now, from the server."""
        return await asyncio.to_thread(self.client.rules)

    async def put_rule(self, rule: Rule) -> None:
        """Makes a rule, or replaces the one of its name."""
        await self._change(self.client.put_rule, rule)

    async def drop_rule(self, name: str) -> None:
        """Forgets a rule that somebody made."""
        await self._change(self.client.delete_rule, name)

    async def test_rule(self, rule: Rule, after: float, before: float) -> Rehearsal:
        """When a rule would have fired over the server's history (Unix seconds)."""
        found = await asyncio.to_thread(self.client.test_rule, rule, after, before)
        return Rehearsal(found.firings, found.step_seconds)

    async def firings(self, after: float, before: float) -> list[PastFiring]:
        """When rules fired in a window (Unix seconds), newest first, from the server."""
        return await asyncio.to_thread(self.client.firings, after, before)

    async def silences(self) -> list[Silence]:
        """Those that hold now or later."""
        return await asyncio.to_thread(self.client.silences)

    async def silence(self, draft: SilenceDraft) -> Silence:
        """Tells nobody, for a time."""
        return await self._change(partial(self.client.silence, **structs.asdict(draft)))

    async def end_silence(self, silence_id: int) -> None:
        """Ends a silence before its time."""
        await self._change(self.client.end_silence, silence_id)

    async def acknowledge(self, notification_id: int) -> None:
        """Somebody takes care of what a rule tells: it is not told again."""
        await self._change(self.client.acknowledge, notification_id)

    async def _change(self, call: Callable[P, T], *args: P.args, **given: P.kwargs) -> T:
        result = await asyncio.to_thread(call, *args, **given)
        self._changed()
        return result

    @abstractmethod
    def _changed(self) -> None:
        """Something was changed; may be called in any thread."""
