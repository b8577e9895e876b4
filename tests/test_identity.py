"""Which process this is: held against psutil, which asks the kernel on its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from vain import clock, identity

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says when a process started in /proc")


@linux
def test_a_process_is_known_by_its_start() -> None:
    known = identity.this_process()
    assert known["pid"] == os.getpid() and known["host"] == identity.host() and known["boot_id"]
    assert abs(clock.unix(str(known["pid_started_at"])) - psutil.Process().create_time()) < 0.02


@linux
def test_another_process_is_named_by_its_program_alone() -> None:
    with subprocess.Popen(["sleep", "30"]) as process:
        known = identity.of_process(process.pid)
        process.kill()
    assert (known["pid"], known["command"]) == (process.pid, "sleep") and known["pid_started_at"]


def test_a_process_that_is_not_there_has_no_start() -> None:
    known = identity.of_process(2**22 + 1)
    assert known["pid_started_at"] is None and known["command"] is None


@linux
def test_a_name_with_brackets_and_spaces_does_not_move_the_fields(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_bytes(b"7 (a) b (c) S " + b"0 " * 18 + b"250 0")
    (tmp_path / "7" / "cmdline").write_bytes(b"")
    (tmp_path / "stat").write_bytes(b"cpu 1\nbtime 1000\n")
    assert identity.started_at(7) == clock.utc(1000 + 250 / os.sysconf("SC_CLK_TCK"))
    assert identity.of_process(7)["command"] == "a) b (c"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [(["job.py", "--password", "x"], "job.py"), (["-m", "pack.job"], "pack.job"), (["-m", "pack"], "pack")],
)
def test_a_program_is_named_without_its_arguments(tmp_path: Path, root: Path, arguments: list[str], name: str) -> None:
    program = "from vain import identity; print(identity.program_name())"
    (tmp_path / "pack").mkdir()
    for file in ("job.py", "pack/__init__.py", "pack/job.py", "pack/__main__.py"):
        (tmp_path / file).write_text("" if "init" in file else program)
    environment = {**os.environ, "PYTHONPATH": str(root)}
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout.strip() == name


def test_a_container_has_processes_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("1901e367\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    monkeypatch.setattr(identity, "PROC", tmp_path)
    for numbers, known in ((identity.HOSTS_OWN_NUMBERS, "1901e367"), ("pid:[4026532198]", "1901e367/pid:[4026532198]")):
        (tmp_path / "self/ns/pid").unlink(missing_ok=True)
        (tmp_path / "self/ns/pid").symlink_to(numbers)
        identity.boot_id.cache_clear()
        assert identity.boot_id() == known
    identity.boot_id.cache_clear()
