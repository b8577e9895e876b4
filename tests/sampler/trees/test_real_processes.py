"""Real processes, beside what the kernel says of them when they have ended."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from vain import identity
from vain.accounting import Look, Watched
from vain.clock import unix
from vain.sampler.trees import ProcessTrees
from vain.sampler.trees.portable import PortableTrees

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]

STORM = """
import os, time
for _ in range(60):
    if os.fork() == 0:
        end = time.process_time() + 0.02
        while time.process_time() < end: pass
        os._exit(0)
    os.wait()
"""
ORPHAN = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        end = time.process_time() + 0.6
        while time.process_time() < end: pass
        os._exit(0)
    os._exit(0)
os.wait()
time.sleep(1.5)
"""
IGNORES = """
import os, signal, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
if os.fork() == 0:
    end = time.process_time() + 0.6
    while time.process_time() < end: pass
    os._exit(0)
time.sleep(1.6)
"""


def looked(program: str, trees: Any = None, **more: Any) -> tuple[Look, float, list[Look]]:
    """The last look at a program, what the kernel says it and the children it waited for used, and all looks."""
    trees = trees or ProcessTrees()
    run = {**os.environ, "VAIN_RUN_ID": "0123"}
    process = subprocess.Popen([sys.executable, "-c", program], env=run)
    started_at = identity.started_at(process.pid)
    watched = Watched(
        key=1, pid=process.pid, started_at=started_at and unix(started_at), run_id="0123", whole=True, **more
    )
    looks = []
    try:
        while not looks or looks[-1].alive:
            looks += trees.look([watched])[0]
            time.sleep(0.1)
    finally:
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
    looks += trees.look([watched])[0]
    trees.close()
    return looks[-1], usage.ru_utime + usage.ru_stime, looks


def test_children_too_short_to_be_seen_count() -> None:
    last, kernel, _ = looked(STORM)
    assert kernel > 1 and last.cpu_seconds == pytest.approx(kernel, rel=0.05)


@pytest.mark.parametrize("program", [ORPHAN, IGNORES])
def test_orphans_and_children_that_nobody_waits_for_count(program: str) -> None:
    last, kernel, looks = looked(program)
    assert last.cpu_seconds == pytest.approx(kernel + 0.6, rel=0.2)
    assert max(look.processes or 0 for look in looks) >= 2


def test_the_sum_never_falls_and_ends_with_the_process() -> None:
    last, _, looks = looked(STORM)
    sums = [look.cpu_seconds for look in looks if look.cpu_seconds is not None]
    assert sums == sorted(sums) and last.alive is False


def test_bytes_that_children_wrote_count(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("io") / "written"
    program = f"""
import os, subprocess, sys, time
code = "import os; f = open({str(path)!r}, 'wb'); f.write(bytes(5 << 20)); f.flush(); os.fsync(f.fileno())"
subprocess.run([sys.executable, "-c", code])
time.sleep(0.4)
"""
    last, _, _ = looked(program)
    if last.written_bytes == 0:
        pytest.skip("this file system has no storage behind it")
    assert last.written_bytes == pytest.approx(5 << 20, rel=0.1)


def test_psutil_sees_the_same_of_processes_that_live(capsys: pytest.CaptureFixture[str]) -> None:
    busy = "import time\nend = time.process_time() + 1\nwhile time.process_time() < end: pass\ntime.sleep(0.3)"
    last, kernel, looks = looked(busy, PortableTrees())
    assert last.cpu_seconds == pytest.approx(kernel, rel=0.1) and last.basis["cpu"] == "process"
    assert any((look.cpu_percent or 0) > 10 for look in looks) and last.alive is False


def test_a_look_at_many_processes_costs_little() -> None:
    """No promise of a time, which a benchmark keeps; only that a look does not read what nobody asked for."""
    sleepers = [subprocess.Popen(["sleep", "30"]) for _ in range(60)]
    try:
        reads: list[int] = []
        trees = ProcessTrees()
        table = trees._trees._table  # type: ignore[attr-defined]
        before: Callable[[int], object] = table._read_other
        table._read_other = lambda pid: reads.append(pid) or before(pid)  # type: ignore[func-returns-value]
        watched = Watched(key=1, pid=sleepers[0].pid, started_at=None)
        trees.look([watched])
        first = len(reads)
        reads.clear()
        trees.look([watched])
        assert first >= 60 and len(reads) < first / 3
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()
