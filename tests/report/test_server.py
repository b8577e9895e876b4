"""What a job reports, as a real vAIn shows it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.report.board import eventually
from tests.report.jobs import run
from tests.server_process import server_process

pytestmark = pytest.mark.slow

WORK = """
import sys, time, vain
with vain.task("work", tags=["x"], metadata={"a": 1}) as t:
    t.log("one")
    for _ in vain.track(range(3), "loop"):
        pass
    t.log("two")
    deadline = time.process_time() + 0.2
    while time.process_time() < deadline:
        pass
    raise ValueError("no")
"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with server_process(tmp_path_factory.mktemp("vain") / "data") as server:
        yield server.url


def asked(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        body = answer.read()
        return json.loads(body) if "json" in answer.headers["Content-Type"] else body


def test_a_job_is_on_the_board_with_its_log_its_children_and_its_cost(url: str, tmp_path: Path) -> None:
    ended = run(WORK, url, tmp_path / "spool")
    assert ended.code == 1 and ended.errors.rstrip().endswith("ValueError: no")
    work, loop = sorted(asked(f"{url}/tasks"), key=lambda task: task["task_id"])
    assert (work["outcome"], work["error"]["type"], work["metadata"]) == ("failed", "ValueError", {"a": 1})
    assert (loop["parent_id"], loop["current"], loop["total"]) == (work["task_id"], 3, 3)
    assert work["resources"]["cpu_seconds"] >= 0.2 and work["source"]["kind"] == "python"
    assert asked(f"{url}/tasks/{work['task_id']}/log") == b"one\ntwo\n"
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_second_run_of_a_job_is_told_without_its_key(url: str, tmp_path: Path) -> None:
    blocks = "vain.task('one', key='k'), vain.task('two', key='k'), vain.task('three')"
    program = f"import time, vain\nwith {blocks}:\n    time.sleep(0.5)"
    assert run(program, url, tmp_path / "spool").code == 0
    tasks = {task["name"]: task for task in asked(f"{url}/tasks")}
    assert (tasks["one"]["key"], tasks["two"]["key"]) == ("k", None)
    assert tasks["three"]["parent_id"] == tasks["two"]["task_id"]
    assert {tasks[name]["outcome"] for name in ("one", "two", "three")} == {"succeeded"}


def test_a_job_that_is_killed_is_crashed(url: str, tmp_path: Path) -> None:
    program = "import os, time, vain\nwith vain.task('killed'):\n    time.sleep(0.5)\n    os.kill(os.getpid(), 9)"
    assert run(program, url, tmp_path / "spool").code == -9
    eventually(lambda: [t["outcome"] for t in asked(f"{url}/tasks") if t["name"] == "killed"] == ["crashed"], 15)
