"""The page of one task: it reads what changed of this task, and nothing for what changes elsewhere."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, Final, NamedTuple

import param
from panel.custom import JSComponent

from vain.changes import Change, LogPart, between
from vain.errors import NotFound, VainError
from vain.hosts import Host
from vain.lanes import Bar
from vain.recap import words_of
from vain.source import MOST_CHANGES
from vain.types import Task
from vain.views import task_told
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG
from vain.views.task_charts import TaskCharts
from vain.views.task_reads import (
    Measured,
    Past,
    beside,
    earlier,
    family,
    measured,
    part_of_log,
    place_of,
    places_of,
    renew_seconds,
)
from vain.views.text import asset

logger = logging.getLogger(__name__)

LARGEST_OFFSET: Final = 2**53


class HeadControl(JSComponent):
    """The browser's side of the head: how the task stands, its card, its buttons."""

    shown = param.Dict(default={})
    trouble = param.Dict(default={}, doc="Why a button did nothing")

    _esm = "\n".join(map(asset, ("board_dom.js", "when.js", "task_head.js")))
    _stylesheets: ClassVar[list[str]] = [asset("task.css")]


class LogControl(JSComponent):
    """The browser's side of the output: it asks for what comes after what it has, and only while it is looked at."""

    part = param.Dict(default={})
    state = param.Dict(default={}, doc="task_id, name, runs")

    _esm = "\n".join(map(asset, ("board_dom.js", "task_log.js")))
    _stylesheets: ClassVar[list[str]] = [asset("task.css")]


class LifeControl(JSComponent):
    """The browser's side of the changes, newest first."""

    steps = param.List(default=[], item_type=dict)
    is_known = param.Boolean(default=False)

    _esm = "\n".join(map(asset, ("board_dom.js", "when.js", "task_life.js")))
    _stylesheets: ClassVar[list[str]] = [asset("task.css")]


class Details(NamedTuple):
    """What is read beside the task when it is opened, and when it begins or ends."""

    own: Measured | None
    past: Past
    hosts: list[Host]
    family: list[Bar]
    changes: list[Change]


