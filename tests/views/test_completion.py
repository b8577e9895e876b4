from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np

from tests.views.moving import MovingSource
from vain.bands import MetricWindow
from vain.flow.attempts import Attempt, attempts_of
from vain.flow.figures import Visualizations
from vain.flow.visualizations import visualizations
from vain.types import Outcome, TaskDraft, TaskPatch
from vain.views.charts import Charts
from vain.views.completion import NOTHING_LATELY, NOTHING_YET, OUTCOMES, REFRESH_SECONDS, Completion, columns, summary
from vain.views.live import Live
from vain.views.lookback import Shown
from vain.windows import window_of

T = 1_795_000_000.0


NO_METRICS = MetricWindow(np.empty(0), {}, "raw", 1.0)


class CountingSource(MovingSource):
    asked: list[tuple[object, ...]]

    async def visualizations(self, *window: Any) -> Visualizations:
        self.asked = [*getattr(self, "asked", []), window]
        return await super().visualizations(*window)


def ended(number: int, outcome: Outcome, ago_seconds: float) -> Attempt:
    begin, start, end = (round((T - ago_seconds - before) * 1000) for before in (90, 60, 0))
    return Attempt(number, 1, "x", begin, start, end, outcome)


def drawn(*attempts: Attempt) -> Visualizations:
    return visualizations(attempts_of(attempts), NO_METRICS, T, window_of(None, None, None, None, T))


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
    waiting = Attempt(9, 1, "x", round((T - 10) * 1000))
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
        assert len(source.asked) == 2

    run(story)


def test_it_shows_the_time_that_the_other_charts_show_in_whole_days_of_the_viewer() -> None:
    async def story() -> None:
        source = CountingSource(rows=5, until=T)
        live = Live(source)
        charts = Charts(live)
        completion = Completion(live, charts.lookback)
        await settled()
        charts.lookback.shown = Shown("last", 1, after=T - 30 * 86_400, before=T, timezone="Asia/Kolkata")
        await settled()
        assert source.asked[-1] == (T - 400 - 30 * 86_400, T + 500, "Asia/Kolkata")  # to whole quarters of an hour
        assert completion.bars.data["t"][0] / 1000 % 86_400 == 86_400 - 19_800
        charts.lookback.shown = Shown("live", 2)
        await settled()
        assert (len(source.asked), source.asked[-1]) == (3, ())

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
