"""``vain agent`` and ``vain serve`` as processes of their own: cut off, killed, and nothing is missing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import psutil
import pytest

from tests.server_process import ServerProcess, server_process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
PERIOD = 0.2


def environment(folder: Path, url: str) -> dict[str, str]:
    """Of everything that runs on the other machine."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
    return {**kept, "VAIN_HOSTNAME": "gpu-3", "VAIN_URL": url, "VAIN_SPOOL": str(folder / "spool-of-gpu-3")}


def start_agent(folder: Path, url: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vain", "agent", "--data", str(folder / "agent"), "--interval", str(PERIOD)]
    with (folder / "agent.log").open("ab") as log:
        return subprocess.Popen(command, env=environment(folder, url), stderr=log)


@contextmanager
def agent_process(folder: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    agent = start_agent(folder, url)
    try:
        yield agent
    finally:
        agent.terminate()
        assert agent.wait(10) in (0, -signal.SIGKILL)


def asked(server: ServerProcess, path: str) -> Any:
    with urlopen(server.url + path, timeout=10) as answer:
        return json.load(answer)


def until(what: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What it gives once it gives something true."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if found := what():
                return found
        except (HTTPError, URLError, ConnectionError):
            pass
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def host(server: ServerProcess) -> dict[str, Any] | None:
    return next((each for each in asked(server, "/hosts") if each["name"] == "gpu-3"), None)


def test_an_agent_that_is_cut_off_and_killed_twice_brings_every_sample_once(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server:
        url, port = server.url, server.port
        agent = start_agent(tmp_path, url)
        until(lambda: host(server))
        time.sleep(1.5)
        server.process.kill()
        server.end()
        alive_seconds, began = 1.5, time.monotonic()
        for _ in range(2):
            time.sleep(2.0)
            alive_seconds += time.monotonic() - began
            agent.kill()
            agent.wait()
            time.sleep(1.0)
            agent, began = start_agent(tmp_path, url), time.monotonic()
            time.sleep(1.0)  # until it looks
    try:
        with server_process(tmp_path / "data", port) as server:
            until(lambda: (known := host(server)) and known["now"] and known["samples_waiting"] == 0)
            time.sleep(1.0)
            alive_seconds += time.monotonic() - began
            history = asked(server, "/performance/history?host=gpu-3&after=-60&metrics=cpu.percent")
        times = history["t"]
        assert times == sorted(set(times))
        causes = [span["cause"] for span in history["quality"]]
        assert causes.count("stopped") == 2, history["quality"]
        assert "unknown" not in causes
        stopped = [(span["from"], span["to"]) for span in history["quality"] if span["cause"] == "stopped"]
        for earlier, later in pairwise(times):
            is_told = any(begin <= later and end >= earlier for begin, end in stopped)
            assert later - earlier < 5 * PERIOD or is_told, (earlier, later, history["quality"])
        assert len(times) > 0.6 * alive_seconds / PERIOD, times
    finally:
        agent.terminate()
        assert agent.wait(10) == 0


def test_a_job_that_ended_while_the_server_was_away_is_told_by_the_agent(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server:
        url, port = server.url, server.port
        agent = start_agent(tmp_path, url)
        until(lambda: host(server))
        server.process.kill()
        server.end()
    try:
        job = [sys.executable, "-m", "vain", "run", "--name", "left", "--", sys.executable, "-c", "print('all done')"]
        subprocess.run(job, env=environment(tmp_path, url), check=True, capture_output=True)
        with server_process(tmp_path / "data", port) as server:
            task = until(lambda: next((t for t in asked(server, "/tasks") if t["name"] == "left"), None))
            assert (task["status"], task["outcome"]) == ("completed", "succeeded")
            assert task["source"]["host"] == "gpu-3"
            with urlopen(f"{server.url}/tasks/{task['task_id']}/log") as answer:
                assert answer.read() == b"all done\n"
            time.sleep(0.5)
            assert [t["name"] for t in asked(server, "/tasks")] == ["left"]
    finally:
        agent.terminate()
        assert agent.wait(10) == 0


def test_a_task_on_another_machine_is_charged_and_its_crash_is_seen(tmp_path: Path) -> None:
    burn = "import time\nwhile True: sum(range(1000))"
    with server_process(tmp_path / "data") as server, agent_process(tmp_path, server.url):
        until(lambda: host(server))
        job = [sys.executable, "-m", "vain", "run", "--name", "burn", "--", sys.executable, "-c", burn]
        process = subprocess.Popen(job, env=environment(tmp_path, server.url))
        try:
            task = until(lambda: next(iter(asked(server, "/tasks")), None))
            number = task["task_id"]
            explained = until(
                lambda: (
                    (found := asked(server, "/performance/explain?host=gpu-3&after=-3"))["tasks"]
                    and (found["tasks"][0]["share"] or 0) > 0.1
                    and found
                )
            )
            assert explained["tasks"][0]["task_id"] == number
            assert asked(server, "/performance/explain?after=-3")["tasks"] == []
            until(lambda: (asked(server, f"/tasks/{number}")["resources"] or {}).get("cpu_seconds"), 15)
            series = asked(server, f"/performance/history?task_id={number}")["series"]
            assert max(filter(None, series[f"task.cpu_percent:{number}"]["mean"])) > 20
        finally:
            for each in (*psutil.Process(process.pid).children(recursive=True), process):
                each.kill()
            process.wait()
        ended = until(lambda: (found := asked(server, f"/tasks/{number}"))["outcome"] and found, 30)
        assert ended["outcome"] == "crashed"


def test_two_agents_of_one_folder_are_one_too_many(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, agent_process(tmp_path, server.url):
        until(lambda: host(server))
        second = start_agent(tmp_path, server.url)
        assert second.wait(10) == 1
    assert "Another agent already uses the folder" in (tmp_path / "agent.log").read_text()


def test_an_agent_stays_small(tmp_path: Path) -> None:
    """40 MB, after hundreds of samples; what it costs of a core stands in the benchmarks."""
    with server_process(tmp_path / "data") as server, agent_process(tmp_path, server.url) as agent:
        until(lambda: host(server))
        time.sleep(5)
        resident = next(
            int(line.split()[1])
            for line in Path(f"/proc/{agent.pid}/status").read_text().splitlines()
            if line.startswith("VmRSS")
        )
        assert resident < 40_000, f"{resident} KiB"
        maps = Path(f"/proc/{agent.pid}/maps").read_text()
        assert "numpy" not in maps and "apsw" not in maps
