"""One answer for all who look at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.store.opened import opened
from vain.errors import Invalid
from vain.hub import Hub
from vain.lanes import LaneQuery
from vain.store.database import Store
from vain.timelines import LONGEST_REST_SECONDS, MOST_KEPT, Timelines
from vain.tracker import Tracker
from vain.types import Event, TaskDraft


class Counted:
    """Timelines over a real store, whose reads are counted."""

    def __init__(self, store: Store, hub: Hub) -> None:
        self.store, self.hub, self.reads = store, hub, 0
        self.tracker, self.timelines = Tracker(store), Timelines(store, hub)
        read = store.read

        async def counted(query: Callable[..., Any]) -> Any:
            self.reads += 1
            return await read(query)

        store.read = counted  # type: ignore[method-assign]


def with_timelines(folder: Path, work: Callable[[Counted], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        with opened(folder) as made:
            hub = Hub(made.store.epoch, made.store.seq)

            def publish(events: list[Event]) -> None:
                hub.publish(events)

            made.store._publish = publish
            return await work(Counted(made.store, hub))

    return asyncio.run(main())


def window() -> LaneQuery:
    now = time.time() // 64 * 64
    return LaneQuery(now - 1_024, now + 1_024, 1_024)


def test_all_who_ask_the_same_at_once_share_one_read(tmp_path: Path) -> None:
    async def work(made: Counted) -> None:
        await made.tracker.create(TaskDraft(name="x"))
        first, *others = await asyncio.gather(*(made.timelines.lanes(window()) for _ in range(20)))
        assert made.reads == 1 and first.total == 1
        assert all(other.bars is first.bars for other in others)

    with_timelines(tmp_path, work)


def test_a_change_is_in_the_next_answer(tmp_path: Path) -> None:
    async def work(made: Counted) -> None:
        for number in range(1, 4):
            await made.tracker.create(TaskDraft(name="x"))
            found = await made.timelines.lanes(window())
            assert (found.total, found.seq) == (number, made.hub.seq)

    with_timelines(tmp_path, work)


def test_what_is_read_slowly_is_left_alone_for_longer(tmp_path: Path) -> None:
    async def work(made: Counted) -> None:
        asked = window()
        await made.timelines.lanes(asked)
        assert 0 < made.timelines._rests[asked] - time.monotonic() <= LONGEST_REST_SECONDS
        made.timelines._rests[asked] = until = time.monotonic() + 0.05
        await made.tracker.create(TaskDraft(name="x"))
        first, second = await asyncio.gather(made.timelines.lanes(asked), made.timelines.lanes(asked))
        assert time.monotonic() >= until and first.total == second.total == 1 and made.reads == 2

    with_timelines(tmp_path, work)


def test_what_is_remembered_of_windows_is_bounded(tmp_path: Path) -> None:
    async def work(made: Counted) -> None:
        for second in range(MOST_KEPT + 5):
            await made.timelines.lanes(LaneQuery(second, second + 64, 64))
        assert len(made.timelines._rests) == MOST_KEPT == len(made.timelines._read)

    with_timelines(tmp_path, work)


def test_a_window_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    async def work(made: Counted) -> None:
        with pytest.raises(Invalid):
            await made.timelines.lanes(LaneQuery(9, 5))

    with_timelines(tmp_path, work)
