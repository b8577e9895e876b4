"""A task with processes on several hosts, over HTTP: what a guest is told, what the task has, where its figures are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.web.harness import Running, running
from tests.web.test_hosts import seen, send
from vain.client import Client
from vain.clock import utc
from vain.remote import RemoteSource
from vain.views.task_reads import measured

SECONDS = 12


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("several") / "data") as served:
        yield served


class Spread:
    """A task at home on one host, a guest on another, each with samples of some seconds."""

    def __init__(self, run: Running, name: str) -> None:
        self.run, self.home, self.away, self.run_id = run, f"{name}-1", f"{name}-2", name.encode().hex().ljust(32, "0")
        source = {"host": self.home, "pid": 42, "kind": "run", "command": "mpirun secret"}
        task = {"name": name, "status": "in-progress", "source": source}
        headers = {"Idempotency-Key": f'"{self.run_id}"'}
        self.number: int = run.call("POST", "/tasks", task, headers=headers).json["task_id"]
        self.began = time.time() - SECONDS

    def say(self, host: str, cpu: float, **more: Any) -> list[dict[str, Any]]:
        """The tasks that the host is told to watch."""
        session = send(self.run, host).json["session"]
        told = send(self.run, host, session=session, runs=[self.run_id]).json
        used = {str(self.number): {"task.cpu_percent": cpu, "task.memory_bytes": 1 << 30}}
        samples = [seen(self.began + n + cpu / 1000, 50.0, used=used) for n in range(SECONDS)]
        resources = {"cpu_seconds": cpu / 100 * SECONDS, "cpu_percent": cpu, "rss_bytes": 1 << 30, **more}
        costs = {str(self.number): {"attempt": 1, "resources": resources}}
        send(self.run, host, session=session, samples=samples, costs=costs, watching=told["watching"])
        found: list[dict[str, Any]] = told["tasks"]
        return found

    def stored(self) -> dict[str, Any]:
        self.run.call("PUT", f"/tasks/{self.number}", {"message": f"at {time.time()}"})
        found: dict[str, Any] = self.run.call("GET", f"/tasks/{self.number}").json
        return found

    def series(self, asked: str = "") -> dict[str, Any]:
        path = f"/performance/history?task_id={self.number}&after={self.began - 2}&points=60{asked}"
        series: dict[str, Any] = self.run.call("GET", path).json["series"]
        return series


def test_a_guest_is_told_as_little_as_it_needs_and_asks_in_the_report(run: Running) -> None:
    spread = Spread(run, "told")
    (home,) = spread.say(spread.home, 100.0)
    (guest,) = spread.say(spread.away, 50.0)
    assert "is_guest" not in home and home["task"]["source"]["command"] == "mpirun secret"
    assert (guest["is_guest"], guest["runs"], guest["run_id"]) == (True, [spread.run_id], spread.run_id)
    assert guest["task"]["source"] == {**dict.fromkeys(home["task"]["source"]), "host": spread.home}
    assert run.call("GET", f"/hosts/{spread.away}").json["tasks_in_progress"] == 1


@pytest.mark.parametrize("runs", [["xyz"], ["A" * 32], ["1" * 31], ["1" * 32] * 1_001])
def test_what_is_no_name_of_a_run_is_refused(run: Running, runs: list[str]) -> None:
    reply = send(run, "odd", runs=runs)
    assert reply.status == 422 and reply.json["errors"][0]["pointer"].startswith("/runs")


def test_the_task_has_the_whole_and_each_host_its_part(run: Running) -> None:
    spread = Spread(run, "whole")
    spread.say(spread.home, 100.0)
    assert spread.stored()["resources"]["hosts"] is None
    spread.say(spread.away, 50.0, gpu_memory_bytes=5)
    resources = spread.stored()["resources"]
    assert (resources["cpu_seconds"], resources["cpu_percent"], resources["rss_bytes"]) == (18.0, 150.0, 2 << 30)
    assert (resources["rss_peak_bytes"], resources["gpu_memory_bytes"]) == (2 << 30, 5)
    assert resources["hosts"] == {
        spread.home: {"cpu_seconds": 12.0, "cpu_percent": 100.0, "rss_bytes": 1 << 30},
        spread.away: {"cpu_seconds": 6.0, "cpu_percent": 50.0, "rss_bytes": 1 << 30, "gpu_memory_bytes": 5},
    }
    csv = run.call("GET", "/tasks?format=csv&fields=task_id,resources").body.decode()
    assert "resources.hosts" in csv.splitlines()[0] and spread.away in csv
    assert run.call("GET", "/tasks?format=parquet").status == 200


def test_what_did_that_is_answered_on_every_host(run: Running) -> None:
    spread = Spread(run, "spike")
    spread.say(spread.home, 100.0)
    spread.say(spread.away, 50.0)
    spread.stored()
    for host, cpu_seconds in ((spread.home, 12.0), (spread.away, 6.0)):
        explained = run.call("GET", f"/performance/explain?host={host}&after=-30").json
        assert [(each["task_id"], round(each["cpu_seconds"])) for each in explained["tasks"]] == [
            (spread.number, round(cpu_seconds))
        ]
    here = run.call("GET", "/performance/explain?after=-30").json
    assert spread.number not in [each["task_id"] for each in here["tasks"]]


def test_the_series_of_a_task_is_the_sum_and_that_of_a_host_its_part(run: Running) -> None:
    spread = Spread(run, "series")
    spread.say(spread.home, 100.0)
    spread.say(spread.away, 50.0)
    spread.stored()
    name = f"task.cpu_percent:{spread.number}"

    def values(asked: str) -> set[float | None]:
        return set(spread.series(asked)[name]["mean"]) - {None}

    assert 150.0 in values("") and values("") <= {100.0, 50.0, 150.0}, "at the ends one of them has looked"
    assert values(f"&host={spread.home}") == {100.0} and values(f"&host={spread.away}") == {50.0}
    assert set(spread.series()["cpu.percent"]["mean"]) - {None} == {50.0}, "that of the home"
    only = spread.series("&metrics=task.memory_bytes")
    assert list(only) == [f"task.memory_bytes:{spread.number}"]
    assert 2 << 30 in only[f"task.memory_bytes:{spread.number}"]["mean"]


def test_a_task_whose_home_has_no_agent_has_the_series_of_its_guests(run: Running) -> None:
    spread = Spread(run, "laptop")
    spread.say(spread.away, 50.0)
    spread.stored()
    assert set(spread.series()[f"task.cpu_percent:{spread.number}"]["mean"]) - {None} == {50.0}


def test_the_charts_of_a_page_show_the_sum_in_the_server_and_far_from_it(run: Running) -> None:
    spread = Spread(run, "page")
    spread.say(spread.home, 100.0)
    spread.say(spread.away, 50.0)
    run.call("PATCH", f"/tasks/{spread.number}", {"message": "x"})
    client = Client(f"http://127.0.0.1:{run.port}")
    try:
        source = RemoteSource(client)
        task = client.task(spread.number)
        assert task.resources is not None and task.resources.hosts is not None
        early = type(task)(**{**{f: getattr(task, f) for f in task.__struct_fields__}, "started_at": utc(spread.began)})
        found = asyncio.run(measured(source, early, time.time()))
        assert found is not None and 150.0 in found.run.values["task.cpu_percent"].tolist()
    finally:
        source.close()


def test_an_agent_writes_nothing_about_a_task_that_is_not_there(run: Running, tmp_path: Path) -> None:
    spread = Spread(run, "mine")
    spread.say(spread.home, 100.0)
    costs = {str(spread.number): {"attempt": 1, "resources": {"cpu_seconds": 1e6}}}
    send(run, "stranger", costs=costs, runs=["f" * 32])
    assert spread.stored()["resources"]["cpu_seconds"] == 12.0


def found(run: Running, path: str) -> list[int]:
    body = run.call("GET", path).json
    tasks = body if isinstance(body, list) else body["tasks"] if "tasks" in body else body["bars"]
    return sorted(each["task_id"] for each in tasks)


def test_a_task_is_found_on_every_host_on_which_it_had_processes(run: Running) -> None:
    spread, other = Spread(run, "found"), run.make(name="other", source={"host": "found-2", "pid": 1})
    spread.say(spread.home, 100.0)
    spread.say(spread.away, 50.0)
    spread.stored()
    both = sorted([spread.number, other["task_id"]])
    window = f"after={time.time() - 60}&before={time.time() + 60}"
    for host, expected in ((spread.home, [spread.number]), (spread.away, both), ("found-3", [])):
        assert found(run, f"/tasks?host={host}") == expected
        assert found(run, f"/tasks?host={host}&sort=-priority,name&limit=5") == expected
        assert found(run, f"/tasks/page?host={host}") == expected
        assert run.call("GET", f"/tasks/page?host={host}").json["total"] == len(expected)
        lanes = run.call("GET", f"/tasks/lanes?host={host}&{window}").json
        assert sorted(bar["task_id"] for bar in lanes["bars"]) == expected
    assert found(run, "/tasks?host=found-2,found-3&status=in-progress&q=found") == [spread.number]
    assert found(run, f"/tasks?host={spread.away}&status=pending") == [other["task_id"]]
    assert found(run, f"/tasks/page?host={spread.away}&q=found") == [spread.number]
    run.call("DELETE", f"/tasks/{spread.number}")
    assert found(run, f"/tasks?host={spread.away}") == [other["task_id"]]


def test_pages_of_a_hosts_tasks_skip_and_repeat_nothing_with_guests_among_them(run: Running) -> None:
    numbers = []
    for n in range(5):
        spread = Spread(run, f"paged{n}")
        spread.away = "paged-away"
        send(run, spread.away, session=send(run, spread.away).json["session"], runs=[spread.run_id])
        costs = {str(spread.number): {"attempt": 1, "resources": {"cpu_seconds": 1.0}}}
        send(run, spread.away, costs=costs)
        spread.stored()
        numbers += [spread.number, run.make(name="own", source={"host": "paged-away"})["task_id"]]
    seen_, path = [], "/tasks?host=paged-away&limit=3&sort=-created_at"
    while path:
        reply = run.call("GET", path)
        seen_ += [each["task_id"] for each in reply.json]
        link = reply.headers.get("Link") or ""
        path = link[link.index("/tasks?") : link.index(">")] if "/tasks?" in link else ""
    assert sorted(seen_) == sorted(numbers) and len(seen_) == 10
