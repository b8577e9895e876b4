"""What the timeline asks for, when, and what it takes from a page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from tests.views.moving import MovingSource
from vain.errors import Unavailable
from vain.explaining import Explaining, Explanation
from vain.lanes import LaneQuery, Lanes
from vain.types import TaskDraft, TaskPatch
from vain.views.explainer import Explainer
from vain.views.live import Live
from vain.views.timeline import Filter, Timeline
from vain.views.tracks import plans, tracks
from vain.views.zoom import Wanted

NOW = 1_800_000_000.0
DAY = 86_400


class CountingSource(MovingSource):
    """Remembers what it was asked; ``trouble`` is raised in place of an answer."""

    def __init__(self) -> None:
        super().__init__(rows=60, until=NOW)
        self.asked: list[LaneQuery] = []
        self.questions: list[Explaining] = []
        self.trouble: Exception | None = None

    async def lanes(self, query: LaneQuery) -> Lanes:
        self.asked.append(query)
        if self.trouble is not None:
            raise self.trouble
        return await super().lanes(query)

    async def explain(self, asked: Explaining) -> Explanation:
        self.questions.append(asked)
        if self.trouble is not None:
            raise self.trouble
        return await super().explain(asked)


class Desk:
    """A session with a timeline and a panel that explains."""

    def __init__(self) -> None:
        self.source = CountingSource()
        self.live = Live(self.source).start()
        self.charts = tracks(self.live)
        self.timeline, self.explainer = Timeline(self.charts), Explainer(self.live)

    @property
    def lanes(self) -> str:
        return str(self.timeline._control.lanes)

    async def settled(self) -> None:
        for _ in range(12):
            await asyncio.sleep(0)

    async def ticks(self, t: float) -> None:
        self.source.advance(t)
        await self.settled()


def run(story: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        await desk.settled()
        await story(desk)
        desk.live.stop()

    asyncio.run(main())


def test_the_lanes_are_read_again_when_a_task_changed_and_not_with_every_sample() -> None:
    async def story(desk: Desk) -> None:
        before = len(desk.source.asked)
        for second in range(1, 6):
            await desk.ticks(NOW + second)
        assert len(desk.source.asked) - before <= 1
        task = await desk.source.create(TaskDraft(name="train"))
        await desk.source.update(task.task_id, TaskPatch(status="in-progress"))
        asked = len(desk.source.asked)
        desk.live.tick += 1
        await desk.settled()
        assert len(desk.source.asked) == asked + 1

    run(story)


def test_a_look_back_asks_for_its_lanes_at_once_with_a_margin() -> None:
    async def story(desk: Desk) -> None:
        desk.charts.lookback.want(Wanted("fixed", 1, after=NOW - DAY, before=NOW, by_hand=True, width_pixels=1000))
        await desk.settled()
        query = desk.source.asked[-1]
        assert query.after <= NOW - 1.2 * DAY and query.before >= NOW + 0.2 * DAY
        assert query.width_pixels >= 1400

    run(story)


def test_windows_that_hardly_differ_are_the_same_question() -> None:
    async def story(desk: Desk) -> None:
        found = set()
        for by in (10.0, 11.0, 12.0):
            desk.charts.lookback.want(Wanted("fixed", 1, after=NOW - DAY + by, before=NOW + by))
            await desk.settled()
            found.add(desk.source.asked[-1])
        assert len(found) == 1

    run(story)


def test_a_filter_of_the_page_is_asked_for_and_what_no_page_sends_is_left_alone() -> None:
    async def story(desk: Desk) -> None:
        desk.timeline.receive({"text": " resnet ", "show": "failed"})
        await desk.settled()
        assert (desk.source.asked[-1].text, desk.source.asked[-1].outcome) == ("resnet", "failed")
        for silly in ({"text": 7}, {"text": "x" * 201}, [], None, {"other": 1}):
            desk.timeline.receive(silly)
        await desk.settled()
        assert desk.timeline.filter == Filter(" resnet ", "failed")

    run(story)


def test_trouble_is_told_and_the_next_tick_asks_again() -> None:
    async def story(desk: Desk) -> None:
        kept = desk.lanes
        desk.source.trouble = Unavailable("Too many questions wait.")
        desk.timeline.receive({"text": "x", "show": ""})
        await desk.settled()
        assert desk.timeline._control.trouble == "Too many questions wait."
        assert desk.lanes == kept
        desk.source.trouble = None
        await desk.ticks(NOW + 1)
        assert desk.timeline._control.trouble == ""

    run(story)


def test_a_stretch_is_explained_and_the_answer_names_its_question() -> None:
    async def story(desk: Desk) -> None:
        desk.explainer.receive({"after": NOW - 60, "before": NOW - 30, "metric": "memory.used_bytes", "request": 4})
        async with asyncio.timeout(10):
            while not desk.explainer._control.told:  # noqa: ASYNC110  # an answer of a thread
                await asyncio.sleep(0.001)
        assert desk.source.questions == [Explaining(NOW - 60, NOW - 30, "memory.used_bytes")]
        told = json.loads(desk.explainer._control.told)
        assert (told["request"], told["metric"]) == (4, "memory.used_bytes")

    run(story)


def test_a_question_that_no_page_asks_is_left_alone_and_trouble_is_told() -> None:
    async def story(desk: Desk) -> None:
        for silly in ({}, {"after": "x", "before": 1}, {"after": 1, "before": 2, "metric": "; drop"}, 7):
            desk.explainer.receive(silly)
        await desk.settled()
        assert desk.source.questions == []
        desk.source.trouble = Unavailable("Later.")
        desk.explainer.receive({"after": NOW - 60, "before": NOW, "request": 2})
        await desk.settled()
        assert desk.explainer._control.trouble == {"request": 2, "detail": "Later."}

    run(story)


def test_a_machine_has_tracks_for_what_it_tells() -> None:
    assert [plan.name for plan in plans(None)] == ["cpu", "memory", "disk", "network"]
    assert [plan.name for plan in plans(MovingSource(rows=1).latest())][4:] == ["pressure"]
