"""The past in the charts of a session: what is read, when, and what is drawn of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

from tests.views.moving import MovingSource
from vain.bands import MetricQuery, MetricWindow
from vain.errors import Unavailable
from vain.quality import Span
from vain.views.charts import Charts
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG, Lookback, facts
from vain.views.range import RangeChoice
from vain.views.zoom import Wanted

NOW = 1_800_000_000.0
DAY = 86_400
LAST_DAY = Wanted("last", 1, seconds=DAY, width_pixels=1000)


class SlowSource(MovingSource):
    """Answers when a test says so; ``trouble`` is raised in place of an answer."""

    def __init__(self) -> None:
        super().__init__(rows=60, until=NOW)
        self.gate = asyncio.Event()
        self.gate.set()
        self.trouble: Exception | None = None

    async def window(self, query: MetricQuery) -> MetricWindow:
        self.queries.append(query)
        await self.gate.wait()
        if self.trouble is not None:
            raise self.trouble
        return self.memory.window(query)


class Desk:
    """A session: its source, its live, its charts and what they look back with."""

    def __init__(self) -> None:
        self.source = SlowSource()
        self.live = Live(self.source).start()
        self.charts = Charts(self.live)
        self.lookback: Lookback = self.charts.lookback

    async def wants(self, wanted: Wanted) -> None:
        self.lookback.want(wanted)
        await self.settled()

    async def settled(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)


def run(story: Callable[[Desk], Awaitable[None]]) -> None:
    async def main() -> None:
        desk = Desk()
        await story(desk)
        desk.live.stop()

    asyncio.run(main())


def fixed(after: float, before: float, request: int = 1, **more: Any) -> Wanted:
    return Wanted("fixed", request, after=after, before=before, **{"width_pixels": 1000, **more})


def test_a_day_is_drawn_in_steps_with_its_band_in_all_charts_at_once() -> None:
    async def story(desk: Desk) -> None:
        await desk.wants(LAST_DAY)
        t, low = desk.live.metrics.data["t"], desk.lookback.bands.data["low:cpu.percent"]
        assert (len(t), t[1] - t[0]) == (720, 120_000)
        assert (low <= desk.live.metrics.data["cpu.percent"]).all()
        assert (desk.lookback.shown.step_seconds, desk.lookback.shown.before) == (120, NOW)
        assert len(desk.source.queries) == 1

    run(story)


def test_zooming_in_gets_finer_points_until_every_sample_is_there() -> None:
    async def story(desk: Desk) -> None:
        steps = []
        for span in (30 * DAY, 7 * DAY, DAY, 3_600, 300):
            await desk.wants(fixed(NOW - span, NOW, by_hand=True))
            steps.append(desk.lookback.shown.step_seconds)
        assert steps == [3_600, 900, 120, 5, 0]
        assert np.median(np.diff(desk.live.metrics.data["t"])) == 1000

    run(story)


def test_a_small_move_within_what_is_there_asks_for_nothing() -> None:
    async def story(desk: Desk) -> None:
        await desk.wants(fixed(NOW - 2 * DAY, NOW - DAY, by_hand=True))
        await desk.wants(fixed(NOW - 2 * DAY + 900, NOW - DAY + 900, 2, by_hand=True))
        assert (len(desk.source.queries), desk.lookback.shown.request) == (1, 2)
        await desk.wants(fixed(NOW - 5 * DAY, NOW - 4 * DAY, 3, by_hand=True))
        assert len(desk.source.queries) == 2

    run(story)


def test_only_the_newest_wish_is_read_next_and_an_answer_that_came_late_is_not_drawn() -> None:
    async def story(desk: Desk) -> None:
        desk.source.gate.clear()
        shown: list[int] = []
        desk.lookback.param.watch(lambda event: shown.append(event.new.request), "shown")
        for request in range(1, 6):
            await desk.wants(fixed(NOW - request * DAY, NOW, request))
        desk.source.gate.set()
        await desk.settled()
        assert shown == [5]
        assert [round((NOW - query.after) / DAY) for query in desk.source.queries] == [1, 5]

    run(story)


def test_live_while_a_read_is_under_way_stays_live() -> None:
    async def story(desk: Desk) -> None:
        desk.source.gate.clear()
        await desk.wants(LAST_DAY)
        await desk.wants(Wanted("live", 2, seconds=900))
        desk.source.gate.set()
        await desk.settled()
        assert (desk.lookback.shown.kind, desk.live.following, desk.live.window_seconds) == ("live", True, 900)

    run(story)


def test_the_past_stands_still_while_samples_come_and_live_goes_on_with_them() -> None:
    async def story(desk: Desk) -> None:
        await desk.wants(fixed(NOW - DAY, NOW - 3_600))
        drawn = desk.live.metrics.data["t"]
        desk.source.advance(NOW + 1)
        await desk.settled()
        assert desk.live.metrics.data["t"] is drawn
        await desk.wants(Wanted("live", 2, seconds=300))
        desk.source.advance(NOW + 2)
        await desk.settled()
        assert list(desk.live.metrics.data["t"][-2:]) == [(NOW + 1) * 1000, (NOW + 2) * 1000]
        assert len(desk.lookback.bands.data["t"]) == 0

    run(story)


def test_a_window_until_now_is_read_again_once_in_a_step() -> None:
    async def story(desk: Desk) -> None:
        await desk.wants(LAST_DAY)
        for second in range(1, 245):
            desk.source.advance(NOW + second)
            await desk.settled()
        assert len(desk.source.queries) == 3
        assert desk.lookback.shown.before == NOW + 240

    run(story)


def test_a_gap_breaks_the_lines_and_is_told() -> None:
    async def story(desk: Desk) -> None:
        desk.source.memory.spans = [Span("asleep", NOW - 7_200, NOW - 3_600)]
        await desk.wants(LAST_DAY)
        t, cpu = desk.live.metrics.data["t"] / 1000, desk.live.metrics.data["cpu.percent"]
        inside = (t > NOW - 7_000) & (t < NOW - 3_800)
        assert np.isnan(cpu[inside]).all()
        assert not np.isnan(cpu[~inside & (t < NOW - 7_300)]).any()
        assert list(desk.lookback.gaps.data["meaning"]) == ["the machine slept"]
        assert facts(desk.lookback.shown)["strips"][0]["cause"] == "asleep"

    run(story)


def test_an_empty_window_says_when_the_history_begins() -> None:
    async def story(desk: Desk) -> None:
        desk.source.memory.begins = NOW - 3_600
        await desk.wants(fixed(NOW - 3 * DAY, NOW - 2 * DAY))
        assert (desk.lookback.shown.is_empty, desk.lookback.shown.begins) == (True, NOW - 3_600)
        await desk.wants(fixed(NOW - 1800, NOW))
        assert (desk.lookback.shown.is_empty, desk.lookback.shown.begins) == (False, None)

    run(story)


def test_the_time_before_the_history_is_no_gap() -> None:
    async def story(desk: Desk) -> None:
        desk.source.memory.begins = NOW - 3_600
        desk.source.memory.spans = [Span("unknown", NOW - DAY, NOW - 3_600), Span("asleep", NOW - 900, NOW - 300)]
        await desk.wants(LAST_DAY)
        shown = desk.lookback.shown
        assert (shown.is_empty, shown.begins) == (False, NOW - 3_600)
        assert [strip.cause for strip in shown.strips] == ["asleep"]

    run(story)


@pytest.mark.parametrize(
    ("error", "said"), [(Unavailable("Stopping."), "Stopping."), (ZeroDivisionError(), WENT_WRONG)]
)
def test_a_failed_read_says_so_leaves_the_charts_and_may_be_tried_again(error: Exception, said: str) -> None:
    async def story(desk: Desk) -> None:
        desk.source.trouble = error
        await desk.wants(LAST_DAY)
        assert (desk.lookback.shown.trouble, desk.lookback.shown.request) == (said, 1)
        assert (desk.live.following, len(desk.live.metrics.data["t"])) == (True, 60)
        desk.source.trouble = None
        await desk.wants(Wanted("last", 2, seconds=DAY, width_pixels=1000))
        assert (desk.lookback.shown.trouble, len(desk.live.metrics.data["t"])) == ("", 720)

    run(story)


def test_cores_are_read_only_where_points_are_short() -> None:
    async def story(desk: Desk) -> None:
        await desk.wants(LAST_DAY)
        assert np.isnan(desk.live.metrics.data["cpu.core.percent:0"]).all()
        await desk.wants(fixed(NOW - 3_600, NOW))
        assert not np.isnan(desk.live.metrics.data["cpu.core.percent:0"][:-1]).any()

    run(story)


def test_the_control_takes_what_its_browser_sends_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def story(desk: Desk) -> None:
        choice = RangeChoice(desk.charts)
        choice.receive({"kind": "fixed", "after": NOW, "before": NOW - 1})
        assert (desk.source.queries, len(caplog.records)) == ([], 1)
        choice.receive({"kind": "last", "seconds": DAY, "request": 4, "width_pixels": 600, "timezone": "Europe/Berlin"})
        await desk.settled()
        shown = choice._control.shown
        assert (shown["kind"], shown["request"], shown["timezone"]) == ("last", 4, "Europe/Berlin")

    run(story)


def test_a_reader_may_look_back() -> None:
    async def story(desk: Desk) -> None:
        desk.live.role = "read"
        await desk.wants(LAST_DAY)
        assert desk.lookback.shown.kind == "last"

    run(story)
