"""Pages of tasks, read once for everybody: equal questions about the same state of the store share one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from msgspec import structs

from vain.shared import SharedReads
from vain.types import STATUSES, Status, TaskPage, TaskQuery

if TYPE_CHECKING:
    from vain.source import Source

MOST_PAGES: Final = 64


class Pages:
    """The answers of one source, by (seq, query). Loop only.

    At most ``MOST_PAGES`` are kept; the one that was asked for least recently goes first. A page that is being read is
    shared as well, so that a hundred boards that wake at the same tick ask once.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._reads: SharedReads[tuple[int, TaskQuery], TaskPage] = SharedReads(MOST_PAGES)

    def __len__(self) -> int:
        return len(self._reads)

    async def page(self, query: TaskQuery) -> TaskPage:
        """The answer as of the source's newest event. Raises what the source raises; a failure is not kept."""
        return await self._reads.get((self._source.seq, query), lambda: self._source.page(query))


async def columns(pages: Pages, query: TaskQuery) -> tuple[TaskPage, dict[str, int]]:
    """The first ``query.limit`` tasks of each status one after the other, and how many of each status match.

    What is completed comes newest first, whatever the order of the others.
    """
    wanted = [status for status in STATUSES if query.status in (None, status)]
    found = await asyncio.gather(*(pages.page(_of_status(query, status)) for status in wanted))
    totals: dict[str, int] = {status: page.total for status, page in zip(wanted, found, strict=True)}
    # A change between two reads would show its task twice: as of the later one is right.
    tasks = {task.task_id: task for page in sorted(found, key=lambda page: page.seq) for task in page.tasks}
    ordered = sorted(tasks.values(), key=lambda task: STATUSES.index(task.status))
    newest = max(found, key=lambda page: page.seq)
    return TaskPage(ordered, sum(totals.values()), newest.counts, newest.seq), totals


def _of_status(query: TaskQuery, status: Status) -> TaskQuery:
    sort = "-completed_at" if status == "completed" else query.sort
    return structs.replace(query, status=status, sort=sort, offset=0)


_pages: WeakKeyDictionary[Source, Pages] = WeakKeyDictionary()


def pages_of(source: Source) -> Pages:
    """The pages that all sessions over this source share."""
    found = _pages.get(source)
    if found is None:
        found = _pages[source] = Pages(source)
    return found
