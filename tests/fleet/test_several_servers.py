"""Hosts and their histories at several servers over one PostgreSQL."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.reports import AGENT, report
from tests.server_process import ServerProcess, server_process
from tests.store.conftest import postgres
from tests.store.engines import url_of
from tests.store.postgres_server import PostgresServer
from vain.clock import utc
from vain.codec import encode
from vain.hosts import HostSample
from vain.samples import Cpu, Memory, Sample

__all__ = ["postgres"]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATIENCE_SECONDS = 25.0


class Servers:
    """``vain serve`` processes over one database; each says that its machine has another name, unless told not to."""

    def __init__(self, url: str, folder: Path, ends: ExitStack) -> None:
        self._url, self._folder, self._ends, self._count = url, folder, ends, 0

    def start(self, machine: str) -> ServerProcess:
        self._count += 1
        folder = self._folder / f"data-{self._count}"
        wrapper = ("env", f"VAIN_HOSTNAME={machine}", f"VAIN_STORE={self._url}")
        return self._ends.enter_context(server_process(folder, wrapper=wrapper))


@pytest.fixture
def servers(postgres: PostgresServer, tmp_path: Path) -> Iterator[Servers]:
    with ExitStack() as ends:
        yield Servers(url_of(postgres.url, tmp_path), tmp_path, ends)


def asked(server: ServerProcess, path: str, body: object = None) -> Any:
    request = urllib.request.Request(server.url + path, None if body is None else encode(body))
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def until(check: Callable[[], Any]) -> Any:
    """What it gives once that is something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            found = check()
        except urllib.error.HTTPError as error:
            found = None
            if time.monotonic() > deadline:
                raise AssertionError(error.read()) from None
        if found:
            return found
        assert time.monotonic() < deadline, "nothing came"
        time.sleep(0.2)


class Agent:
    """Reports made-up samples of one second each, and forgets what was acknowledged."""

    def __init__(self, name: str) -> None:
        self.name, self.session = name, ""
        self.kept: list[float] = []
        self.number, self.stored, self.all = 0, 0, list[float]()

    def look(self) -> None:
        t = round(time.time(), 3)
        self.kept.append(t)
        self.all.append(t)

    def send(self, server: ServerProcess) -> None:
        samples = [HostSample(self._sample(t)) for t in self.kept]
        sent = report(self.session or None, self.number + 1, samples, agent=AGENT, sent_at=time.time())
        taken = asked(server, f"/hosts/{self.name}/samples", sent)
        if taken["session"] != self.session:
            self.session, self.number = taken["session"], 0
            return self.send(server)
        gone = taken["stored"] - self.number
        if gone > 0:
            del self.kept[:gone]
            self.number = taken["stored"]
        return None

    def _sample(self, t: float) -> Sample:
        cpu = Cpu(percent=round(t % 100, 1), cores_logical=4)
        return Sample(
            cpu_usage=cpu.percent, memory_usage=40.0, disk_usage=50.0, uptime=1_000.0, timestamp=utc(t), host=self.name,
            period_seconds=1.0, cpu=cpu, memory=Memory(percent=40.0, total_bytes=8 << 30),
        )  # fmt: skip


def names(server: ServerProcess) -> dict[str, str]:
    return {host["name"]: host["kind"] for host in asked(server, "/hosts")}


def points(server: ServerProcess, host: str, after: float) -> list[float]:
    """The moments of a host's samples, out of the history."""
    window = asked(server, f"/performance/history?host={host}&metrics=cpu.percent&after={after}&points=2000")
    means = window["series"].get("cpu.percent", {"mean": [None] * len(window["t"])})["mean"]
    return [t for t, value in zip(window["t"], means, strict=True) if value is not None]


def test_any_server_knows_every_host_and_its_history(servers: Servers) -> None:
    one, other = servers.start("one"), servers.start("other")
    agent, began = Agent("gpu-1"), time.time() - 1
    agent.look()
    agent.send(one)
    known = {"one": "server", "other": "server", "gpu-1": "agent"}
    for server in (one, other):
        until(lambda server=server: names(server) == known)
    for server in (one, other):
        now = until(lambda server=server: asked(server, "/performance?host=gpu-1"))
        assert now["cpu_usage"] == round(agent.all[-1] % 100, 1)
        assert asked(server, "/performance?host=one")["timestamp"]
    until(lambda: points(other, "gpu-1", began) == points(one, "gpu-1", began) == [round(t, 3) for t in agent.all])
    until(lambda: len(points(other, "one", began)) > 2 and len(points(one, "other", began)) > 2)
    until(lambda: asked(other, f"/performance/hosts?after={began}")["count"] == 3)


def test_an_agent_that_goes_to_another_server_loses_nothing(servers: Servers) -> None:
    one, other = servers.start("one"), servers.start("other")
    agent, began = Agent("gpu-2"), time.time() - 1
    for turn in range(24):
        agent.look()
        agent.send(one if turn < 12 else other)
        if turn == 11:
            one.process.kill()
        time.sleep(0.5)
    until(lambda: (agent.send(other), not agent.kept)[1])
    assert points(other, "gpu-2", began) == [round(t, 3) for t in agent.all], "each once"
    hosts = {host["name"]: host for host in asked(other, "/hosts")}
    assert not hosts["gpu-2"]["silent"] and hosts["gpu-2"]["samples_waiting"] == 0


def test_of_two_servers_on_a_machine_one_writes_and_the_other_takes_over(servers: Servers) -> None:
    one, other = servers.start("box"), servers.start("box")
    began = time.time() + 2
    time.sleep(8)
    found = until(lambda: points(other, "box", began))
    assert len(found) <= time.time() - began + 1, "each second is there once"
    assert names(one) == names(other) == {"box": "server"}
    one.process.kill()
    killed = time.time()
    until(lambda: [t for t in points(other, "box", began) if t > killed + 8])
