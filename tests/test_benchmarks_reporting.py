"""The benchmark of reporting: that its jobs run, report to a real server, and give every figure it promises."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from benchmarks import processes, reporting
from benchmarks.reporting_job import MEASURES, update

TINY = reporting.Scale(rounds=1, updates=200, iterations=2_000, commands=1, steps=300)


def test_the_floors_are_measured_without_a_server() -> None:
    assert 0 < update("attribute", 100)["seconds"] < 0.001
    assert 0 < update("tqdm", 100)["seconds"] < 0.01
    assert set(MEASURES) == {"update", "track", "work", "command"}


@pytest.mark.slow
def test_a_job_that_is_measured_has_really_reported(tmp_path: Path) -> None:
    with processes.vain() as server:
        url = f"http://127.0.0.1:{server.port}"
        measured = reporting._job("work", "vain", 50, "--url", url, "--spool", str(tmp_path))
        with urlopen(f"{url}/tasks") as answer:
            (task,) = json.load(answer)
    assert measured["seconds"] > 0
    assert (task["name"], task["outcome"], task["current"], task["total"]) == ("work", "succeeded", 50, 50)


@pytest.mark.slow
def test_a_command_that_fails_is_no_measurement() -> None:
    script = "from benchmarks.reporting_job import _spawned; _spawned(['false'])"
    environment = os.environ | {"PYTHONPATH": str(processes.ROOT)}
    command = [sys.executable, "-c", script]
    failed = subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
    assert failed.returncode == 1 and "ended with status" in failed.stderr


@pytest.mark.slow
def test_every_figure_is_given() -> None:
    section = reporting.measure(TINY)
    assert [len(table.rows) for table in section.tables] == [7, 3, 5]
    assert len(section.targets) == 6
    assert [row[0] for row in section.tables[2].rows] == ["off", "up", "down", "silent", "killed midway"]
