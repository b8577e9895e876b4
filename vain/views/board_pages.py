"""Pages of tasks, read once for everybody: equal questions about the same state of the store share one answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from vain.shared import SharedReads
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
        self._reads: SharedReads[tuple[int, TaskQuery], TaskPage] = SharedReads(MOST_PAGES)

    def __len__(self) -> int:
        return len(self._reads)

    async def page(self, query: TaskQuery) -> TaskPage:
        """The answer as of the source's newest event. Raises what the source raises; a failure is not kept."""
        return await self._reads.get((self._source.seq, query), lambda: self._source.page(query))


_pages: WeakKeyDictionary[Source, Pages] = WeakKeyDictionary()


def pages_of(source: Source) -> Pages:
    """The pages that all sessions over this source share."""
    found = _pages.get(source)
    if found is None:
        found = _pages[source] = Pages(source)
    return found
