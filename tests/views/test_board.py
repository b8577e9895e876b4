from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.views.moving import MovingSource
from vain.errors import NotFound, Unavailable
from vain.lifecycle import created
from vain.types import Role, Task, TaskDraft, TaskPage, TaskPatch, TaskQuery
from vain.views.board import Board
from vain.views.board_pages import MOST_PAGES, Pages, pages_of
from vain.views.live import Live

NOW = "2026-11-23T03:06:00.000Z"


class CountingSource(MovingSource):
    """Counts the pages that are read, and may be out of order for a while."""

    def __init__(self, names: int = 0) -> None:
        super().__init__()
        self.reads = 0
        self.broken = False
        for number in range(1, names + 1):
            self.tasks[number] = created(TaskDraft(name=f"task {number}"), number, NOW)

    async def page(self, query: TaskQuery) -> TaskPage:
        self.reads += 1
        await asyncio.sleep(0)
        if self.broken:
            raise Unavailable("The store is starting.")
        return await super().page(query)

    async def update(self, task_id: int, patch: TaskPatch) -> Task:
        if task_id not in self.tasks:
            raise NotFound(f"There is no task {task_id}.")
        return await super().update(task_id, patch)


class Browser:
    """The other end of a board: says things as the page does, and remembers what it was told."""

    def __init__(self, source: CountingSource, role: Role = "admin") -> None:
        self.live = Live(source, role)
        self.board = Board(self.live)
        self.told: list[dict[str, Any]] = []
        self.board.table.tell = self.told.append
        self._request = 0

    async def say(self, intent: str, **rest: Any) -> dict[str, Any]:
        self._request += 1
        before = len(self.told)
        self.board.receive({"intent": intent, "request": self._request, **rest})
        await settled()
        return self.told[before] if len(self.told) > before else {}

    async def tick(self) -> list[dict[str, Any]]:
        before = len(self.told)
        self.live.param.update(tick=self.live.tick + 1, seq=self.live.source.seq)
        await settled()
        return self.told[before:]


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_a_query_is_answered_with_one_page_of_rows_and_the_counts_of_all() -> None:
    async def story() -> None:
        page = await Browser(CountingSource(120)).say("query", query={"limit": 50, "sort": "task_id"})
        assert page["type"] == "page"
        assert [shown["id"] for shown in page["rows"]] == list(range(1, 51))
        assert (page["total"], page["offset"], page["counts"]["pending"]) == (120, 0, 120)

    run(story)


def test_a_page_past_the_end_becomes_the_last_page() -> None:
    async def story() -> None:
        page = await Browser(CountingSource(120)).say("query", query={"limit": 50, "sort": "task_id", "offset": 5000})
        assert (page["offset"], page["rows"][0]["id"], len(page["rows"])) == (100, 101, 20)

    run(story)


def test_only_the_changed_row_travels_when_the_order_is_the_same() -> None:
    async def story() -> None:
        source = CountingSource(30)
        browser = Browser(source)
        await browser.say("query")
        await source.update(7, TaskPatch(status="in-progress", progress=40.0))
        (patch,) = await browser.tick()
        assert patch["type"] == "patch"
        assert [(shown["id"], shown["progress"]) for shown in patch["rows"]] == [(7, 40.0)]

    run(story)


def test_a_new_task_on_the_page_sends_the_new_list() -> None:
    async def story() -> None:
        source = CountingSource(3)
        browser = Browser(source)
        await browser.say("query")
        await source.create(TaskDraft(name="newest"))
        (page,) = await browser.tick()
        assert page["type"] == "page"
        assert [shown["id"] for shown in page["rows"]] == [4, 3, 2, 1]

    run(story)


def test_a_change_on_another_page_sends_counts_without_rows() -> None:
    async def story() -> None:
        source = CountingSource(30)
        browser = Browser(source)
        await browser.say("query", query={"limit": 10, "sort": "task_id"})
        await source.update(29, TaskPatch(status="completed"))
        (patch,) = await browser.tick()
        assert (patch["rows"], patch["counts"]["completed"]) == ([], 1)

    run(story)


def test_nothing_is_read_or_sent_while_no_event_comes() -> None:
    async def story() -> None:
        source = CountingSource(3)
        browser = Browser(source)
        await browser.say("query")
        assert await browser.tick() + await browser.tick() == []
        assert source.reads == 1

    run(story)


def test_nothing_is_read_before_the_browser_asks() -> None:
    async def story() -> None:
        source = CountingSource(3)
        assert await Browser(source).tick() == []
        assert source.reads == 0

    run(story)


def test_equal_questions_of_many_boards_are_one_read() -> None:
    async def story() -> None:
        source = CountingSource(3)
        browsers = [Browser(source) for _ in range(20)]
        await asyncio.gather(*(browser.say("query") for browser in browsers))
        await source.update(1, TaskPatch(priority="high"))
        await asyncio.gather(*(browser.tick() for browser in browsers))
        assert source.reads == 2

    run(story)


