"""``/visualizations``: the charts' data, from the tasks that are stored."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running


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
    assert {chart["id"] for chart in found["charts"]} == {"status", "completion", "cpu", "memory", "disk", "network"}


def test_the_columns_of_every_chart_are_of_one_length(server: Running) -> None:
    for chart in server.call("GET", "/visualizations").json["charts"]:
        assert chart.keys() == {"id", "type", "title", "x", "y", "units", "data"}
        assert len({len(column) for column in chart["data"].values()}) == 1
        assert {chart["x"], *chart["y"]} <= chart["data"].keys() and chart["units"].keys() - {"t"} == set(chart["y"])


def test_the_completion_is_that_of_the_tasks(server: Running) -> None:
    found = server.call("GET", "/visualizations").json["task_completion"]
    counted = [
        found[name] for name in ("total", "pending", "in_progress", "completed", "succeeded", "failed", "cancelled")
    ]
    assert counted == [5, 1, 1, 3, 1, 1, 1]
    assert (found["completion_rate_percent"], found["success_rate_percent"]) == (50, 50)
    assert sum(found["throughput"]) == 3 and found["lead_time"]["n"] == 3


def test_a_change_of_a_task_is_in_the_next_answer(server: Running) -> None:
    before = server.call("GET", "/visualizations").json["task_completion"]["total"]
    task = server.make()
    assert server.call("GET", "/visualizations").json["task_completion"]["total"] == before + 1
    server.call("DELETE", f"/tasks/{task['task_id']}")
    assert server.call("GET", "/visualizations").json["task_completion"]["total"] == before


@pytest.mark.parametrize("chart", ["status", "completion", "cpu", "memory", "disk", "network"])
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
])  # fmt: skip
def test_a_parameter_that_is_wrong_is_400_and_named(server: Running, query: str, parameter: str) -> None:
    for path in ("/visualizations", "/visualizations/status"):
        reply = server.call("GET", f"{path}?{query}")
        assert (reply.status, reply.pointers) == (400, [parameter])
