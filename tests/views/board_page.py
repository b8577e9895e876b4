"""Our board page in a thread, over tasks that a test holds in its hand; and what a browser shows of it. Not a test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.routing import Router

from tests.views.moving import MovingSource
from vain import clock, source
from vain.errors import Conflict, NotFound
from vain.lifecycle import created
from vain.types import Role, Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.views import application

BOARD = Path(__file__).resolve().parents[2] / "app" / "board.py"
ROLE_HEADER = "X-Vain-Role"


class BoardSource(MovingSource):
    """Refuses as the tracker does, and counts how often a page is read."""

    reads = 0
    refused = ""
    """The sentence that refuses the changes that come; empty: none is refused."""

    def fill(self, count: int) -> None:
        for number in range(1, count + 1):
            self.tasks[number] = created(TaskDraft(name=f"Job {number:05}"), number, clock.utc(1_790_000_000 + number))
        self.seq += 1

    async def page(self, query: TaskQuery) -> TaskPage:
        self.reads += 1
        return await super().page(query)

    async def create(self, draft: TaskDraft) -> Task:
        return self._keep(created(draft, max(self.tasks, default=0) + 1, clock.now()))

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        self._refuse_unknown(task_id)
        if self.refused:
            raise Conflict(self.refused)
        return await super().update(task_id, patch)

    async def delete(self, task_id: int) -> None:
        self._refuse_unknown(task_id)
        await super().delete(task_id)

    def _refuse_unknown(self, task_id: int) -> None:
        if task_id not in self.tasks:
            raise NotFound(f"There is no task {task_id}.")


class Site(Router):
    """The served page. ``create``, ``update`` and ``delete`` change tasks as another program would."""

    def __init__(self) -> None:
        self.source = BoardSource()
        self.role: Role = "admin"
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._ready: Future[None] = Future()

    def reset(self, count: int = 0, role: Role = "admin") -> None:
        async def change() -> None:
            self.role = role
            self.source.tasks.clear()
            self.source.fill(count)
            self.source.tell()

        self._do(change())

    def create(self, **fields: Any) -> Task:
        return self._do(self.source.create(TaskDraft(**fields)))  # type: ignore[no-any-return]

    def update(self, task_id: int, **fields: Any) -> Task:
        return self._do(self.source.update(task_id, TaskPatch(**fields)))  # type: ignore[no-any-return]

    def delete(self, task_id: int) -> None:
        self._do(self.source.delete(task_id))

    def find_handler(self, request: Any, **kwargs: Any) -> Any:
        """As the gate does: says in a header what the viewer may do, then hands the request on."""
        request.headers[ROLE_HEADER] = self.role
        return self._pages.find_handler(request, **kwargs)

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _serve(self) -> None:
        source.use(self.source)
        self._pages = application.build({"/": BOARD}, b"0" * 32, ROLE_HEADER, "X-Vain-Name")
        sockets = bind_sockets(0, "127.0.0.1")
        server = HTTPServer(self)
        server.add_sockets(sockets)
        application.start(self._pages, IOLoop.current())
        self.address = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
        self._stopping = asyncio.Event()
        ticking = asyncio.create_task(self.source.run(time.time))
        self._ready.set_result(None)
        await self._stopping.wait()
        ticking.cancel()
        server.stop()
        await server.close_all_connections()
        application.stop(self._pages)
        source.use(None)

    def run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def wait(self) -> None:
        self._ready.result(30)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)


@contextmanager
def served() -> Iterator[Site]:
    """The page until the block ends."""
    site = Site()
    thread = threading.Thread(target=site.run, name="board-page")
    thread.start()
    try:
        site.wait()
        yield site
    finally:
        site.stop()
        thread.join(10)
