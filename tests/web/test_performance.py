"""``/performance`` and ``/performance/history``: real figures of this machine, in the shape of the contract."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.web.harness import Running, running
from vain.clock import unix
from vain.codec import decode
from vain.samples import Sample, series
from vain.web import caretaker

FIRST = ["cpu_usage", "memory_usage", "disk_usage", "uptime", "timestamp", "host"]
PARTS = {"cpu", "memory", "disks", "disk_io", "network", "pressure", "gpus", "sensors", "tasks", "self"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caretaker, "SWEEP_SECONDS", 0.1)
        with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
            deadline = time.monotonic() + 10
            while len(run.server._services.monitor.history.since(0).t) < 4:
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield run


def test_the_contracts_figures_come_first(server: Running) -> None:
    reply = server.call("GET", "/performance")
    figures = reply.json
    assert (reply.status, reply.headers["Content-Type"]) == (200, "application/json")
    assert list(figures)[:6] == FIRST and figures.keys() >= PARTS
    assert all(0 <= figures[name] <= 100 for name in FIRST[:3])
    assert figures["uptime"] > 0 and abs(unix(figures["timestamp"]) - time.time()) < 5


def test_the_figures_move(server: Running) -> None:
    first = server.call("GET", "/performance").json
    deadline = time.monotonic() + 5
    while (later := server.call("GET", "/performance").json)["timestamp"] == first["timestamp"]:
        assert time.monotonic() < deadline
    assert later["uptime"] > first["uptime"] and later["period_seconds"] == pytest.approx(0.1, abs=0.09)


def test_the_tasks_are_counted(server: Running) -> None:
    server.make(status="in-progress")
    deadline = time.monotonic() + 5
    while server.call("GET", "/performance").json["tasks"]["in_progress"] != 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_answered_is_the_newest_sample(server: Running) -> None:
    sample = decode(Sample, server.call("GET", "/performance").body)
    assert dict(series(sample)).keys() >= {"cpu.percent", "memory.percent", "vain.memory_bytes"}


def test_before_the_first_sample_it_is_503(server: Running) -> None:
    monitor = server.server._services.monitor
    kept = monitor.latest
    try:
        monitor.latest = None
        reply = server.call("GET", "/performance")
    finally:
        monitor.latest = monitor.latest or kept
    assert reply.status in (200, 503)
    if reply.status == 503:
        assert reply.headers["Retry-After"] == "1" and reply.headers["Content-Type"] == "application/problem+json"


def test_the_history_is_columns_of_equal_length(server: Running) -> None:
    history = server.call("GET", "/performance/history").json
    assert history.keys() == {"t", "series", "tier", "step", "quality"} and len(history["t"]) >= 3
    assert history["t"] == sorted(history["t"]) and history["tier"] == "raw"
    for bands in history["series"].values():
        assert bands.keys() == {"mean", "min", "max"}
        assert {len(bands[name]) for name in bands} == {len(history["t"])}
    assert history["series"]["memory.percent"]["mean"][-1] > 0


def test_a_metric_stands_for_its_instances(server: Running) -> None:
    found = server.call("GET", "/performance/history?metrics=cpu.core.percent,memory.percent").json["series"]
    assert "memory.percent" in found and "cpu.core.percent:0" in found and "cpu.percent" not in found
    assert server.call("GET", "/performance/history?metrics=cpu.*").json["series"].keys() >= {"cpu.percent"}


def test_a_window_holds_what_lies_in_it(server: Running) -> None:
    everything = server.call("GET", "/performance/history?after=-600").json["t"]
    assert server.call("GET", "/performance/history?after=-600&before=-500").json["t"] == []
    assert 0 < len(server.call("GET", "/performance/history?after=-0.25").json["t"]) < len(everything) + 3


def test_points_reduce(server: Running) -> None:
    history = server.call("GET", "/performance/history?points=1").json
    assert len(history["t"]) <= 1 + 1 and history["step"] >= 1


@pytest.mark.parametrize(("query", "parameter"), [
    ("after=yesterday", "after"), ("before=x", "before"), ("after=-nan", "after"), ("after=-inf", "after"),
    ("points=0", "points"),
    ("points=1e3", "points"), ("points=99999", "points"), ("after=-10&before=-20", "after"), ("metrics=", "metrics"),
    ("metrics=" + ",".join(["a"] * 201), "metrics"), ("tier=raw", "tier"), ("after=1e9999", "after"),
    ("points=-1", "points"),
])  # fmt: skip
def test_a_parameter_that_is_wrong_is_400_and_named(server: Running, query: str, parameter: str) -> None:
    reply = server.call("GET", f"/performance/history?{query}")
    assert (reply.status, reply.pointers) == (400, [parameter])


def test_a_metric_that_does_not_exist_is_named(server: Running) -> None:
    reply = server.call("GET", "/performance/history?metrics=cpu.percent,cpu.parsec")
    assert (reply.status, reply.pointers) == (422, ["metrics"]) and "cpu.parsec" in reply.json["detail"]


def test_a_pattern_cannot_hold_up_the_server(server: Running) -> None:
    """Patterns are compiled, and kept: long ones would take time and memory."""
    reply = server.call("GET", "/performance/history?metrics=cpu.*," + "*%3F[ab]" * 1_500)
    assert (reply.status, reply.pointers) == (400, ["metrics"])
