from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.views.moving import MovingSource
from vain.flow import TaskTimes, Visualizations, visualizations
from vain.history import Columns, History
from vain.types import Outcome, TaskDraft, TaskPatch
from vain.views.completion import NOTHING_LATELY, NOTHING_YET, OUTCOMES, REFRESH_SECONDS, Completion, columns, summary
from vain.views.live import Live
from vain.windows import window_of

T = 1_795_000_000.0


class CountingSource(MovingSource):
    reads = 0

    async def visualizations(self) -> Visualizations:
        self.reads += 1
        return await super().visualizations()


def ended(number: int, outcome: Outcome, ago_seconds: float) -> TaskTimes:
    return TaskTimes(number, "completed", outcome, T - ago_seconds - 90, T - ago_seconds - 60, T - ago_seconds)


def drawn(*tasks: TaskTimes) -> Visualizations:
    no_rows: Columns = History().since(0)
    return visualizations(tasks, no_rows, T, window_of(None, None, None, None, T))


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_bars_are_counts_by_outcome_in_hours_of_milliseconds() -> None:
    found = drawn(ended(1, "succeeded", 30), ended(2, "crashed", 40), ended(3, "skipped", 50), ended(4, "failed", 7300))
    chart = next(chart for chart in found.charts if chart.id == "completion")
    bars = columns(chart, "hour")
    assert {name: sum(bars[name]) for name in OUTCOMES} == {"succeeded": 1, "failed": 2, "cancelled": 1}
    assert bars["t"][1] - bars["t"][0] == 3_600_000
    assert bars["middle"][0] == bars["t"][0] + 1_800_000
    assert len({len(column) for column in bars.values()}) == 1


def test_the_summary_says_where_all_tasks_stand() -> None:
    waiting = TaskTimes(9, "pending", None, T - 10)
    found = drawn(ended(1, "succeeded", 30), ended(2, "failed", 40), waiting)
    expected = "0 in progress · 1 pending · 1 succeeded · 1 failed · success rate 50 % · median duration 1 min"
    assert summary(found.task_completion) == expected


def test_the_chart_follows_the_source() -> None:
    async def story() -> None:
        source = MovingSource()
        completion = Completion(Live(source), clock=lambda: time.monotonic() + source.seq * REFRESH_SECONDS)
        await settled()
        assert completion.empty.text == NOTHING_YET
        task = await source.create(TaskDraft(name="x"))
        await source.update(task.task_id, TaskPatch(status="completed"))
        completion.live.tick += 1
        await settled()
        assert (completion.empty.text, sum(completion.bars.data["succeeded"])) == ("", 1)
        assert completion.summary.text.startswith("0 in progress · 0 pending · 1 succeeded")

    run(story)


def test_it_reads_only_after_an_event_and_not_more_often_than_it_may() -> None:
    async def story() -> None:
        source, now = CountingSource(), [0.0]
        completion = Completion(Live(source), clock=lambda: now[0])
        for second in (0.0, 1.0, 2.0, 3.0, 3.5):
            now[0] = second
            completion.live.tick += 1
            await settled()
            source.seq += 1 if second in (2.0, 3.0) else 0
        assert source.reads == 2

    run(story)


def test_a_window_without_ends_says_so_when_there_were_some_before() -> None:
    async def story() -> None:
        completion = Completion(Live(MovingSource()))
        completion._draw(drawn(ended(1, "succeeded", 9 * 86_400)))
        assert completion.empty.text == NOTHING_LATELY
        assert completion.figure.x_range.end > completion.figure.x_range.start
        await settled()

    run(story)


def test_few_tasks_do_not_fill_the_figure() -> None:
    async def story() -> None:
        completion = Completion(Live(MovingSource()))
        await settled()
        completion._draw(drawn(ended(1, "succeeded", 30)))
        assert completion.figure.y_range.end == 4

    run(story)
