"""``/performance``: real figures of this machine, in the shape of the contract."""

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
PARTS = {"cpu", "memory", "disks", "disk_io", "network", "pressure", "gpus", "sensors", "tasks", "self", "missing"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(caretaker, "SWEEP_SECONDS", 0.1)
        with running(tmp_path_factory.mktemp("data"), interval=0.1) as run:
            deadline = time.monotonic() + 10
            while (seen := run.call("GET", "/performance")).status != 200 or seen.json["cpu_usage"] is None:
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
