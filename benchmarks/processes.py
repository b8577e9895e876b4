"""Server processes under measurement: start, wait until they listen, read what they use, stop."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parent.parent
START_SECONDS, STOP_SECONDS = 30.0, 15.0
POLL_SECONDS = 0.05
LOG_TAIL = 2_000
MEBIBYTE = 1 << 20


class ServerProcess(NamedTuple):
    """A server that listens on a port of 127.0.0.1."""

    pid: int
    port: int

    def cpu_seconds(self) -> float:
        """CPU time so far, all threads."""
        return cpu_seconds(self.pid)

    def rss_mib(self) -> float:
        """Resident memory now."""
        return float(psutil.Process(self.pid).memory_info().rss) / MEBIBYTE


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used in all its threads."""
    try:
        # What clock_getcpuclockid(3) gives on Linux: nanoseconds, where /proc counts in steps of 10 ms.
        return time.clock_gettime(~pid << 3 | 2)
    except OSError:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)


@contextmanager
def vain(*options: str, folder: Path | None = None) -> Iterator[ServerProcess]:
    """vAIn as a user starts it, on an empty data folder or on this one, with more options of ``vain serve``."""
    with tempfile.TemporaryDirectory(prefix="vain-benchmark-") as empty:
        port = free_port()
        command = ["-m", "vain", "serve", "--port", str(port), "--data", str(folder or empty), "--no-browser", *options]
        with _running(command, port) as server:
            yield server


@contextmanager
def peer(name: str, *arguments: str) -> Iterator[ServerProcess]:
    """A server of ``benchmarks/peers``, which gets a port and an empty folder before its own arguments."""
    with tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder:
        port = free_port()
        with _running(["-m", f"benchmarks.peers.{name}", str(port), folder, *arguments], port) as server:
            yield server


def free_port() -> int:
    """A port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def output_of(arguments: Sequence[str], timeout_seconds: float) -> str:
    """What a command of this interpreter prints. Raises CalledProcessError or TimeoutExpired."""
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=_environment(), timeout=timeout_seconds, check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def _environment() -> dict[str, str]:
    """Without settings of vAIn that the caller may have, so that its defaults are what is measured."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
    return kept | {"PYTHONPATH": str(ROOT)}


@contextmanager
def _running(arguments: Sequence[str], port: int) -> Iterator[ServerProcess]:
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=_environment(), stdout=log, stderr=subprocess.STDOUT
        )
        try:
            _wait_until_listening(process, port)
            yield ServerProcess(process.pid, port)
        except BaseException:
            log.seek(0)
            print(log.read()[-LOG_TAIL:], file=sys.stderr)
            raise
        finally:
            _stop(process)


def _wait_until_listening(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(POLL_SECONDS)
        else:
            return
    raise RuntimeError(f"the server did not listen within {START_SECONDS:.0f} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
