"""The agents of the benchmark are agents: what they report is there, once, and what they count is true."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from benchmarks.agent_clients import backlog, sample, series_count, swarm
from benchmarks.agent_fleet import WINDOWS, told
from benchmarks.agents import _spooled
from tests.web.harness import running
from vain.codec import decode, encode
from vain.samples import Sample


def test_a_sample_is_one_of_a_machine_of_some_size() -> None:
    made = sample(1_800_000_000.0, "node-1", random.Random(1))
    assert decode(Sample, encode(made)) == made
    assert 55 <= series_count() <= 65


@pytest.mark.slow
def test_what_a_swarm_reports_is_there(tmp_path: Path) -> None:
    with running(tmp_path / "data") as served:
        found = swarm(3, served.port, 4.0, ramp_seconds=0.5)
        assert found.errors == 0 and 2 <= found.reports_per_second <= 4 and found.p50_ms > 0
        hosts = [host["name"] for host in served.call("GET", "/hosts").json if host["kind"] == "agent"]
        assert hosts == ["node-0000", "node-0001", "node-0002"]
        history = served.call("GET", "/performance/history?host=node-0001&after=-60&metrics=cpu.percent").json
        assert 3 <= len(history["t"]) <= 6


@pytest.mark.slow
def test_what_was_kept_is_brought_second_by_second(tmp_path: Path) -> None:
    end = time.time() // 3_600 * 3_600
    with running(tmp_path / "data") as served:
        assert backlog(served.port, 2, 700, end) > 0
        for name in ("node-0000", "node-0001"):
            asked = f"/performance/history?host={name}&after={end - 700}&before={end + 1}&metrics=cpu.percent"
            assert len(served.call("GET", asked).json["t"]) == 700


@pytest.mark.slow
def test_a_month_of_a_few_hosts_is_told_and_the_spool_is_measured() -> None:
    found = told(3, 1)
    assert found.first > 0 and set(found.then) == set(WINDOWS) and all(found.then.values())
    assert set(found.moved) == set(WINDOWS) and all(found.moved.values())
    assert 20 < _spooled(4.0) < 5_000
