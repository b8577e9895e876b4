"""The output of tasks, as the store keeps it."""

from __future__ import annotations

from pathlib import Path

from tests.store.opened import Opened, with_store
from vain.tracker import Tracker
from vain.types import TaskDraft


def test_after_a_hole_the_end_of_the_log_is_where_it_is(tmp_path: Path) -> None:
    async def main(made: Opened) -> None:
        tracker = Tracker(made.store)
        number = (await tracker.create(TaskDraft(name="x"))).task_id
        await tracker.add_log(number, b"first\n", 0)
        await tracker.add_log(number, b"later\n", 1_000)
        begin, body = await tracker.log(number)
        assert (body, begin + len(body)) == (b"first\nlater\n", 1_006)
        assert await tracker.log(number, 1_006) == (1_006, b"")

    with_store(tmp_path, main)
