"""The commands that follow tasks as processes of their own: restarts, signals, pipes, the shell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.server_process import ServerProcess, server_process
from vain.client import Client

pytestmark = pytest.mark.slow


@contextmanager
def vain(url: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "VAIN_URL": url, "PYTHONUNBUFFERED": ""}
    command = [sys.executable, "-m", "vain", *arguments]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def line(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    return stream.readline()


def test_wait_survives_a_server_that_is_killed_and_restarted(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, Client(server.url) as client:
        first, second = (client.create(name, status="in-progress").task_id for name in ("one", "two"))
        with vain(server.url, "wait", str(first), str(second)) as waiting:
            client.update(first, status="completed")
            assert line(waiting.stdout) == f"{first}  succeeded  one\n".encode()
            server.process.send_signal(signal.SIGKILL)
            server.end()
            time.sleep(1.5)  # it asks in vain
            again = ServerProcess(tmp_path / "data", server.port)
            try:
                client.update(second, status="completed", outcome="failed")
                assert line(waiting.stdout) == f"{second}  failed  two\n".encode()
                assert waiting.wait(15) == 1
            finally:
                again.process.terminate()
                again.end()


def test_log_f_shows_each_line_at_once_and_ends_with_130_on_ctrl_c(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, Client(server.url) as client:
        task_id = client.create("job", status="in-progress").task_id
        client.append_log(task_id, "one\n")
        with vain(server.url, "log", "-f", str(task_id)) as following:
            assert line(following.stdout) == b"one\n"
            client.append_log(task_id, "two\n")
            assert line(following.stdout) == b"two\n"
            following.send_signal(signal.SIGINT)
            assert following.wait(10) == 130
            assert line(following.stderr) == b""


def test_log_f_ends_with_0_whatever_came_of_the_task(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, Client(server.url) as client:
        task_id = client.create("job", status="in-progress").task_id
        with vain(server.url, "log", "-f", str(task_id)) as following:
            time.sleep(0.3)
            client.update(task_id, status="completed", outcome="crashed")
            client.append_log(task_id, "the end\n")
            assert following.communicate(timeout=15)[0] == b"the end\n" and following.returncode == 0


def test_a_line_of_shell_reports_how_a_job_ended(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, Client(server.url) as client:
        environment = {**os.environ, "VAIN_URL": server.url}
        script = '(echo broken; exit 3) > out; "$0" -m vain ping backup $? - --every 1d < out'
        done = subprocess.run(
            ["sh", "-c", script, sys.executable],
            env=environment | {"PYTHONPATH": os.getcwd()},
            cwd=tmp_path, capture_output=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
        (task,) = client.tasks(key="backup")
        assert (task.outcome, task.exit_code, client.log(task.task_id)[0]) == ("failed", 3, b"broken\n")


def test_an_attached_process_that_is_killed_ends_its_task(tmp_path: Path) -> None:
    with server_process(tmp_path / "data") as server, Client(server.url) as client:
        with subprocess.Popen(["sleep", "60"]) as sleeping:
            with vain(server.url, "attach", str(sleeping.pid)) as attaching:
                task_id = int(line(attaching.stdout))
            sleeping.kill()
        (task,) = client.wait(task_id, timeout_seconds=20)
        assert task.status == "completed"
