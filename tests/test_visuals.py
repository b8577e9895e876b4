"""The visualizations for who asks on the loop: worked out once, and from what is stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.store.opened import opened
from vain import visuals
from vain.bands import MetricQuery, MetricWindow, of_values
from vain.clock import unix
from vain.errors import NotFound
from vain.flow.attempts import AttemptQuery
from vain.hub import Hub
from vain.tracker import Tracker
from vain.types import TaskDraft, TaskPatch
from vain.visuals import MOST_KEPT, Asked, Charts
from vain.windows import window_of

BUSY = MetricWindow(np.array([1.0]), {"cpu.percent": of_values(np.array([40.0]))}, "raw", 1.0)


class Parts:
    """Charts over a real store; of the metrics it is told only what they were asked."""

    def __init__(self, tracker: Tracker, hub: Hub) -> None:
        self.tracker = tracker
        self.queries: list[MetricQuery] = []
        self.charts = Charts(tracker, self._window, hub)

    async def _window(self, query: MetricQuery) -> MetricWindow:
        self.queries.append(query)
        return BUSY

    async def get(self, **asked: Any) -> Any:
        window = asked.pop("window", None) or window_of(None, None, None, None, time.time())
        return await self.charts.get(Asked(window, **asked))


def with_parts(folder: Path, work: Callable[[Parts], Awaitable[None]]) -> None:
    async def main() -> None:
        with opened(folder) as made:
            hub = Hub(made.store.epoch, made.store.seq)
            made.store._publish = hub.publish
            await work(Parts(Tracker(made.store), hub))

    asyncio.run(main())


def test_charts_are_computed_once_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(parts: Parts) -> None:
        monkeypatch.setattr(visuals.time, "monotonic", lambda: 100.0)
        window = window_of(None, None, None, None, time.time())
        first, *others = await asyncio.gather(*(parts.get(window=window) for _ in range(5)))
        assert all(other is first for other in others) and len(parts.queries) == 1
        await parts.tracker.create(TaskDraft(name="x"))
        second = await parts.get(window=window)
        assert (len(parts.queries), first.task_completion.total, second.task_completion.total) == (2, 0, 1)

    with_parts(tmp_path, work)


def test_other_tasks_and_another_forecast_are_other_questions(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        for name in ("x", "x", "y"):
            await parts.tracker.create(TaskDraft(name=name))
        every, some = await parts.get(), await parts.get(tasks=AttemptQuery(name="x"))
        assert (every.task_completion.total, some.task_completion.total) == (3, 2)
        assert some.performance_trends == every.performance_trends != {}
        assert (
            every.task_completion.forecast.items,
            (await parts.get(forecast_items=9)).task_completion.forecast.items,
        ) == (3, 9)

    with_parts(tmp_path, work)


def test_the_trends_are_asked_for_the_part_of_the_window_that_has_passed(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        now = time.time()
        answer = await parts.get(window=window_of("-7200", None, "hour", None, now))
        await parts.get(window=window_of("2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z", "day", None, now))
        passed, ahead = parts.queries
        assert passed.after == unix(answer.window.after) and now <= passed.before <= time.time()
        assert ahead.before == ahead.after + 1 and answer.performance_trends["cpu.percent"].mean == 40

    with_parts(tmp_path, work)


def test_reopened_and_deleted_tasks_are_counted_as_what_they_were(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        await parts.tracker.create(TaskDraft(name="x", status="in-progress"))
        for status in ("completed", "pending"):
            await parts.tracker.update(1, TaskPatch(status=status))
        await parts.tracker.create(TaskDraft(name="y", status="completed"))
        await parts.tracker.create(TaskDraft(name="z"))
        await parts.tracker.delete(2)
        await parts.tracker.delete(3)
        answer = await parts.get()
        flow = answer.task_completion
        assert (flow.total, flow.pending, flow.ended, flow.arrived) == (1, 1, 2, 4)
        data = next(chart.data for chart in answer.charts if chart.id == "cumulative-flow")
        assert [data[name][-1] for name in ("arrived", "started", "completed", "removed")] == [4, 3, 2, 1]

    with_parts(tmp_path, work)


def test_what_is_kept_of_charts_is_bounded(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        for days in range(1, 2 * MOST_KEPT):
            await parts.get(window=window_of(f"-{days * 86_400}", None, "day", None, time.time()))
        assert len(parts.charts._computed) <= MOST_KEPT

    with_parts(tmp_path, work)


def test_charts_that_failed_are_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(parts: Parts) -> None:
        async def fail(query: AttemptQuery) -> Any:
            raise NotFound("for now")

        with monkeypatch.context() as patch:
            patch.setattr(parts.tracker, "attempts", fail)
            with pytest.raises(NotFound):
                await parts.get()
        assert (await parts.get()).task_completion.total == 0

    with_parts(tmp_path, work)


def test_one_who_stops_waiting_does_not_stop_the_others(tmp_path: Path) -> None:
    async def work(parts: Parts) -> None:
        first, second = (asyncio.ensure_future(parts.get()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).task_completion.total == 0

    with_parts(tmp_path, work)
