"""``kill -9`` in the middle of writes: what was answered is there."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess
from tests.store.engines import POSTGRES
from tests.store.opened import rows

pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]

ROUNDS = 20
WRITERS = 8
GONE = (OSError, http.client.HTTPException)


class Answers:
    """Everything that was answered: the newest body of each task, and those that were deleted."""

    def __init__(self) -> None:
        self.bodies: dict[int, dict[int, bytes]] = {}
        self.deleted: set[int] = set()
        self.asked_to_delete: set[int] = set()
        self.count = 0

    def took(self, body: bytes) -> dict[str, Any]:
        task: dict[str, Any] = json.loads(body)
        self.bodies.setdefault(task["task_id"], {})[task["version"]] = body
        self.count += 1
        return task


def write_until_it_dies(port: int, answers: Answers) -> None:
    """Create, change and now and then delete, over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(method: str, path: str, body: object = None) -> bytes:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"} if sent else {})
        reply = connection.getresponse()
        text = reply.read()
        assert reply.status < 300, text
        return text

    try:
        for turn in range(1_000_000):
            task_id = answers.took(call("POST", "/tasks", {"name": f"turn {turn}", "description": "d" * 200}))[
                "task_id"
            ]
            answers.took(call("PUT", f"/tasks/{task_id}", {"status": "in-progress"}))
            answers.took(call("PUT", f"/tasks/{task_id}", {"outcome": "failed", "exit_code": turn % 5}))
            if turn % 3 == 0:
                answers.asked_to_delete.add(task_id)
                call("DELETE", f"/tasks/{task_id}")
                answers.deleted.add(task_id)
                answers.count += 1
    except GONE:
        pass
    finally:
        connection.close()


def one_round(folder: Path, seconds: float) -> Answers:
    server, answers = ServerProcess(folder), Answers()
    writers = [threading.Thread(target=write_until_it_dies, args=(server.port, answers)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    time.sleep(seconds)
    server.process.kill()
    assert server.end() == -signal.SIGKILL
    for writer in writers:
        writer.join(20)
    return answers


def check(folder: Path, answers: Answers) -> None:
    """What was answered against what a restart finds (the log is read in by SQLite itself)."""
    tasks = dict(rows(folder, "SELECT task_id, body FROM tasks"))
    events = rows(folder, "SELECT seq, type, body FROM events ORDER BY seq")
    if POSTGRES not in os.environ:
        assert rows(folder, "PRAGMA integrity_check") == [("ok",)]
    assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
    told: dict[int, dict[str, Any]] = {}
    versions: set[tuple[int, int]] = set()
    for seq, kind, body in events:
        message = json.loads(body)
        assert message["seq"] == seq and message["type"] == kind
        if kind == "taskUpdate":
            told[message["task_id"]] = message
            versions.add((message["task_id"], message["version"]))
    for task_id, body in tasks.items():
        task = json.loads(body)
        assert told[task_id]["action"] != "deleted"
        assert {name: told[task_id][name] for name in task} == task
    assert {task_id for task_id, message in told.items() if message["action"] != "deleted"} == tasks.keys()
    for task_id, answered in answers.bodies.items():
        assert versions >= {(task_id, version) for version in answered}
        if task_id in answers.deleted:
            assert task_id not in tasks
        elif task_id not in answers.asked_to_delete or task_id in tasks:
            stored = tasks[task_id]
            newest = max(answered)
            assert stored == answered[newest] or json.loads(stored)["version"] > newest


def test_no_answered_write_is_lost_in_twenty_kills(tmp_path: Path) -> None:
    choice = random.Random(7)
    answered = 0
    for _ in range(ROUNDS):
        answers = one_round(tmp_path / "data", choice.uniform(0.05, 0.5))
        check(tmp_path / "data", answers)
        answered += answers.count
    server = ServerProcess(tmp_path / "data")
    server.process.terminate()
    assert server.end() == 0
    assert answered > ROUNDS * 10
    assert "Traceback" not in (tmp_path / "data.log").read_text()
