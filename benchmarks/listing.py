"""Many tasks: what lists and pages cost, and whether memory stays flat while tasks come and go."""

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
MANY, BATCH, ASKED = 100_000, 500, 15
QUERIES = {
    "the oldest": "",
    "the newest": "sort=-created_at",
    "completed, the newest": "status=completed&sort=-created_at",
    "failed or crashed": "outcome=failed,crashed",
    "by priority, then age": "sort=-priority,created_at",
    "with a tag that a quarter has": "tag=gpu",
    "with a tag that few have": "tag=rare",
    "in progress, by progress": "status=in-progress&sort=-progress",
    "completed, changed last": "status=completed&sort=-updated_at",
    "by name": "sort=name",
    "with a word": "q=resnet",
}
FORMS = ("json", "ndjson", "csv", "parquet")
METHOD = f"""{TASKS:,} tasks are created over one connection; then `GET /tasks` is read to its end {LISTS} times.
Below it, on another, fresh server with {MANY:,} tasks, made by `POST /tasks/bulk` in {MANY // BATCH} batches: the first
page of 100 and the one behind it, {ASKED} times each, over one connection, with only two `fields`; then all tasks
in each form. At last, on a third server: {CHURN_ROUNDS:,} rounds of create, update, delete, {CHURNS} times over.
The ring of the newest events and SQLite's cache fill at first; both are bounded."""


def measure() -> Section:
    """About a minute."""
    tables = []
    with processes.vain() as server:
        tables.append(_lists(server))
    with processes.vain() as server:
        tables += _pages(server)
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


def _pages(server: ServerProcess) -> list[Table]:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=120)
    began = time.perf_counter()
    for first in range(0, MANY, BATCH):
        _ask(connection, "POST", "/tasks/bulk", [_draft(number) for number in range(first, first + BATCH)])
    made = (time.perf_counter() - began) * 1e6 / MANY
    pages = [_page_row(connection, name, query) for name, query in QUERIES.items()]
    forms = [[f"{MANY:,} created in batches", f"{made:.0f} µs each", "", f"{server.rss_mib():.0f}"]]
    for form in FORMS:
        began = time.perf_counter()
        size = len(_ask(connection, "GET", f"/tasks?format={form}"))
        seconds = time.perf_counter() - began
        forms.append([f"all as {form}", f"{seconds:.1f} s", f"{size / 1e6:.0f} MB", f"{server.rss_mib():.0f}"])
    return [
        Table([f"100 of {MANY:,} tasks", "match", "first page, ms", "next page, ms"], pages),
        Table(["", "time", "size", "RSS in MiB after"], forms),
    ]


def _draft(number: int) -> dict[str, object]:
    """One in a hundred runs, one in fourteen failed, a quarter has a tag."""
    words = ("train resnet", "nightly backup", "export rows", "render video", "build index")
    draft: dict[str, object] = {
        "name": f"{words[number % 5]} {number}",
        "priority": ("low", "medium", "medium", "high")[number % 4],
        "tags": [tag for tag, each in (("gpu", 4), ("nightly", 3), ("rare", 5_000)) if number % each == 0],
        "description": "Something that is to be done on this machine. " * (number % 4),
    }
    if number % 100:
        return draft | {"outcome": "failed" if number % 14 == 0 else "succeeded"}
    return draft | {"status": "in-progress", "progress": number % 89}


def _page_row(connection: HTTPConnection, name: str, query: str) -> list[str]:
    paths = [f"/tasks?limit=100&fields=task_id,name&{query}"]
    connection.request("GET", paths[0])
    answer = connection.getresponse()
    answer.read()
    link = answer.headers["Link"]
    if link is not None:
        paths.append(link[1:].partition(">")[0])
    cells = []
    for path in paths:
        milliseconds = []
        for _ in range(ASKED):
            began = time.perf_counter()
            _ask(connection, "GET", path)
            milliseconds.append((time.perf_counter() - began) * 1000)
        cells.append(spread(milliseconds).text(1))
    return [name, f"{int(answer.headers['X-Total-Count']):,}", *cells, *([""] if link is None else [])]


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
