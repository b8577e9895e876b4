"""A real vAIn that is killed again and again while many report to it: every task is there once, as it ended."""

from __future__ import annotations

import json
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.report.board import eventually, free_port
from tests.report.jobs import another_reporter, finish, start
from tests.server_process import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PROCESSES, THREADS, TASKS, KILLS = 4, 5, 10, 5
OUTCOMES = ("succeeded", "failed", "cancelled", "skipped", "timed-out")
REPORTING = f"""
import sys, threading, time, vain

def work(thread):
    for number in range({TASKS}):
        with vain.task(f"{{sys.argv[0][-11:-3]}}-{{thread}}-{{number}}") as t:
            for step in range(1, 5):
                t.update(step, total=4)
                time.sleep(0.4)
            t.result({OUTCOMES!r}[(thread + number) % {len(OUTCOMES)}])

threads = [threading.Thread(target=work, args=(thread,)) for thread in range({THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def tasks_of(url: str) -> list[dict[str, Any]]:
    with urllib.request.urlopen(url + "/tasks", timeout=10) as answer:
        tasks: list[dict[str, Any]] = json.load(answer)
        return tasks


def test_each_task_is_there_once_after_five_kills_of_the_server(tmp_path: Path) -> None:
    port, spool, data = free_port(), tmp_path / "spool", tmp_path / "data"
    server = ServerProcess(data, port)
    jobs = [start(REPORTING, server.url, spool) for _ in range(PROCESSES)]
    for _ in range(KILLS):
        time.sleep(0.8)
        assert all(job.poll() is None for job in jobs)
        server.process.kill()
        server.end()
        server = ServerProcess(data, port)
    try:
        ended = [finish(job, 60) for job in jobs]
        assert [job.code for job in ended] == [0] * PROCESSES, ended
        with another_reporter(server.url, spool):
            eventually(lambda: sum(task["status"] == "completed" for task in tasks_of(server.url)) == 200, 40)
        check(tasks_of(server.url))
        eventually(lambda: list(spool.iterdir()) == [])
    finally:
        server.process.terminate()
        server.end()


def check(tasks: list[dict[str, Any]]) -> None:
    """Each once, with its outcome, and those of a thread in the order in which it did them."""
    reported = [task for task in tasks if task["name"] != "later"]
    assert len(reported) == PROCESSES * THREADS * TASKS == len({task["name"] for task in reported})
    series: dict[str, list[dict[str, Any]]] = {}
    for task in reported:
        thread, _, number = task["name"].rpartition("-")
        assert task["outcome"] == OUTCOMES[(int(thread[-1]) + int(number)) % len(OUTCOMES)]
        assert (task["current"], task["total"]) == (4, 4)
        series.setdefault(thread, []).append(task)
    assert len(series) == PROCESSES * THREADS
    for row in series.values():
        row.sort(key=lambda task: int(task["name"].rpartition("-")[2]))
        assert all(one["created_at"] < other["created_at"] for one, other in pairwise(row))
