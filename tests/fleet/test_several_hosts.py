"""One task on several hosts, over the wire: real servers, a real agent, real processes that carry the task's name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import psutil
import pytest

from tests.fleet.reports import report
from tests.fleet.test_agent_process import agent_process
from tests.fleet.test_several_servers import Servers, asked, servers, until
from tests.server_process import ServerProcess, server_process
from tests.store.conftest import postgres
from vain.codec import encode
from vain.hosts import HostCost
from vain.types import Resources

__all__ = ["postgres", "servers"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SERVER = ("env", "VAIN_HOSTNAME=server-1")
WORK = "import time\nheld = b'x' * (40 << 20)\nwhile True:\n    sum(range(20_000)); time.sleep(0.002)"


@contextmanager
def carrying(run_id: str, count: int) -> Iterator[list[psutil.Process]]:
    """Processes that work, as srun starts them on a host: nothing but their environment says whose they are."""
    environment = {**os.environ, "VAIN_RUN_ID": run_id}
    with ExitStack() as ends:
        started = [subprocess.Popen([sys.executable, "-c", WORK], env=environment) for _ in range(count)]
        for process in started:
            ends.callback(process.wait)
            ends.callback(process.kill)
        yield [psutil.Process(process.pid) for process in started]


@pytest.fixture
def run_id() -> str:
    """A name of its own: what another test runs meanwhile on this machine is seen by all servers here."""
    return uuid4().hex


def begin(server: ServerProcess, host: str, run_id: str) -> int:
    """A task whose own process is on that host."""
    task = {"name": "mpi", "status": "in-progress", "source": {"host": host, "pid": 42, "kind": "run"}}
    headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{run_id}"'}
    with urlopen(Request(f"{server.url}/tasks", encode(task), headers), timeout=20) as answer:
        return int(json.load(answer)["task_id"])


def end(server: ServerProcess, task_id: int) -> dict[str, Any]:
    body = encode({"status": "completed"})
    request = Request(f"{server.url}/tasks/{task_id}", body, {"Content-Type": "application/json"}, method="PUT")
    with urlopen(request, timeout=20) as answer:
        return dict(json.load(answer))


def seconds_of(processes: list[psutil.Process]) -> float:
    return sum(times.user + times.system for times in (process.cpu_times() for process in processes))


def parts(server: ServerProcess, task_id: int) -> dict[str, float]:
    resources = asked(server, f"/tasks/{task_id}")["resources"] or {}
    return {host: part.get("cpu_seconds", 0.0) for host, part in (resources.get("hosts") or {}).items()}


def test_a_run_is_charged_for_its_processes_on_every_host_and_a_killed_server_loses_none(
    tmp_path: Path, run_id: str
) -> None:
    """The server's machine and the agent's see the same processes: each must count all of them, and neither twice."""
    data = tmp_path / "data"
    with ExitStack() as ends:
        server = ends.enter_context(server_process(data, wrapper=SERVER))
        ends.enter_context(agent_process(tmp_path, server.url))
        processes = ends.enter_context(carrying(run_id, 2))
        time.sleep(3)  # the job is there before its task is
        began = time.time()
        task_id = begin(server, "laptop", run_id)
        until(lambda: parts(server, task_id).keys() == {"server-1", "gpu-3"})
        assert time.time() - began < 20
        for host in ("server-1", "gpu-3"):
            shares = until(lambda host=host: asked(server, f"/performance/explain?host={host}&after=-3")["tasks"])
            assert shares[0]["task_id"] == task_id and shares[0]["cpu_seconds"] > 0
        server.process.kill()
        server.end()
        server = ends.enter_context(server_process(data, server.port, wrapper=SERVER))
        time.sleep(8)
        used = seconds_of(processes)
        resources = end(server, task_id)["resources"]
        found = {host: part["cpu_seconds"] for host, part in resources["hosts"].items()}
        assert found == pytest.approx({"server-1": used, "gpu-3": used}, abs=2.5), used
        assert resources["cpu_seconds"] == pytest.approx(sum(found.values()), abs=0.02)
        peaks = [part["rss_peak_bytes"] for part in resources["hosts"].values()]
        assert sum(peaks) * 1.01 > resources["rss_peak_bytes"] > max(peaks) > 80 << 20
        assert all(process.is_running() for process in processes), "nobody but its home ends a task"


def say(server: ServerProcess, host: str, session: str | None = None, **more: Any) -> Any:
    return asked(server, f"/hosts/{host}/samples", report(session, sent_at=time.time(), **more))


def test_home_and_guest_may_report_to_different_servers(servers: Servers, run_id: str) -> None:
    one, other = servers.start("one"), servers.start("other")
    task_id = begin(one, "home", run_id)
    until(lambda: asked(other, f"/tasks/{task_id}"))

    def guests() -> Any:
        tasks = say(other, "away", runs=[run_id])["tasks"] or []
        return [each["task"]["task_id"] for each in tasks if each.get("is_guest")]

    assert until(guests) == [task_id]

    def told() -> Any:
        for server, host, seconds in ((one, "home", 4.0), (other, "away", 2.0)):
            say(server, host, costs={task_id: HostCost(1, Resources(cpu_seconds=seconds, rss_bytes=100))})
        return parts(one, task_id) == parts(other, task_id) == {"home": 4.0, "away": 2.0}

    until(told)
    ended = end(one, task_id)["resources"]
    assert (ended["cpu_seconds"], ended["rss_bytes"], ended["rss_peak_bytes"]) == (6.0, None, 200)
    until(lambda: say(other, "away")["tasks"] == [] == say(one, "home")["tasks"])


def test_a_guest_that_goes_to_another_server_is_one_there_too(servers: Servers, run_id: str) -> None:
    one, other = servers.start("one"), servers.start("other")
    task_id = begin(one, "home", run_id)
    until(lambda: [each for each in say(one, "away", runs=[run_id])["tasks"] or [] if each.get("is_guest")])
    cost = HostCost(1, Resources(cpu_seconds=2.0))
    until(lambda: (say(one, "away", costs={task_id: cost}), parts(other, task_id) == {"away": 2.0})[1])
    one.process.kill()
    (guest,) = until(lambda: say(other, "away")["tasks"])
    assert guest["is_guest"] and guest["task"]["resources"]["hosts"]["away"]["cpu_seconds"] == 2.0
    more = HostCost(1, Resources(cpu_seconds=3.0))
    say(other, "away", costs={task_id: more})
    assert end(other, task_id)["resources"]["cpu_seconds"] == 3.0
