"""What other servers over the same database do, brought to the parts of this one that hold something in memory.

Everything that happened comes through the log, in order, as it was committed; what people made (rules, silences, what
is expected of jobs) is read again when somebody has changed it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from vain.codec import decode
from vain.errors import VainError
from vain.hub import Hub
from vain.tracker import Tracker
from vain.types import Event, Task, TaskEventHead
from vain.vigil import Vigil

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0


class Elsewhere:
    """``vain.store.database.Others``. Belongs to the event loop; ``close`` ends it.

    ``reads`` are what reads again what people made; ``begin_anew`` has the whole server begin anew.
    """

    def __init__(
        self,
        tracker: Tracker,
        vigil: Vigil,
        hub: Hub,
        reads: Iterable[Callable[[], Awaitable[None]]],
        begin_anew: Callable[[], None],
    ) -> None:
        self._tracker, self._vigil, self._hub = tracker, vigil, hub
        self._reads, self._begin_anew = tuple(reads), begin_anew
        self._is_old = asyncio.Event()
        self._pending: set[asyncio.Task[None]] = set()
        self._begin(self._read_again())

    async def close(self) -> None:
        """End what was begun."""
        for task in self._pending:
            task.cancel()
        await asyncio.gather(*self._pending, return_exceptions=True)

    def happened(self, events: list[Event]) -> None:
        """See ``Others``. Of many changes of a task the last one counts."""
        last = {}
        for event in events:
            if event.type == "taskUpdate":
                told = decode(TaskEventHead, event.body)
                last[told.task_id] = told.action, event.body
        for action, body in last.values():
            task = decode(Task, body)
            if self._vigil.changed_elsewhere(task, action == "deleted") and task.source is not None:
                self._begin(self._name(task))

    def kept_changed(self) -> None:
        """See ``Others``."""
        self._is_old.set()

    def diverged(self) -> None:
        """See ``Others``."""
        self._begin_anew()

    async def _name(self, task: Task) -> None:
        """Its reporter's name for it stands in no event, and its processes carry it."""
        try:
            run_id = await self._tracker.run_of(task.task_id)
        except VainError as error:
            logger.info("The name of a run could not be read: %s", error.detail)
            return
        if run_id is not None:
            self._vigil.named(task.task_id, run_id)

    async def _read_again(self) -> None:
        while True:
            await self._is_old.wait()
            self._is_old.clear()
            try:
                for read in self._reads:
                    await read()
            except VainError as error:
                logger.info("What another server changed could not be read yet: %s", error.detail)
                self._is_old.set()
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception:
                logger.exception("What another server changed could not be understood")
            self._hub.nudge()

    def _begin(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)
