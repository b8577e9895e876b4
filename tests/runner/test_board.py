"""A wrapped command on the board of a real server."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.runner.wrapped import PATIENCE_SECONDS, Wrapped, wait_until
from tests.server_process import ServerProcess, server_process
from tests.small_server import TASK, answer, small_server
from vain.client import Client
from vain.types import Task

pytestmark = pytest.mark.slow


def tasks(server: ServerProcess) -> list[Task]:
    with Client(server.url) as client:
        return list(client.tasks())


def test_a_command_is_a_task_with_its_log_its_cost_and_its_children(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server:
        wrapped = Wrapped(tmp_path / "spool", server.url)
        inner = " ".join(wrapped.line("--name", "inner", "--", "false"))
        done = wrapped.run("-n", "outer", "--progress", r"(\d+)%", "--", "sh", "-c", f"echo 40%; {inner}; exit 6")
        assert (done.returncode, done.stdout, done.stderr) == (6, b"40%\n", b"")
        known = {task.name: task for task in tasks(server)}
        outer, inner_task = known["outer"], known["inner"]
        assert (outer.status, outer.outcome, outer.exit_code, outer.progress) == ("completed", "failed", 6, 40)
        assert inner_task.parent_id == outer.task_id and inner_task.exit_code == 1
        with urlopen(f"{server.url}/tasks/{outer.task_id}/log", timeout=PATIENCE_SECONDS) as log:
            assert log.read() == b"40%\n"


def test_what_was_reported_while_the_server_was_away_comes_later_and_once(tmp_path: Path) -> None:
    Wrapped(tmp_path / "spool").run("--name", "early", "--", "sh", "-c", "echo words; exit 4")
    with server_process(tmp_path / "data") as server:
        for path in (tmp_path / "spool").iterdir():
            path.write_bytes(path.read_bytes().replace(b"http://127.0.0.1:9", server.url.encode()))
        Wrapped(tmp_path / "spool", server.url).run("--name", "late", "--", "sleep", "0.5")
        wait_until(lambda: len(tasks(server)) == 2)
        assert sorted((task.name, task.exit_code) for task in tasks(server)) == [("early", 4), ("late", 0)]


def test_output_keeps_the_promise_that_expect_gave(tmp_path: Path) -> None:
    with small_server() as server:
        server.answers |= {"POST /tasks": answer({**TASK, "status": "in-progress"}, 201), "PUT /tasks/7": answer(TASK)}
        wrapped = Wrapped(tmp_path, server.url)
        script = "for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.15; done"
        began_at = time.monotonic()
        wrapped.run("--no-log", "--expect", "1", "--", "sh", "-c", script)
        assert time.monotonic() - began_at < 5
        signs = [asked for asked in server.asked if asked.path == "/tasks/7" and b"completed" not in asked.body]
    assert 2 <= len(signs) <= 4 and all(sign.body == b'{"metadata":{}}' for sign in signs)
