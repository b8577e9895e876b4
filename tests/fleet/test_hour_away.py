"""An agent that is cut off for an hour of a made-up clock and killed twice: every second is there afterwards, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.agent.machine import PLENTY
from tests.fleet.reports import AGENT, seen
from tests.web.harness import Running, running
from vain.agent.left import Left
from vain.agent.seen import Seen
from vain.agent.sender import Sender
from vain.agent.spool import AgentSpool
from vain.clock import utc
from vain.codec import encode
from vain.report.connection import Connection
from vain.watch import Watch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
ROOT = Path(__file__).resolve().parent.parent.parent
HOUR = 3_600
KILLS = (1_000, 2_500)
"""After so many seconds."""


class NoTrees:
    def look(self, watched: object) -> tuple[list[object], None]:
        return [], None

    def busiest(self) -> None:
        return None

    def take_strangers(self) -> None:
        return None

    def close(self) -> None:
        pass


def life(folder: Path, begin: float, first: int, last: int, is_killed: bool) -> None:
    """What an agent saw from one second to another, in a process of its own that is killed then."""
    spool = AgentSpool(folder, PLENTY)
    for second in range(first, last):
        each = seen(0, float(second % 100), is_first=second == first)
        sample = replace(each.sample, timestamp=utc(begin + second))
        spool.add(encode(replace(each, sample=sample)), begin + second)
    if is_killed:
        os.kill(os.getpid(), signal.SIGKILL)
    spool.close()


def fill(folder: Path, begin: float) -> None:
    """Three lives of an agent, none of which reached a server."""
    first = 0
    for last in (*KILLS, HOUR):
        call = f"life(Path({str(folder)!r}), {begin}, {first}, {last}, {last in KILLS})"
        program = f"from pathlib import Path\nfrom tests.fleet.test_hour_away import life\n{call}"
        ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False)
        assert ended.returncode == (-signal.SIGKILL if last in KILLS else 0)
        first = last


def bring(served: Running, folder: Path, jobs: Path) -> None:
    """The agent's fourth life, in which the server answers."""
    spool = AgentSpool(folder, PLENTY)
    url = f"http://127.0.0.1:{served.port}"
    sender = Sender(
        Connection(url, None, 10.0), "gpu-3", AGENT, 1.0, spool, Seen(spool, 1.0, lambda: None), Left(jobs, url),
        Watch(NoTrees(), "gpu-3", None, lambda *_: None), lambda tasks: None,  # type: ignore[arg-type]
    )  # fmt: skip
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        sender.wake()
        deadline = time.monotonic() + 30
        while served.call("GET", "/hosts/gpu-3").json.get("samples_waiting") != 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        sender.stop()
        thread.join(10)
        spool.close()


def test_every_second_of_the_hour_is_there_once(tmp_path: Path) -> None:
    begin = float(int(time.time()) - 2 * HOUR)
    fill(tmp_path / "agent", begin)
    with running(tmp_path / "data") as served:
        bring(served, tmp_path / "agent", tmp_path / "jobs")
        asked = f"/performance/history?host=gpu-3&after={begin}&before={begin + HOUR}&metrics=cpu.percent"
        found = served.call("GET", asked).json
    assert [round(t - begin) for t in found["t"]] == list(range(HOUR))
    assert found["series"]["cpu.percent"]["mean"] == [float(second % 100) for second in range(HOUR)]
    assert found["quality"] == []
