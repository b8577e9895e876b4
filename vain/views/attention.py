"""What the frame of a page says to its session: whether anybody looks at it, and what is searched for.

A page in a hidden tab leaves the pusher and asks for nothing; once it is looked at again it catches up with everything.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

import panel as pn
from panel.custom import JSComponent

from vain.types import Task, TaskPage, TaskQuery
from vain.views.live import Live
from vain.views.text import asset

MOST_FOUND: Final = 8
LONGEST_SEARCH: Final = 200
"""Characters; what is longer finds nothing."""


class Ear(JSComponent):
    """The browser's side: it carries messages between the page's own script and the session, and shows nothing."""

    _esm = asset("attention.js")
    _stylesheets: ClassVar[list[str]] = [":host { display: none; }"]

    def tell(self, message: dict[str, Any]) -> None:
        """Sends one message to the browser."""
        self._send_msg(message)


class Attention(pn.viewable.Viewer):
    """The session's end of the frame, over a ``Live``. Loop only."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._ear = Ear()
        self._ear.on_msg(lambda event: self.receive(event.data))

    def __panel__(self) -> pn.viewable.Viewable:
        return self._ear

    def receive(self, message: Any) -> None:
        """Takes a message from the browser, which may have sent anything: what has no meaning is dropped."""
        if not isinstance(message, dict):
            return
        if isinstance(message.get("visible"), bool):
            self._live.attend(message["visible"])
        text, number = message.get("search"), message.get("number")
        if isinstance(text, str) and isinstance(number, int) and 0 < len(text.strip()) <= LONGEST_SEARCH:
            self._search(text.strip(), number)

    def _search(self, text: str, number: int) -> None:
        query = TaskQuery(text=text.removeprefix("#"), sort="-updated_at", limit=MOST_FOUND)
        exact = _task_id(text)

        async def read() -> list[Task]:
            pages = [await self._live.source.page(TaskQuery(task_id=exact))] if exact is not None else []
            return _joined([*pages, await self._live.source.page(query)])

        self._live.fetch(read, lambda tasks: self._ear.tell({"number": number, "found": [*map(found, tasks)]}))


def found(task: Task) -> dict[str, Any]:
    """What the list of search results shows of a task."""
    return {"id": task.task_id, "name": task.name, "state": task.outcome or task.status}


def _task_id(text: str) -> int | None:
    digits = text.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 16 and int(digits) > 0 else None


def _joined(pages: list[TaskPage]) -> list[Task]:
    tasks = {task.task_id: task for page in pages for task in page.tasks}
    return list(tasks.values())[:MOST_FOUND]
