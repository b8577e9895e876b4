"""The flow page: what is asked, what is drawn, what is told. All of it is what ``GET /visualizations`` answers."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest

from tests.views.made_machines import sample
from tests.views.moving import MovingSource
from vain.bands import MetricWindow
from vain.clock import unix, utc
from vain.errors import Unavailable
from vain.flow.attempts import Attempt, AttemptQuery, attempts_of
from vain.flow.figures import Chart, Visualizations
from vain.flow.visualizations import visualizations
from vain.lifecycle import created
from vain.types import Outcome, TaskDraft, TaskPatch
from vain.views.flow import MACHINE, REFRESH_SECONDS, TASKS, Flow
from vain.views.flow_machine import bands_of
from vain.views.flow_rows import MOST_AGING_NAMES
from vain.views.flow_tables import chart_of, facts, table
from vain.views.flow_wanted import Wanted, checked, csv_address
from vain.views.live import Live
from vain.windows import window_of

T = 1_795_000_000.0
NO_METRICS = MetricWindow(np.empty(0), {}, "raw", 1.0)
OUTCOMES: tuple[Outcome, ...] = ("succeeded", "failed", "cancelled", "succeeded")


def run_of(number: int, name: str, ago_seconds: float, took_seconds: float, outcome: Outcome | None) -> Attempt:
    start = T - ago_seconds - took_seconds
    end = None if outcome is None else round((T - ago_seconds) * 1000)
    return Attempt(number, 1, name, round((start - 30) * 1000), round(start * 1000), end, outcome)


def worked() -> list[Attempt]:
    """Three days of work, with six tasks that run still."""
    ended = [run_of(n, f"job {n % 5}", 3000.0 * n, 10.0 * (n % 7), OUTCOMES[n % 4]) for n in range(1, 90)]
    return [*ended, *(run_of(100 + n, f"job {n}", 0, 4000.0 * n + 60, None) for n in range(6))]


def drawn(*attempts: Attempt) -> Visualizations:
    return visualizations(attempts_of(attempts), NO_METRICS, T, window_of("-259200", None, None, None, T))


class Answering(MovingSource):
    """Answers what a test wants, and remembers what was asked."""

    def __init__(self, found: Visualizations | None = None) -> None:
        super().__init__(rows=2)
        self.found, self.asked = found, list[tuple[Any, ...]]()
        self.is_down = False

    async def visualizations(self, *asked: Any) -> Visualizations:
        self.asked.append(asked)
        if self.is_down:
            raise Unavailable("Too many wait for the disk.")
        return self.found or await super().visualizations(*asked)


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


async def shown(*attempts: Attempt) -> tuple[Flow, Visualizations]:
    found = drawn(*attempts)
    flow = Flow(Live(Answering(found)))
    flow.want(Wanted())
    await settled()
    return flow, found


def alike(column: list[Any], drawn_column: Any) -> bool:
    plain = [None if isinstance(value, float) and math.isnan(value) else value for value in drawn_column]
    return plain == column


def test_every_chart_there_is_has_a_place_on_the_page() -> None:
    assert {plan.chart for plan in (*TASKS, *MACHINE)} == {chart.id for chart in drawn().charts}


@pytest.mark.parametrize("plan", [plan for plan in TASKS if plan.chart != "aging"], ids=lambda plan: plan.chart)
def test_a_figure_draws_exactly_the_data(plan: Any) -> None:
    async def story() -> None:
        flow, found = await shown(*worked())
        source, chart = flow.charts[plan.chart].drawing.source, chart_of(found, plan.chart)
        assert any(chart.data.values())
        assert all(alike(column, source.data[name]) for name, column in chart.data.items())
        assert flow.charts[plan.chart].drawing.empty.text == ""

    run(story)


def test_ages_are_drawn_for_the_oldest_names() -> None:
    async def story() -> None:
        running = [run_of(n, f"job {n}", 0, 60.0 * (100 - n), None) for n in range(MOST_AGING_NAMES + 3)]
        flow, found = await shown(*running)
        source, chart = flow.charts["aging"].drawing.source, chart_of(found, "aging")
        assert source.data["task_id"] == chart.data["task_id"][:MOST_AGING_NAMES]
        assert source.data["age_minutes"] == chart.data["age_minutes"][:MOST_AGING_NAMES]
        assert source.data["seconds"] == [60 * age for age in source.data["age_minutes"]]

    run(story)


def test_percentile_lines_are_those_of_the_figures() -> None:
    async def story() -> None:
        flow, found = await shown(*worked())
        lines: Any = flow.charts["cycle-time"].drawing
        told = found.task_completion.cycle_time
        assert [line.location for line, _ in lines.lines.values()] == [
            told.p50_seconds,
            told.p85_seconds,
            told.p95_seconds,
        ]
        lines.mark(drawn().task_completion.cycle_time)
        assert not any(line.visible or label.visible for line, label in lines.lines.values())

    run(story)


def test_a_machine_chart_draws_means_and_bands_with_gaps() -> None:
    data: dict[str, Any] = {"t": [0, 1, 2, 3], "x": [1.0, 2.0, None, 4.0]}
    data |= {"min:x": [0.5, 1.5, None, 3.0], "max:x": [2.0, 3.0, None, 5.0]}
    chart = Chart("cpu", "line", "CPU", "t", ["x"], {"x": "percent"}, data)
    assert list(bands_of(chart, "x")) == [([0, 1], [0.5, 1.5], [2.0, 3.0]), ([3], [3.0], [5.0])]

    async def story() -> None:
        drawing: Any = Flow(Live(Answering())).charts["cpu"].drawing
        drawing.draw(chart)
        assert alike(chart.data["x"], drawing.source.data["ys"][0])
        assert drawing.alone.data["x"] == [3] and drawing.alone.data["y"] == [4.0]

    run(story)


@pytest.mark.parametrize("plan", TASKS, ids=lambda plan: plan.chart)
def test_a_table_has_exactly_the_data_with_units(plan: Any) -> None:
    chart = chart_of(drawn(*worked()), plan.chart)
    told = table(chart)
    assert [column["name"] for column in told["columns"]] == list(chart.data)
    assert [list(column) for column in zip(*told["rows"], strict=True)] == list(chart.data.values())
    units = {column["name"]: column["unit"] for column in told["columns"]}
    assert all(units[name] == "s" for name in units if name.endswith("_seconds"))


def test_a_table_travels_only_while_it_is_shown() -> None:
    async def story() -> None:
        flow, _ = await shown(*worked())
        chart = flow.charts["durations"]
        assert chart.frame.table == {}
        chart._asked(SimpleNamespace(data={"show": "table"}))
        assert chart.frame.table["rows"] and not chart.drawing.figure.visible
        for nonsense in (None, {"show": 7}, {}, [], {"show": "<b>"}):
            chart._asked(SimpleNamespace(data=nonsense))
        assert chart.frame.showing == "table"
        chart._asked(SimpleNamespace(data={"show": "chart"}))
        assert chart.frame.table == {} and chart.drawing.figure.visible

    run(story)


def test_the_key_figures_are_words_with_units() -> None:
    told = {fact["label"]: fact for fact in facts(drawn(*worked()))}
    assert told["Throughput"]["value"].endswith(" a day")
    oldest = told["Oldest in progress"]
    assert (oldest["value"], oldest["note"], oldest["task_id"]) == ("5 h 33 min", "job 5", 105)
    assert told["In progress"]["value"] == "6"
    unknown = {fact["label"]: fact["value"] for fact in facts(drawn())}
    assert unknown["Median cycle time"] == unknown["Success rate"] == unknown["Oldest in progress"] == "–"


def test_an_empty_page_says_what_fills_it_and_what_the_filters_hide() -> None:
    async def story() -> None:
        flow, _ = await shown()
        assert flow.bar.state == "none"
        assert all(flow.charts[plan.chart].drawing.empty.text for plan in TASKS)
        flow.want(Wanted(name="nothing like it"))
        await settled()
        assert flow.bar.state == "unmatched"

    run(story)


def test_nothing_is_read_before_the_browser_says_its_zone_and_then_only_when_due() -> None:
    async def story() -> None:
        source, now = Answering(), [100.0]
        flow = Flow(Live(source), clock=lambda: now[0])
        flow.live.tick += 1
        await settled()
        assert source.asked == []
        asked = {"range": "24h", "timezone": "Europe/Berlin", "name": "x", "tag": "night", "priority": "high"}
        flow._asked(SimpleNamespace(data={"wanted": asked}))
        await settled()
        after, before, zone, tasks = source.asked[0]
        assert (round(before - after), zone) == (86_400, "Europe/Berlin")
        assert tasks == AttemptQuery("x", None, "night", "high")
        for later in (1.0, REFRESH_SECONDS, REFRESH_SECONDS + 1):
            now[0] = 100.0 + later
            source.seq += 1
            flow.live.tick += 1
            await settled()
        assert len(source.asked) == 2

    run(story)


def test_a_hidden_page_reads_nothing_until_it_is_seen() -> None:
    async def story() -> None:
        source, now = Answering(), [0.0]
        flow = Flow(Live(source), clock=lambda: now[0])
        flow.want(Wanted())
        await settled()
        flow._asked(SimpleNamespace(data={"hidden": True}))
        source.seq, now[0] = 9, 500.0
        flow.live.tick += 1
        await settled()
        assert len(source.asked) == 1
        flow._asked(SimpleNamespace(data={"hidden": False}))
        await settled()
        assert len(source.asked) == 2

    run(story)


def test_trouble_is_told_and_goes_away() -> None:
    async def story() -> None:
        source, now = Answering(), [0.0]
        flow = Flow(Live(source), clock=lambda: now[0])
        source.is_down = True
        flow.want(Wanted())
        await settled()
        assert flow.bar.trouble == "Too many wait for the disk."
        source.is_down, now[0] = False, 500.0
        flow.live.tick += 1
        await settled()
        assert (flow.bar.trouble, flow.bar.state) == ("", "none")

    run(story)


@pytest.mark.parametrize(
    "nonsense",
    [
        None,
        [],
        "7d",
        {"range": "7y"},
        {"range": ["7d"]},
        {"after": 5},
        {"after": 9, "before": 3},
        {"after": 0, "before": 2e11},
        {"after": -1, "before": 5},
        {"priority": "urgent"},
        {"name": "x" * 201},
        {"more": 1},
    ],
)
def test_what_cannot_be_shown_is_not_asked(nonsense: object) -> None:
    assert checked(nonsense) is None


def test_dates_go_before_the_range() -> None:
    wanted = checked({"range": "24h", "after": 1000, "before": 5000})
    assert wanted is not None
    assert wanted.stretch(T) == (1000, 5000)


@pytest.mark.parametrize(("begins", "expected"), [
    (None, T - 86_400), (0.0, T - 86_400), (T - 7200, T - 7200), (T + 5, T - 1),
])  # fmt: skip
def test_a_range_begins_no_earlier_than_what_is_known(begins: float | None, expected: float) -> None:
    assert Wanted(range="24h").stretch(T, begins) == (expected, T)
    assert Wanted(range="24h").cut(T, begins) == (expected if begins else None)
    assert Wanted(after=1000, before=5000).stretch(T, begins) == (1000, 5000)


def test_of_a_young_history_the_charts_begin_with_it_and_say_so() -> None:
    async def story() -> None:
        source = Answering(drawn())
        source.newest = None
        flow = Flow(Live(source))
        flow.want(Wanted())
        await settled()
        made = source.tasks[1] = created(TaskDraft(name="first"), 1, utc(time.time() - 7200))
        flow.want(Wanted(range="1y"))
        await settled()
        (after, before, *_), begins = source.asked[-1], unix(made.created_at)
        assert after == begins and round(before - after) in range(7200, 7260)
        assert flow.bar.begins == made.created_at
        source.newest = sample(begins)
        source.memory.begins = before - 400 * 86_400
        flow.want(Wanted(range="90d"))
        await settled()
        assert flow.bar.begins == "" and round(source.asked[-1][1] - source.asked[-1][0]) == 90 * 86_400

    run(story)


def test_throughput_is_of_no_longer_time_than_is_known() -> None:
    def throughput(after: str) -> str:
        window = window_of(after, None, None, None, T)
        found = visualizations(attempts_of(worked()), NO_METRICS, T, window)
        return str(next(fact["value"] for fact in facts(found) if fact["label"] == "Throughput"))

    assert throughput("-259200").endswith(" a day")
    assert throughput("-10800").endswith(" an hour")
    assert throughput("-1").isdigit()


def test_the_csv_is_of_the_very_window_and_tasks() -> None:
    found = drawn()
    address = urlsplit(csv_address("aging", found, AttemptQuery("a & b", None, "x", "low")))
    asked = {name: values[0] for name, values in parse_qs(address.query).items()}
    assert address.path == "./visualizations/aging"
    assert asked == {
        "format": "csv",
        "after": found.window.after,
        "before": found.window.before,
        "interval": found.window.interval,
        "timezone": "UTC",
        "name": "a & b",
        "tag": "x",
        "priority": "low",
    }


def test_filters_reach_the_tasks() -> None:
    async def story() -> None:
        source = MovingSource(rows=2)
        for name in ("a", "a", "b"):
            task = await source.create(TaskDraft(name=name))
            await source.update(task.task_id, TaskPatch(status="completed"))
        flow = Flow(Live(source))
        flow.want(Wanted(name="a"))
        await settled()
        assert sum(flow.charts["completion"].drawing.source.data["succeeded"]) == 2

    run(story)


def test_a_name_is_never_a_formula_of_bokeh() -> None:
    async def story() -> None:
        flow, _ = await shown(run_of(1, "$$x$$ \\(y\\)", 0, 100, None))
        (label,) = flow.charts["aging"].drawing.figure.yaxis.major_label_overrides.values()
        assert "$$" not in label and "\\(" not in label

    run(story)
