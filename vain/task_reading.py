"""Lists of tasks, as a client reads them: picked and sorted by the server, whole or in pages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal, Unpack

from msgspec import structs

from vain.errors import Unreachable
from vain.listing import LARGEST_LIMIT
from vain.types import Outcome, Priority, Status, Task, TaskPage, TaskQuery
from vain.wanted import MoreFilters, TaskFilters, next_query, parameters
from vain.wire import Wire, query_text

TaskFormat = Literal["json", "ndjson", "csv", "parquet"]

TASKS = "/tasks"
PAGE_TASKS = 1_000


class TaskReading:
    """The part of ``vain.Client`` that reads lists of tasks."""

    _wire: Wire

    def tasks(
        self,
        status: Status | Sequence[Status] | None = None,
        priority: Priority | Sequence[Priority] | None = None,
        outcome: Outcome | Sequence[Outcome] | None = None,
        tag: str | Sequence[str] | None = None,
        key: str | None = None,
        parent_id: int | None = None,
        text: str | None = None,
        limit: int | None = None,
        **more: Unpack[MoreFilters],
    ) -> list[Task]:
        """The tasks that have all that is given (see ``vain.wanted``), the oldest first unless ``sort`` says otherwise,
        at most ``limit`` of them.

        Raises Invalid for a status, priority or outcome that there is not, Malformed for what the server cannot read.
        """
        named = TaskFilters(
            status=status, priority=priority, outcome=outcome, tag=tag, key=key, parent_id=parent_id, text=text, **more
        )
        if limit is None:
            return self._wire.get(list[Task], TASKS, parameters(named))
        if limit < 1:
            return []
        return list(islice(self.iter_tasks(min(limit, LARGEST_LIMIT), **named), limit))

    def iter_tasks(self, page_size: int = PAGE_TASKS, **wanted: Unpack[TaskFilters]) -> Iterator[Task]:
        """The same one by one, asked for in pages as they are needed, so that any number of them needs little memory.

        What does not change meanwhile comes once; see ``tasks`` for what it raises.
        """
        for page in self.task_pages("json", page_size, **wanted):
            yield from self._wire.decoded(list[Task], page)

    def task_page(self, query: TaskQuery) -> TaskPage:
        """A page by its place, how many match in all, and the counts of all tasks: what the board shows."""
        asked = {"q" if name == "text" else name: value for name, value in structs.asdict(query).items() if value != ""}
        return self._wire.get(TaskPage, f"{TASKS}/page", asked)

    def count_tasks(self, **wanted: Unpack[TaskFilters]) -> int:
        """How many tasks have all that is given."""
        asked = parameters(wanted) | {"limit": 1, "fields": "task_id"}
        total = self._wire.ask("GET", TASKS + query_text(asked)).headers.get("X-Total-Count", "")
        if not total.isdecimal():
            raise Unreachable(f"What answers at {self._wire.url} does not say how many tasks there are.")
        return int(total)

    def task_rows(self, fields: Sequence[str], **wanted: Unpack[TaskFilters]) -> list[dict[str, object]]:
        """Only some fields of the tasks, such as ``["task_id", "status"]``: less to send and to read."""
        return self._wire.get(list[dict[str, object]], TASKS, parameters(wanted) | {"fields": ",".join(fields)})

    def task_table(
        self,
        format: TaskFormat = "parquet",  # noqa: A002  (what everybody calls it)
        fields: Sequence[str] | None = None,
        **wanted: Unpack[TaskFilters],
    ) -> bytes:
        """The tasks as the bytes of a CSV, NDJSON, JSON or Parquet file."""
        return self._wire.read(TASKS, {**parameters(wanted), **_form(format, fields)})

    def task_pages(
        self,
        format: TaskFormat = "json",  # noqa: A002
        page_size: int = PAGE_TASKS,
        fields: Sequence[str] | None = None,
        **wanted: Unpack[TaskFilters],
    ) -> Iterator[bytes]:
        """The same, a file for each page of ``page_size`` tasks, which are asked for as they are needed."""
        asked = {**parameters(wanted), **_form(format, fields), "limit": page_size}
        query: str | None = query_text(asked)
        while query is not None:
            answer = self._wire.ask("GET", TASKS + query)
            yield answer.body
            following = next_query(answer.headers.get("Link"))
            query = None if following is None else f"?{following}"


def _form(format: TaskFormat, fields: Sequence[str] | None) -> dict[str, object]:  # noqa: A002
    """JSON is what comes unless another format is asked for."""
    named = None if format == "json" else format
    return {"format": named, "fields": None if fields is None else ",".join(fields)}