def test_the_shared_pages_are_bounded_and_a_failure_is_not_kept() -> None:
    async def story() -> None:
        source = CountingSource(3)
        pages = Pages(source)
        for number in range(MOST_PAGES * 2):
            await pages.page(TaskQuery(text=str(number)))
        source.broken = True
        with pytest.raises(Unavailable):
            await pages.page(TaskQuery(text="other"))
        assert len(pages) == MOST_PAGES - 1
        assert pages_of(source) is pages_of(source)

    run(story)


def test_create_set_and_delete_reach_the_source_and_show_at_once() -> None:
    async def story() -> None:
        source = CountingSource()
        browser = Browser(source)
        await browser.say("query")
        assert (await browser.say("create", fields={"name": "new", "tags": ["a"]}))["ok"]
        assert browser.told[-1]["rows"][0]["name"] == "new"
        assert (await browser.say("set", task_id=1, fields={"status": "completed", "outcome": "failed"}))["ok"]
        assert (source.tasks[1].outcome, browser.told[-1]["rows"][0]["outcome"]) == ("failed", "failed")
        assert (await browser.say("delete", task_id=1))["ok"]
        assert (source.tasks, browser.told[-1]["total"]) == ({}, 0)

    run(story)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"name": " "}, "name"), ({"name": 5}, "name"), ({"tags": ["x" * 65]}, "tags"), ({"due_at": "soon"}, "due_at")],
)
def test_a_refused_change_names_its_field_and_says_why(fields: dict[str, Any], field: str) -> None:
    async def story() -> None:
        answer = await Browser(CountingSource(1)).say("set", task_id=1, fields=fields)
        assert (answer["ok"], [flaw["field"] for flaw in answer["flaws"]]) == (False, [field])
        assert answer["flaws"][0]["detail"].endswith(".")

    run(story)


def test_a_refusal_of_the_source_comes_back_as_its_sentence() -> None:
    async def story() -> None:
        answer = await Browser(CountingSource()).say("set", task_id=9, fields={"status": "completed"})
        assert (answer["ok"], answer["detail"], answer["flaws"]) == (False, "There is no task 9.", [])

    run(story)


@pytest.mark.parametrize("intent", ["create", "set", "delete"])
def test_a_read_only_viewer_changes_nothing(intent: str) -> None:
    async def story() -> None:
        source = CountingSource(1)
        browser = Browser(source, role="read")
        answer = await browser.say(intent, task_id=1, fields={"name": "mine"})
        assert not browser.board.table.may_write
        assert (answer["ok"], source.tasks[1].name, len(source.tasks)) == (False, "task 1", 1)

    run(story)


def test_the_editor_gets_the_values_of_a_task_and_its_version() -> None:
    async def story() -> None:
        browser = Browser(CountingSource(1))
        await browser.say("query")
        opened = await browser.say("open", task_id=1)
        assert (opened["values"]["name"], opened["version"]) == ("task 1", 1)
        assert not (await browser.say("open", task_id=2))["ok"]

    run(story)


@pytest.mark.parametrize(
    "message",
    [
        "text",
        {"intent": "drop", "request": 1},
        {"intent": "query", "request": 1, "query": {"limit": 100_000}},
        {"intent": "query", "request": 1, "query": {"offset": -1}},
        {"intent": "query", "request": 1, "query": {"sort": "1; DROP TABLE tasks"}},
        {"intent": "query", "request": 1, "query": {"text": "x" * 201}},
        {"intent": "set", "request": 1, "task_id": 1, "fields": [1]},
        {"intent": "delete", "request": 1},
    ],
)
def test_a_message_that_no_board_sends_is_refused_and_changes_nothing(message: Any) -> None:
    async def story() -> None:
        source = CountingSource(1)
        browser = Browser(source)
        browser.board.receive(message)
        await settled()
        assert all(not answer["ok"] for answer in browser.told)
        assert (source.reads, source.tasks[1].version) == (0, 1)

    run(story)


def test_trouble_is_told_and_the_next_tick_tries_again() -> None:
    async def story() -> None:
        source = CountingSource(1)
        browser = Browser(source)
        source.broken = True
        assert await browser.say("query") == {"type": "trouble", "detail": "The store is starting."}
        source.broken = False
        (page,) = await browser.tick()
        assert page["type"] == "page"

    run(story)


def test_a_closed_board_leaves_nothing_at_the_source() -> None:
    async def story() -> None:
        source = CountingSource(3)
        browser = Browser(source)
        await browser.say("query")
        board = weakref.ref(browser.board)
        del browser
        await settled()
        gc.collect()
        assert board() is None
        assert len(pages_of(source)) == 1

    run(story)
