"""``/visualizations``: the charts' data, from the tasks that are stored."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest

from tests.web.harness import Running, running
from tests.web.sockets import client, in_thread, run

CHARTS = (
    "status completion cumulative-flow cycle-time aging durations outcomes forecast"
    " cpu memory disk network disk-io pressure"
).split()
TRENDS = {"", "cpu", "memory", "disk", "network", "disk-io", "pressure"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
        for fields in (
            {},
            {"status": "in-progress"},
            {"status": "completed"},
            {"outcome": "failed"},
            {"outcome": "skipped"},
        ):
            run.make(**fields)
        yield run


def test_the_shape_is_that_of_the_contract(server: Running) -> None:
    found = server.call("GET", "/visualizations").json
    assert list(found) == ["generated_at", "window", "task_completion", "performance_trends", "charts"]
    assert found["window"].keys() == {"after", "before", "interval", "timezone"}
    assert [chart["id"] for chart in found["charts"]] == CHARTS


def test_the_columns_of_every_chart_are_of_one_length(server: Running) -> None:
    for chart in server.call("GET", "/visualizations").json["charts"]:
        assert chart.keys() == {"id", "type", "title", "x", "y", "units", "data"}
        assert len({len(column) for column in chart["data"].values()}) == 1
        assert {chart["x"], *chart["y"]} <= chart["data"].keys() and chart["units"].keys() - {"t"} == set(chart["y"])


def test_the_trends_are_those_of_the_stored_history(server: Running) -> None:
    for hours in range(2, 60):  # each a question of its own, or the answer would be one that is kept
        found = server.call("GET", f"/visualizations?after=-{hours * 3600}").json
        if "memory.percent" in found["performance_trends"]:
            break
        time.sleep(0.05)
    trend = found["performance_trends"]["memory.percent"]
    assert trend["unit"] == "percent" and 0 < trend["min"] <= trend["mean"] <= trend["max"] <= 100
    (memory,) = [chart for chart in found["charts"] if chart["id"] == "memory"]
    assert trend["max"] in memory["data"]["max:memory.percent"]


def test_the_completion_is_that_of_the_tasks(server: Running) -> None:
    found = server.call("GET", "/visualizations").json["task_completion"]
    counted = [
        found[name] for name in ("total", "pending", "in_progress", "completed", "succeeded", "failed", "cancelled")
    ]
    assert counted == [5, 1, 1, 3, 1, 1, 1]
    assert (found["completion_rate_percent"], found["success_rate_percent"]) == (50, 50)
    assert sum(found["throughput"]) == 3 and found["lead_time"]["n"] == 3 and found["lead_time"]["censored"] == 2
    assert (found["arrived"], found["ended"], found["flow_ratio"]) == (5, 3, 0.6)
    assert found["forecast"]["items"] == 2 and found["forecast"]["p50"] is None and found["forecast"]["reason"]


def test_a_change_of_a_task_is_in_the_next_answer(server: Running) -> None:
    before = server.call("GET", "/visualizations").json["task_completion"]["total"]
    task = server.make()
    assert server.call("GET", "/visualizations").json["task_completion"]["total"] == before + 1
    server.call("DELETE", f"/tasks/{task['task_id']}")
    assert server.call("GET", "/visualizations").json["task_completion"]["total"] == before


@pytest.mark.parametrize("chart", CHARTS)
def test_one_chart_is_the_same_as_in_the_whole(server: Running, chart: str) -> None:
    one = server.call("GET", f"/visualizations/{chart}").json
    (same,) = [found for found in server.call("GET", "/visualizations").json["charts"] if found["id"] == chart]
    assert (one["id"], one["title"], one["x"], one["y"]) == (same["id"], same["title"], same["x"], same["y"])


def test_a_chart_that_does_not_exist_is_404(server: Running) -> None:
    for path in ("/visualizations/pie", "/visualizations/%2e%2e", "/visualizations/<b>"):
        reply = server.call("GET", path)
        assert (reply.status, reply.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_window_is_cut_as_asked(server: Running) -> None:
    query = "after=2026-01-01T00:00:00Z&before=2026-01-08T00:00:00Z&interval=day&timezone=Europe/Berlin"
    found = server.call("GET", f"/visualizations?{query}").json
    assert found["window"] == {
        "after": "2025-12-31T23:00:00.000Z", "before": "2026-01-08T23:00:00.000Z", "interval": "day",
        "timezone": "Europe/Berlin",
    }  # fmt: skip
    assert len(found["task_completion"]["throughput"]) == 8 and found["task_completion"]["total"] == 5


@pytest.mark.parametrize(("query", "parameter"), [
    ("after=x", "after"), ("before=-x", "before"), ("interval=month", "interval"), ("timezone=Mars/Base", "timezone"),
    ("timezone=../../etc/passwd", "timezone"), ("timezone=%00", "timezone"), ("timezone=" + "a" * 5000, "timezone"),
    ("after=2026-02-01T00:00:00Z&before=2026-01-01T00:00:00Z", "after"), ("status=pending", "status"),
    ("after=1970-01-01T00:00:00Z&interval=hour", "interval"), ("timezone=Europe", "timezone"),
    ("forecast=0", "forecast"), ("forecast=-1", "forecast"), ("forecast=x", "forecast"),
    ("forecast=100001", "forecast"),
    ("priority=urgent", "priority"), ("name=", "name"), ("key=", "key"), ("tag=", "tag"), ("host=", "host"),
    ("q=" + "a" * 201, "q"),
    ("name=a&name=b", "name"), ("format=xml", "format"),
])  # fmt: skip
def test_a_parameter_that_is_wrong_is_400_and_named(server: Running, query: str, parameter: str) -> None:
    for path in ("/visualizations", "/visualizations/status"):
        reply = server.call("GET", f"{path}?{query}")
        assert (reply.status, reply.pointers) == (400, [parameter])


def test_the_format_is_that_of_one_chart_and_not_of_the_whole(server: Running) -> None:
    assert server.call("GET", "/visualizations?format=csv").status == 400
    assert server.call("GET", "/visualizations/status?format=json").json["id"] == "status"


def test_the_tasks_are_chosen_as_asked(server: Running) -> None:
    made = [server.make(name="chosen", key="k", tags=["red & blue"], priority="high", source={"host": "gpu-1"}),
            server.make(name="other", source={"host": "gpu-2"})]  # fmt: skip
    for query in (
        "name=chosen",
        "key=k",
        "tag=red+%26+blue",
        "priority=high",
        "host=gpu-1",
        "q=CHOSEN",
        "q=%26&name=chosen",
    ):
        found = server.call("GET", f"/visualizations?{query}").json["task_completion"]
        assert (query, found["total"], found["pending"]) == (query, 1, 1)
    assert server.call("GET", "/visualizations?name=chosen&priority=low").json["task_completion"]["total"] == 0
    assert server.call("GET", "/visualizations?forecast=7").json["task_completion"]["forecast"]["items"] == 7
    for task in made:
        server.call("DELETE", f"/tasks/{task['task_id']}")


def test_a_chart_as_csv_has_the_same_numbers(server: Running) -> None:
    chart = server.call("GET", "/visualizations/status").json
    reply = server.call("GET", "/visualizations/status?format=csv")
    rows = list(csv.reader(io.StringIO(reply.body.decode())))
    assert rows[0] == list(chart["data"]) and rows[1] == ["pending", "pending", "", str(chart["data"]["tasks"][0])]
    assert [row[3] for row in rows[1:]] == [str(count) for count in chart["data"]["tasks"]]
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="vain-status.csv"'


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", '=a,"b"'])
def test_a_name_in_a_csv_is_never_a_formula(server: Running, name: str) -> None:
    task = server.make(name=name, status="in-progress")
    reply = server.call("GET", f"/visualizations/aging?format=csv&name={quote(name)}")
    rows = list(csv.DictReader(io.StringIO(reply.body.decode())))
    assert [row["name"] for row in rows] == [f"'{name}"] and rows[0]["age_minutes"] == "0"
    server.call("DELETE", f"/tasks/{task['task_id']}")


def test_only_charts_that_changed_are_sent(server: Running) -> None:
    """The trends may have changed at any time; of the others only what a task's change shows in."""
    caretaker, hub = server.server._caretaker, server.server._hub

    def sent_after(change: Callable[[], object]) -> set[str]:
        caretaker._sent = (-1, 0.0)
        before = dict(hub.now().revisions)
        change()
        server.await_on_loop(caretaker._send_charts())
        after = hub.now().revisions
        return {name.partition(":")[2] for name, revision in after if before.get(name) != revision} - TRENDS

    async def work() -> None:
        async with client(server):
            await in_thread(sent_after, lambda: None)
            assert await in_thread(sent_after, lambda: None) <= {"aging"}
            made = await in_thread(sent_after, server.make)
            assert {"status", "completion", "cumulative-flow"} <= made and not {"cycle-time", "durations"} & made

    run(work())
