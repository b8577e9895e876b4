"""``vain serve`` as a process of its own, as a user starts it."""

from __future__ import annotations

import os
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.store.engines import store_option

ROOT = Path(__file__).resolve().parent.parent


class ServerProcess:
    """A running ``vain serve``; what it logs is in ``log``."""

    def __init__(
        self, folder: Path, port: int = 0, options: tuple[str, ...] = (), wrapper: tuple[str, ...] = ()
    ) -> None:
        self.log = folder.parent / f"{folder.name}.log"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
        command = [
            *wrapper,
            sys.executable,
            "-m",
            "vain",
            "serve",
            "--port",
            str(port),
            "--data",
            str(folder),
            "--no-browser",
            "--spool",
            str(folder.parent / "spool"),
            *(f"--{name}={value}" for name, value in store_option(folder).items()),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *options],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=bool(wrapper),
            )
        self.url = self._url()
        self.port = int(self.url.rpartition(":")[2]) if self.url.count(":") > 1 else 80

    def _url(self) -> str:
        assert self.process.stdout is not None
        line = _line(self.process.stdout, 20)
        found = re.search(r"http://\S+", line)
        if found is None:
            self.process.kill()
            self.end()
            raise AssertionError(f"vain serve said {line!r} and {self.log.read_text()[-2000:]}")
        return found[0]

    def end(self, seconds: float = 20) -> int:
        """Wait for the end; the exit code."""
        code = self.process.wait(seconds)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code


def _line(stream: IO[bytes], seconds: float) -> str:
    deadline, text = time.monotonic() + seconds, b""
    while time.monotonic() < deadline and not text.endswith(b"\n"):
        if select.select([stream], [], [], 0.5)[0]:
            part = os.read(stream.fileno(), 1)
            if not part:
                break
            text += part
    return text.decode()


@contextmanager
def server_process(
    folder: Path, port: int = 0, options: tuple[str, ...] = (), wrapper: tuple[str, ...] = ()
) -> Iterator[ServerProcess]:
    """A server that is asked to end when the block does."""
    server = ServerProcess(folder, port, options, wrapper)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
        try:
            server.end()
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.end()
            raise
