from __future__ import annotations

import asyncio
from typing import Any

from msgspec import structs

from tests.views.test_board import Browser, CountingSource, run
from vain.types import TaskPatch, TaskQuery
from vain.views.board_bulk import GROUP, LARGEST_BULK
from vain.views.board_pages import Pages, columns


def test_one_action_changes_all_that_are_selected_and_tells_of_those_it_could_not() -> None:
    async def story() -> None:
        source = CountingSource(5)
        answer = await Browser(source).say("many", action="set", tasks=[1, 2, 99], fields={"status": "completed"})
        assert (answer["ok"], answer["changed"], answer["left"]) == (True, 2, 0)
        assert answer["refused"] == [{"detail": "There is no task 99.", "tasks": [99]}]
        assert [source.tasks[number].status for number in (1, 2, 3)] == ["completed", "completed", "pending"]

    run(story)


def test_a_tag_is_added_to_those_a_task_has() -> None:
    async def story() -> None:
        source = CountingSource(3)
        await source.update(1, TaskPatch(tags=["old", "new"]))
        await source.update(2, TaskPatch(tags=["other"]))
        browser = Browser(source)
        await browser.say("query")
        answer = await browser.say("many", action="tag", tasks=[1, 2], fields={"tags": ["new"]})
        assert answer["changed"] == 2
        assert [source.tasks[number].tags for number in (1, 2, 3)] == [["old", "new"], ["other", "new"], []]

    run(story)


def test_all_that_match_are_changed_as_far_as_one_action_goes() -> None:
    async def story() -> None:
        source = CountingSource(LARGEST_BULK + 20)
        browser = Browser(source)
        await browser.say("many", action="delete", matching=True, query={"text": "task"})
        await asyncio.gather(*browser.board._work)
        (answer,) = browser.told
        assert (answer["changed"], answer["left"], len(source.tasks)) == (LARGEST_BULK, 20, 20)

    run(story)


def test_more_than_one_action_may_change_is_refused_whole() -> None:
    async def story() -> None:
        source = CountingSource(2)
        answer = await Browser(source).say("many", action="delete", tasks=list(range(1, LARGEST_BULK + 2)))
        assert not answer["ok"] and len(source.tasks) == 2
        assert not (await Browser(source).say("many", action="tag", tasks=[1]))["ok"]
        assert not (await Browser(source).say("many", action="delete", tasks=[]))["ok"]

    run(story)


def test_a_read_only_viewer_changes_nothing_in_bulk() -> None:
    async def story() -> None:
        source = CountingSource(2)
        answer = await Browser(source, role="read").say("many", action="delete", tasks=[1, 2])
        assert not answer["ok"] and len(source.tasks) == 2

    run(story)


def test_no_more_than_a_group_is_under_way_at_once() -> None:
    class Slow(CountingSource):
        at_once = most = 0

        async def update(self, task_id: int, patch: TaskPatch) -> Any:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            await asyncio.sleep(0)
            self.at_once -= 1
            return await super().update(task_id, patch)

    async def story() -> None:
        source = Slow(3 * GROUP)
        numbers = list(range(1, 3 * GROUP + 1))
        await Browser(source).say("many", action="set", tasks=numbers, fields={"priority": "high"})
        assert source.most == GROUP

    run(story)


def test_columns_show_the_first_of_each_status_and_count_all() -> None:
    async def story() -> None:
        source = CountingSource(9)
        for number in (2, 4, 6):
            await source.update(number, TaskPatch(status="completed"))
        source.tasks[2] = structs.replace(source.tasks[2], completed_at="2030-01-01T00:00:00.000Z")
        page = await Browser(source).say("query", columns=True, query={"limit": 2, "sort": "task_id"})
        assert [shown["id"] for shown in page["rows"]][:3] == [1, 3, 2]
        assert page["totals"] == {"pending": 6, "in-progress": 0, "completed": 3}
        one = await columns(Pages(source), TaskQuery(status="completed"))
        assert one[1] == {"completed": 3}

    run(story)


def test_a_task_that_changed_between_two_reads_stands_in_one_column() -> None:
    class Restless(CountingSource):
        async def page(self, query: TaskQuery) -> Any:
            page = await super().page(query)
            if query.status == "pending":
                await self.update(1, TaskPatch(status="completed"))
            return page

    async def story() -> None:
        page, _ = await columns(Pages(Restless(2)), TaskQuery())
        assert [(task.task_id, task.status) for task in page.tasks] == [(2, "pending"), (1, "completed")]

    run(story)


def test_the_editor_opens_a_task_that_is_not_on_the_page() -> None:
    async def story() -> None:
        browser = Browser(CountingSource(3))
        await browser.say("query", query={"limit": 1, "sort": "task_id"})
        assert (await browser.say("open", task_id=3))["values"]["name"] == "task 3"
        assert (await browser.say("open", task_id=4))["detail"] == "There is no task 4."

    run(story)
