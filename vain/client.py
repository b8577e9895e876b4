"""vAIn from another program: the routes of a running server as methods, with typed answers.

>>> from vain import Client
>>> with Client() as vain:
...     task = vain.create("train resnet", priority="high", tags=["gpu"])
...     vain.update(task.task_id, status="in-progress")
...     vain.performance().cpu_usage
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

import msgspec

from vain import settings
from vain.answers import Moment, written
from vain.errors import Unreachable
from vain.flow.figures import Visualizations
from vain.happened import EventType
from vain.lanes import Lanes
from vain.machine_calls import MachineCalls
from vain.notification import Notification
from vain.resuming import Position, reader
from vain.rule_calls import RuleCalls
from vain.task_reading import TASKS, TaskReading
from vain.types import Level, Outcome, Priority, Status, Task
from vain.waiting import Waiting
from vain.wire import Wire, query_text

if TYPE_CHECKING:
    from vain.blocking import BlockingWatch


class Client(TaskReading, MachineCalls, RuleCalls):
    """A running vAIn server. May be shared by threads; every method blocks until the answer is there.

    ``url`` and ``api_key`` are taken from VAIN_URL and VAIN_API_KEY (or VAIN_API_KEY_FILE) if not given. Methods raise
    what the server raised (NotFound, Invalid with its flaws, … of ``vain.errors``), and Unreachable if none answers.
    Nothing is repeated, but for a GET or a ``create`` whose kept connection had been closed meanwhile.
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, timeout_seconds: float | None = None
    ) -> None:
        known = settings.load()
        self._wire = Wire(url or known.url, api_key or known.api_key, timeout_seconds or known.timeout_seconds)

    @property
    def url(self) -> str:
        """The address of the server, without a slash at its end."""
        return self._wire.url

    @property
    def timeout_seconds(self) -> float:
        """How long a call waits for the server."""
        return self._wire.timeout_seconds

    @property
    def authorization(self) -> dict[str, str]:
        """The header with the API key, for a WebSocket to the same server; empty without a key."""
        return self._wire.authorization

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the kept connections."""
        self._wire.close()

    def end(self) -> None:
        """Closes for good, from any thread: calls that are under way, and any later one, raise Unreachable."""
        self._wire.end()

    def watch(
        self,
        types: Collection[EventType] | None = None,
        since: str | Position | None = None,
        *,
        snapshot: bool = False,
        task_id: int | list[int] | None = None,
        status: Status | list[Status] | None = None,
        priority: Priority | list[Priority] | None = None,
        outcome: Outcome | list[Outcome] | None = None,
        tag: str | list[str] | None = None,
        key: str | list[str] | None = None,
        parent_id: int | list[int] | None = None,
        host: str | list[str] | None = None,
        text: str | None = None,
    ) -> BlockingWatch:
        """What happens, as ``TaskChange``, ``Notification``, ``Sample`` and ``ChartsChange``, for a plain ``for``.

        ``types`` picks by the names of the wire, all without it; the rest is what tasks must be like, all of it (of
        several values any, of several tags all); a change that takes a task out of that comes, too (``matches``).
        It begins where ``since`` says, a ``position`` of an earlier watch, else now: when ``watch.open()`` returned, or
        with the first event. Lost connections are made again, for ever, and each change and each notification comes
        once and in order, those that happened meanwhile too; samples and charts only while connected. If some are not
        to be had any more, a ``Snapshot`` with ``reset`` says so and brings all tasks as they are; with ``snapshot``
        and without ``since`` one comes first.
        Leaving the loop, or ``with``, and ``close()`` from any thread end the connection.

        Raises ValueError for a type or a position that cannot be, Invalid for a filter; and, while it is followed,
        Unauthenticated, Forbidden, and NotAcceptable for a server that is too old.
        """
        from vain.blocking import BlockingWatch, Line

        filters = {"task_id": task_id, "status": status, "priority": priority, "outcome": outcome}
        more = {"tag": tag, "key": key, "parent_id": parent_id, "host": host, "q": text}
        return BlockingWatch(Line(self._wire, reader(types, since, snapshot, **filters, **more)))

    def lanes(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        width_pixels: int | None = None,
        rows: int | None = None,
        text: str | None = None,
        status: Status | None = None,
        outcome: Outcome | None = None,
        tag: str | None = None,
        task_id: int | None = None,
        host: str | None = None,
    ) -> Lanes:
        """The tasks of a window as bars in rows, of the last hour if nothing says when; the server picks and packs.

        ``width_pixels`` is how wide the window is drawn, ``rows`` how many rows there may be; ``task_id`` stands for a
        task and all below it, ``host`` for the machine on which attempts were made. What had no room is counted in
        ``left_out`` and ``crowd``.
        """
        asked = {"after": written(after), "before": written(before), "width": width_pixels, "rows": rows}
        wanted = {"q": text or None, "status": status, "outcome": outcome, "tag": tag, "task_id": task_id}
        return self._wire.get(Lanes, "/tasks/lanes", asked | wanted | {"host": host})

    def task(self, task_id: int) -> Task:
        """One task."""
        return self._wire.get(Task, f"/tasks/{int(task_id)}")

    def create(self, name: str, **fields: object) -> Task:
        """A new task, as the server stored it; ``fields`` as in ``vain.types.TaskDraft``, times also as datetimes."""
        body = msgspec.json.encode({"name": name, **fields})
        answer = self._wire.send("POST", "/tasks", body, idempotency_key=uuid.uuid4().hex)
        return self._wire.decoded(Task, answer)

    def create_many(self, drafts: Iterable[Mapping[str, object]]) -> list[Task]:
        """New tasks, up to 500 at once, all of them or none: ``[{"name": "a"}, {"name": "b", "priority": "high"}]``.

        Raises what ``create`` raises; the pointer of a flaw begins with the position of the draft, ``/3/name``.
        """
        body = msgspec.json.encode(list(drafts))
        answer = self._wire.send("POST", f"{TASKS}/bulk", body, idempotency_key=uuid.uuid4().hex)
        return self._wire.decoded(list[Task], answer)

    def update_many(self, task_ids: Iterable[int], **fields: object) -> list[Task]:
        """Sets the same fields of up to 500 tasks, of all or of none; None resets a field. The tasks, as they now are.

        ``metadata`` is put together with what each task has. Raises NotFound, Invalid or Conflict.
        """
        body = msgspec.json.encode({"ids": list(task_ids), "patch": fields})
        return self._wire.decoded(list[Task], self._wire.send("POST", f"{TASKS}/bulk-update", body))

    def update(self, task_id: int, **fields: object) -> Task:
        """Sets the given fields and leaves the others; the whole task, as it now is."""
        body = msgspec.json.encode(fields)
        return self._wire.decoded(Task, self._wire.send("PUT", f"/tasks/{int(task_id)}", body))

    def delete(self, task_id: int) -> None:
        """Removes a task."""
        self._wire.send("DELETE", f"/tasks/{int(task_id)}")

    def changes(self, task_id: int) -> list[dict[str, object]]:
        """Every change of a task, oldest first, as ``/ws/tasks`` told of it; also of one that was deleted."""
        return self._wire.get(list[dict[str, object]], f"/tasks/{int(task_id)}/history")

    def runs(self, task_id: int) -> list[Task]:
        """The runs of the same key, or without one of the same name, that succeeded before this one began; the newest
        first."""
        return self._wire.get(list[Task], f"/tasks/{int(task_id)}/runs")

    def wait(self, *task_ids: int, timeout_seconds: float | None = None, any_: bool = False) -> list[Task]:
        """The tasks once all of them are completed, or with ``any_`` those that are once one is, in the order given.

        See ``as_completed``."""
        found: dict[int, Task] = {}
        for task in self.as_completed(*task_ids, timeout_seconds=timeout_seconds):
            found[task.task_id] = task
            if any_:
                break
        return [found[task_id] for task_id in dict.fromkeys(task_ids) if task_id in found]

    def as_completed(self, *task_ids: int, timeout_seconds: float | None = None) -> Iterator[Task]:
        """Each of these tasks once it is completed, at most about a second later.

        A restart of the server is waited through. Raises TimedOut if one is not completed in time, NotFound if there is
        none with this number (any more), and Unreachable if nobody answers the first time.
        """
        waiting = Waiting(self._wire, task_ids, timeout_seconds)
        while True:
            yield from waiting.look()
            if not waiting.left:
                return
            time.sleep(waiting.pause_seconds())

    def log(self, task_id: int, after: int = 0) -> tuple[bytes, int]:
        """What is kept of a task's output from the offset ``after`` on, and the offset at its end: where to ask on.

        The server keeps the last 64 KiB, so the answer may begin later: at the end less its length.
        """
        answer = self._wire.ask("GET", f"/tasks/{int(task_id)}/log" + query_text({"after": int(after)}))
        end = answer.headers.get("Vain-Log-End", "")
        if not end.isdecimal():
            raise Unreachable(f"What answers at {self.url} does not say where the log ends.")
        return answer.body, int(end)

    def append_log(self, task_id: int, text: str | bytes) -> None:
        """Adds to a task's output; at most 64 KiB at once."""
        body = text.encode() if isinstance(text, str) else text
        self._wire.send("POST", f"/tasks/{int(task_id)}/log", body, content_type="text/plain")

    def ping(
        self,
        key: str,
        word: Literal["start", "fail", "log"] | int | None = None,
        text: str | bytes = "",
        every: float | str | None = None,
        grace: float | str | None = None,
        name: str | None = None,
    ) -> Task:
        """Says that the job ``key`` began, failed, ended with an exit code, or (without a ``word``) ended well.

        ``text`` is added to its log. ``every`` promises the next ping within so many seconds (or ``"26h"``), ``grace``
        is how late it may be before that is told. The task that the ping belongs to.
        """
        path = f"/ping/{quote(key, safe='')}" + ("" if word is None else f"/{word}")
        asked = query_text({"every": _seconds(every), "grace": _seconds(grace), "name": name})
        body = text.encode() if isinstance(text, str) else text
        return self._wire.decoded(Task, self._wire.send("POST", path + asked, body, content_type="text/plain"))

    def visualizations(
        self,
        after: Moment | None = None,
        before: Moment | None = None,
        interval: Literal["hour", "day", "week"] | None = None,
        timezone: str | None = None,
        *,
        name: str | None = None,
        tag: str | None = None,
        priority: Priority | None = None,
        host: str | None = None,
    ) -> Visualizations:
        """The charts, as data: for a window in hours, days or weeks of a time zone (``Europe/Berlin``).

        Only of the tasks of a ``name``, a ``tag`` or a ``priority``, or of what was done on a ``host``, where one is
        given.
        """
        window = {"after": written(after), "before": written(before), "interval": interval, "timezone": timezone}
        asked = {**window, "name": name, "tag": tag, "priority": priority, "host": host}
        return self._wire.get(Visualizations, "/visualizations", asked)

    def notifications(
        self,
        limit: int = 50,
        before: int | None = None,
        *,
        level: Level | None = None,
        kind: str | None = None,
        quiet: bool | None = None,
        read: bool | None = None,
    ) -> list[Notification]:
        """The newest notifications, newest first: all, or those for which everything holds that is given.

        ``before`` is the number of one, and asks for older ones. ``kind`` is ``task.failed``, or ``task`` for all of
        tasks. ``quiet=False`` leaves out what nobody needs to look at, as a short task that went well.
        """
        marks = {name: None if mark is None else str(mark).lower() for name, mark in (("quiet", quiet), ("read", read))}
        asked = {"limit": limit, "before": before, "level": level, "kind": kind, **marks}
        return self._wire.get(list[Notification], "/notifications", asked)

    def read_notification(self, notification_id: int) -> None:
        """Marks a notification as read."""
        self._wire.send("PATCH", f"/notifications/{int(notification_id)}", b'{"read":true}')


def _seconds(length: float | str | None) -> str | None:
    return length if length is None or isinstance(length, str) else f"{length:.3f}"
