"""Pages of tasks, read once for everybody: equal questions about the same state of the store share one answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from vain.types import TaskPage, TaskQuery

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
        self._reads: dict[tuple[int, TaskQuery], asyncio.Future[TaskPage]] = {}

    def __len__(self) -> int:
        return len(self._reads)

    async def page(self, query: TaskQuery) -> TaskPage:
        """The answer as of the source's newest event. Raises what the source raises; a failure is not kept."""
        place = (self._source.seq, query)
        read = self._reads.pop(place, None) or asyncio.ensure_future(self._source.page(query))
        self._reads[place] = read
        while len(self._reads) > MOST_PAGES:
            del self._reads[next(iter(self._reads))]
        try:
            # Shielded: one session that ends while it waits must not cancel the read for the others.
            return await asyncio.shield(read)
        except BaseException:
            if self._reads.get(place) is read:
                del self._reads[place]
            raise


_pages: WeakKeyDictionary[Source, Pages] = WeakKeyDictionary()


def pages_of(source: Source) -> Pages:
    """The pages that all sessions over this source share."""
    found = _pages.get(source)
    if found is None:
        found = _pages[source] = Pages(source)
    return found
