"""``vain run`` as a user starts it, and what it reported: from the spool, as the server is away."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from vain.spool import RunReport, abandoned, folded

ROOT = Path(__file__).resolve().parents[2]
AWAY = "http://127.0.0.1:9"
"""An address where nothing listens."""
PATIENCE_SECONDS = 10.0


class Wrapped:
    """Starts commands under ``vain run``; the reports lie in ``folder``."""

    def __init__(self, folder: Path, url: str = AWAY, **variables: str) -> None:
        self.folder, self.url, self.variables = folder, url, variables

    @property
    def environment(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
        ours = {"VAIN_SPOOL": str(self.folder), "VAIN_URL": self.url, "PYTHONPATH": str(ROOT)}
        return known | ours | self.variables

    def line(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "vain", "run", *arguments]

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[bytes]:
        # A session of its own: no terminal of whoever runs the tests is in the way.
        more = {"start_new_session": True, **more}
        return subprocess.Popen(self.line(*arguments), env=self.environment, **more)

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        more = {"capture_output": True, "stdin": None if "input" in more else subprocess.DEVNULL, **more}
        more = {"start_new_session": True, "timeout": PATIENCE_SECONDS, **more}
        return subprocess.run(self.line(*arguments), env=self.environment, check=False, **more)

    def reports(self) -> list[RunReport]:
        found: list[RunReport] = []
        for left in abandoned(self.folder):
            found += folded(left.records())
            left.release()
        return sorted(found, key=lambda report: report.began_at)

    def patch(self) -> dict[str, Any]:
        (report,) = self.reports()
        return report.patch

    @contextlib.contextmanager
    def terminal(self, command: Sequence[str]) -> Iterator[Terminal]:
        """A process that leads the session of a new terminal."""
        pid, master = pty.fork()
        if pid == 0:
            try:
                os.execve(command[0], list(command), self.environment | {"PS1": "$ ", "TERM": "dumb"})
            finally:
                os._exit(99)
        try:
            yield Terminal(pid, master)
        finally:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            os.close(master)


class Terminal:
    """The side of a terminal where a person sits."""

    def __init__(self, pid: int, master: int) -> None:
        self.pid, self.master, self.shown = pid, master, b""

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def expect(self, text: bytes) -> bytes:
        """Wait until this is shown; all up to its end, which is taken off."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown, but {self.shown[-2000:]!r}"
            if select.select([self.master], [], [], 0.2)[0]:
                self.shown += self._read()
        before, _, self.shown = self.shown.partition(text)
        return before + text

    def end(self) -> int:
        """Wait for the session's leader; its wait status as an exit code."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.02)[0]:
                self.shown += self._read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.shown += b"".join(iter(self._read, b"")) if select.select([self.master], [], [], 0)[0] else b""
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"still running; shown: {self.shown[-2000:]!r}")

    def _read(self) -> bytes:
        try:
            return os.read(self.master, 1 << 16)
        except OSError:
            return b""


def wait_until(claim: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not claim():
        assert time.monotonic() < deadline, f"not within {PATIENCE_SECONDS} s"
        time.sleep(0.02)


def state_of(pid: int) -> str:
    """R, S, T (stopped), Z; empty if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    return state_of(pid) not in ("", "Z", "X")
