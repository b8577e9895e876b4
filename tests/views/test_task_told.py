"""What the page of a task tells the browser, and what it reads."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from msgspec.structs import replace

from tests.views.moving import MovingSource
from vain import clock
from vain.bands import MetricWindow, of_values
from vain.changes import Change
from vain.types import HostResources, Resources, Role, Task, TaskDraft, TaskPatch
from vain.views.live import Live
from vain.views.task_page import TaskPage
from vain.views.task_reads import _whole, run_of
from vain.views.task_told import head, life, life_window, look_of, missing

TASK = Task(7, "train", "pending", "medium", "2026-11-24T10:00:00.000Z")
NOW = clock.unix("2026-11-24T11:00:00.000Z")
BEGIN, END = "2026-11-24T10:10:00.000Z", "2026-11-24T10:20:00.000Z"
ENDED = replace(TASK, status="completed", outcome="failed", started_at=BEGIN, completed_at=END)


@pytest.mark.parametrize(
    ("task", "look"),
    [
        (TASK, "pending"),
        (ENDED, "failed"),
        (replace(TASK, status="in-progress"), "running"),
        (replace(TASK, status="in-progress", stale=True), "stale"),
    ],
)
def test_how_a_task_stands(task: Task, look: str) -> None:
    assert look_of(task) == look


def test_the_head_has_the_times_in_words_and_a_window_of_the_timeline() -> None:
    told = head(ENDED, NOW, [], may_write=True)
    assert (told["waited"], told["ran"], told["actions"]) == ("10 min", "10 min", ["reopen"])
    begin, end = clock.unix("2026-11-24T10:10:00.000Z"), clock.unix("2026-11-24T10:20:00.000Z")
    assert (told["after"], told["before"]) == (begin - 60, end + 60) == life_window(ENDED, NOW)


def test_hosts_that_have_pages_are_named_and_those_that_are_left_out_are_counted() -> None:
    hosts = {f"node-{n}": HostResources(cpu_seconds=float(n)) for n in range(103)}
    told = head(replace(ENDED, resources=Resources(hosts=hosts)), NOW, [], True, known={"node-50", "gone"})
    assert (told["known_hosts"], told["more_hosts"], len(told["hosts"])) == (["node-50"], 3, 101)
    told = head(ENDED, NOW, [], True, known={"node-50"})
    assert (told["known_hosts"], told["more_hosts"], told["hosts"]) == ([], 0, [])


def test_who_may_only_look_is_offered_no_change() -> None:
    assert head(TASK, NOW, [], may_write=False)["actions"] == []
    assert head(TASK, NOW, [], may_write=True)["actions"] == ["start", "complete", "cancel"]


def test_a_life_is_told_newest_first_without_what_says_nothing() -> None:
    changes = [
        Change(action="created", created_at="a"),
        Change(changed=["eta"]),
        Change(changed=["overdue"], overdue=True),
    ]
    assert [step["text"] for step in life(changes)] == ["overdue", "created"]


def test_of_progress_alone_a_life_tells_the_newest() -> None:
    def step(version: int, progress: float, *changed: str) -> Change:
        return Change(version=version, changed=[*changed], progress=progress, message="fine", status="in-progress")

    changes = [
        Change(action="created"),
        step(2, 10, "progress"),
        step(3, 20, "progress"),
        step(4, 30, "progress", "message"),
    ]
    changes += [step(5, 40, "progress"), step(6, 50, "progress")]
    assert [each["version"] for each in life(changes)] == [6, 4, 3, 1]


def test_a_missing_task_is_told_from_a_deleted_one() -> None:
    assert missing(None)["missing"] == "Which task?"
    assert missing(7)["missing"] == "There is no task 7"
    assert missing(7, was_there=True)["missing"] == "Task 7 was deleted"


@pytest.mark.parametrize(
    ("body", "whole"),
    [(b"abc", b"abc"), (b"a\xc3", b"a"), (b"a\xc3\xa9", b"a\xc3\xa9"), (b"\xe2\x82", b""), (b"\x80" * 5, b"\x80" * 5)],
)
def test_half_a_character_waits_for_its_other_half(body: bytes, whole: bytes) -> None:
    assert _whole(body) == whole


def test_a_run_has_the_points_of_which_something_is_known() -> None:
    series = {
        "task.cpu_percent:7": of_values(np.array([np.nan, 50.0, 70.0])),
        "task.memory_bytes:8": of_values(np.ones(3)),
    }
    run = run_of(MetricWindow(np.array([100.0, 101.0, 102.0]), series, "raw", 1.0), 7, 100.0)
    assert (run.elapsed.tolist(), run.values["task.cpu_percent"].tolist()) == ([1, 2], [50, 70])
    assert np.isnan(run.progress).all() and list(run.values) == ["task.cpu_percent"]


async def settled(live: Live) -> None:
    """Until nothing is being read any more, and nothing was begun by what was read."""
    while live._fetches:
        await asyncio.gather(*live._fetches)


def listening(source: MovingSource, role: Role = "admin") -> Live:
    """A ``Live`` outside of any session, whose reads are shown at once."""
    live = Live(source, role)
    live._loop = asyncio.get_running_loop()
    return live


def test_a_page_reads_nothing_for_what_changes_elsewhere() -> None:
    async def main() -> list[int]:
        source = MovingSource(5, until=NOW)
        task = await source.create(TaskDraft(name="train", status="in-progress"))
        live = listening(source)
        page = TaskPage(live, task.task_id, lambda: NOW)
        counts = []
        for change in (None, None, TaskPatch(progress=5.0)):
            if change is not None:
                await source.update(task.task_id, change)
            else:
                await source.create(TaskDraft(name="another"))
            page._renew()
            await settled(live)
            counts.append(len(source.queries))
        assert page.head.shown["progress"] == 5.0 and page.life.steps[0]["text"] == "5 %"
        return counts

    first, *others = asyncio.run(main())
    assert others == [first, first] and first > 0


@pytest.mark.parametrize(
    "message", [None, 7, {"after": -1}, {"after": "1"}, {"after": True}, {"action": "explode"}, {"seen": 1}]
)
def test_what_our_own_page_never_sends_changes_nothing(message: object) -> None:
    async def main() -> None:
        source = MovingSource(5, until=NOW)
        task = await source.create(TaskDraft(name="train"))
        live = listening(source)
        page = TaskPage(live, task.task_id, lambda: NOW)
        page.receive(message)
        page.charts.choose(message)
        await settled(live)
        assert (await source.task(task.task_id)).version == 1 and page.log.part.get("text", "") == ""

    asyncio.run(main())


def test_a_reader_cannot_change_a_task() -> None:
    async def main() -> None:
        source = MovingSource(5, until=NOW)
        task = await source.create(TaskDraft(name="train"))
        live = listening(source, "read")
        page = TaskPage(live, task.task_id, lambda: NOW)
        page.receive({"action": "complete"})
        await settled(live)
        assert (await source.task(task.task_id)).status == "pending"
        assert "read-only" in page.head.trouble["detail"]

    asyncio.run(main())