class TaskPage:
    """The views of the page over a ``Live``: ``head``, ``charts``, ``log``, ``life``.

    The task is read again when ``seq`` rose, its samples every few seconds while it runs; both only in a tab that is
    seen.
    """

    def __init__(self, live: Live, task_id: int | None, clock: Callable[[], float] = time.time) -> None:
        self.live, self.task_id, self._clock = live, task_id, clock
        self.task: Task | None = None
        self._own: Measured | None = None
        self._past: Past | None = None
        self._hosts: list[Host] = []
        self._family: list[Bar] = []
        self._changes: deque[Change] = deque(maxlen=MOST_CHANGES)
        self._seq, self._measured_at = -1, 0.0
        self._is_seen, self._is_gone = True, False
        self._reading: set[str] = set()
        self.head, self.log, self.life = (_wide(control()) for control in (HeadControl, LogControl, LifeControl))
        self.charts = TaskCharts(live)
        self.head.on_msg(lambda event: self.receive(event.data))
        self.log.on_msg(lambda event: self.receive(event.data))
        if task_id is None:
            self._show_missing()
            return
        live.param.watch(self._tick, "tick")
        self._renew()

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own page never sends is left unanswered."""
        if not isinstance(message, dict):
            return
        if isinstance(message.get("seen"), bool):
            self._is_seen = message["seen"]
            self._renew()
        after = message.get("after")
        if type(after) is int and 0 <= after < LARGEST_OFFSET:
            self._read_log(after)
        if isinstance(message.get("action"), str):
            self._act(message["action"])

    def _tick(self, _event: object) -> None:
        self._renew()

    def _renew(self) -> None:
        if not self._is_seen or self._is_gone or self.task_id is None:
            return
        if self.live.source.seq != self._seq:
            self._read_task(self.task_id)
        task, now = self.task, self._clock()
        if task is not None and task.status == "in-progress" and now - self._measured_at >= renew_seconds(task, now):
            self._measured_at = now
            self._read("own", lambda: measured(self.live.source, task, now), self._show_own)

    def _read_task(self, task_id: int) -> None:
        seq = self.live.source.seq

        def show(task: Task) -> None:
            self._seq = seq
            self._show_task(task)

        self._read("task", lambda: self.live.source.task(task_id), show)

    def _show_task(self, task: Task) -> None:
        before, self.task = self.task, task
        if before is not None and before.version == task.version:
            return
        if before is not None and self._changes:
            self._changes.append(between(before, task))
            self._show_life()
        if before is None or (before.status, before.attempt) != (task.status, task.attempt):
            self._read("details", lambda: self._details(task), self._show_details)
        self.log.state = {"task_id": task.task_id, "name": task.name, "runs": task.status == "in-progress"}
        self._show_head()

    async def _details(self, task: Task) -> Details:
        source, now = self.live.source, self._clock()
        return Details(
            await measured(source, task, now),
            await earlier(source, task.task_id, now),
            await source.hosts(),
            await family(source, task, now),
            [] if self._changes else await source.changes(task.task_id),
        )

    def _show_details(self, found: Details) -> None:
        self._past, self._hosts, self._family = found.past, found.hosts, found.family
        self._changes.extend(found.changes)
        self._show_life()
        self._measured_at = self._clock()
        self._show_own(found.own)

    def _show_own(self, own: Measured | None) -> None:
        self._own = own
        self.charts.draw(own.run if own else None, self._past.runs if self._past else [])
        self._show_head()

    def _show_head(self) -> None:
        task, now = self.task, self._clock()
        if task is None:
            return
        place, known = place_of(self._hosts, task, self.live.source), {host.name for host in self._hosts}
        places = places_of(self._hosts, task, self.live.source)
        said = words_of(task, now, beside(task, self._own, self._past, places))
        told = task_told.head(task, now, said, self.live.may_write and not self._is_gone, self._family, known)
        elsewhere = place.name if place is not None and place.kind == "agent" else ""
        self.head.shown = {**told, "elsewhere": elsewhere}

    def _show_life(self) -> None:
        self.life.param.update(steps=task_told.life(self._changes), is_known=True)

    def _show_missing(self) -> None:
        self._is_gone = True
        told = task_told.missing(self.task_id, was_there=self.task is not None)
        self.head.shown = {**self.head.shown, **told, "actions": []}
        self.log.state = {**self.log.state, "runs": False}

    def _read_log(self, after: int) -> None:
        task_id = self.task_id
        if task_id is None or self._is_gone:
            return
        source = self.live.source
        self._read("log", lambda: part_of_log(source, task_id, after), lambda part: self._show_log(after, part))

    def _show_log(self, after: int, part: LogPart | str) -> None:
        if isinstance(part, str):
            self.log.part = {"after": after, "trouble": part}
            return
        text = part.body.decode("utf-8", "replace")
        self.log.part = {"after": after, "begin": part.begin, "end": part.end, "text": text}

    def _act(self, action: str) -> None:
        patch, task_id = task_told.PATCHES.get(action), self.task_id
        if patch is None or task_id is None:
            return

        async def change() -> str:
            self.live.require_write()
            await self.live.source.update(task_id, patch)
            return ""

        self._read("action", change, lambda _: self._renew())

    def _read(self, kind: str, read: Callable[[], Awaitable[Any]], show: Callable[[Any], None]) -> None:
        """Reads beside the session, one of a kind at a time; what goes wrong is told, and not lost."""
        if kind in self._reading:
            return
        self._reading.add(kind)

        async def guarded() -> Any:
            try:
                return await read()
            except VainError as error:
                return error
            except Exception:
                logger.exception("A task's page could not be renewed")
                return VainError(WENT_WRONG)

        def shown(found: Any) -> None:
            self._reading.discard(kind)
            if isinstance(found, VainError):
                self._fail(kind, found)
            else:
                show(found)

        self.live.fetch(guarded, shown)

    def _fail(self, kind: str, error: VainError) -> None:
        if kind == "task" and isinstance(error, NotFound):
            self._show_missing()
        else:
            logger.warning("Of task %s, %s could not be read: %s", self.task_id, kind, error.detail)
            self.head.trouble = {"detail": error.detail, "at": self._clock()}


def _wide(control: Any) -> Any:
    control.param.update(sizing_mode="stretch_width", margin=0)
    return control
