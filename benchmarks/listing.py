"""Many tasks: what the whole list costs, and whether memory stays flat while tasks come and go."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection

from benchmarks import processes
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table
from benchmarks.rounds import spread

TASKS = 10_000
LISTS = 10
CHURN_ROUNDS, CHURNS = 1_000, 6
METHOD = f"""{TASKS:,} tasks are created over one connection; then `GET /tasks` is read to its end {LISTS} times.
Below it, on another, fresh server: {CHURN_ROUNDS:,} rounds of create, update, delete, {CHURNS} times over. The ring
of the newest events and SQLite's cache fill at first; both are bounded."""


def measure() -> Section:
    """About a minute."""
    tables = []
    with processes.vain() as server:
        tables.append(_lists(server))
    with processes.vain() as server:
        tables.append(_churn(server))
    return Section("list", f"{TASKS:,} tasks", METHOD, tables)


def _lists(server: ServerProcess) -> Table:
    rows = [["empty", "", "", f"{server.rss_mib():.0f}"]]
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    began = time.perf_counter()
    for number in range(TASKS):
        _ask(connection, "POST", "/tasks", {"name": f"Task {number}"})
    created = time.perf_counter() - began
    rows.append([f"{TASKS:,} created", f"{created * 1e6 / TASKS:.0f} µs each", "", f"{server.rss_mib():.0f}"])
    seconds, cpu, body = [], [], b""
    for _ in range(LISTS):
        began, used = time.perf_counter(), server.cpu_seconds()
        body = _ask(connection, "GET", "/tasks")
        seconds.append((time.perf_counter() - began) * 1000)
        cpu.append((server.cpu_seconds() - used) * 1000)
    if len(json.loads(body)) != TASKS:
        raise RuntimeError("the list is not whole")
    label = f"GET /tasks, {len(body) / 1e6:.1f} MB"
    rows.append([label, f"{spread(seconds).text(0)} ms", f"{spread(cpu).text(0)} ms", f"{server.rss_mib():.0f}"])
    return Table(["", "time", "server CPU", "RSS in MiB after"], rows)


def _churn(server: ServerProcess) -> Table:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    rows = [["before", f"{server.rss_mib():.1f}"]]
    for number in range(1, CHURNS + 1):
        for _ in range(CHURN_ROUNDS):
            task_id = json.loads(_ask(connection, "POST", "/tasks", {"name": "Comes and goes"}))["task_id"]
            _ask(connection, "PUT", f"/tasks/{task_id}", {"status": "in-progress"})
            _ask(connection, "DELETE", f"/tasks/{task_id}")
        rows.append([f"after {number * CHURN_ROUNDS:,} rounds", f"{server.rss_mib():.1f}"])
    return Table(["create, update, delete", "RSS in MiB"], rows)


def _ask(connection: HTTPConnection, method: str, path: str, content: object = None) -> bytes:
    body = None if content is None else json.dumps(content).encode()
    connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
    answer = connection.getresponse()
    read = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"{method} {path} was answered with {answer.status}")
    return read
