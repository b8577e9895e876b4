"""A PostgreSQL of the tests' own, made and started in a folder by whoever runs them, never as root."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
UNPACKED = ROOT / ".venv" / "postgres"
"""Where ``.ci/postgres`` puts it."""
START_SECONDS = 30.0


def programs() -> Path | None:
    """The folder with ``initdb`` and ``postgres``; None: there is none here."""
    found = shutil.which("initdb")
    known = [Path(found).resolve().parent] if found else []
    for place in (Path("/"), UNPACKED):
        known += sorted(place.glob("usr/lib/postgresql/*/bin"), reverse=True)
    return next((folder for folder in known if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


class PostgresServer:
    """A cluster in a folder of its own, which is started and killed; ``remove`` ends and forgets it.

    ``of``: it is a standby of this one, which runs, and follows it until it is promoted.
    """

    def __init__(self, fsync: bool = False, of: PostgresServer | None = None) -> None:
        folder = programs()
        assert folder is not None
        self._bin, self._fsync = folder, fsync
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="vain-postgres-"))
        if os.getuid() == 0:
            shutil.chown(self._folder, "nobody", "nogroup")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        data = str(self._folder / "data")
        command = [str(self._bin / "initdb"), "-D", data, "-A", "trust", "-U", "vain", "-E", "UTF8", "--locale=C", "-N"]
        if of is not None:
            command = [str(self._bin / "pg_basebackup"), "-D", data, "-R", "-X", "stream", "-c", "fast", "-U", "vain"]
            command += ["-h", "127.0.0.1", "-p", str(of.port)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(), **_owner())
        assert done.returncode == 0, done.stderr

    @property
    def url(self) -> str:
        """Of its database."""
        return f"postgresql://vain@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = {"fsync": "on" if self._fsync else "off", "listen_addresses": "127.0.0.1", "max_connections": "300"}
        options |= {"jit": "off", "unix_socket_directories": str(self._folder)}
        command = [str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port)]
        command += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        log = self._folder / "log"
        with log.open("ab") as written:
            self._process = subprocess.Popen(command, stdout=written, stderr=written, env=_environment(), **_owner())
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        until = time.monotonic() + START_SECONDS
        while subprocess.run(ready, env=_environment(), check=False).returncode:
            assert time.monotonic() < until and self._process.poll() is None, log.read_text()
            time.sleep(0.05)

    def promote(self) -> None:
        """A standby becomes one that is written to."""
        command = [str(self._bin / "pg_ctl"), "promote", "-w", "-D", str(self._folder / "data")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment(), **_owner())
        assert done.returncode == 0, done.stderr

    def stop(self, kill: bool = False) -> None:
        """Ends it; ``kill``: all of its processes at once, without a word."""
        if self._process is None:
            return
        if kill:
            for process in _family(self._process.pid):
                os.kill(process, 9)
        else:
            self._process.send_signal(2)
        self._process.wait(30)
        self._process = None

    def remove(self) -> None:
        """The end of it."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


def _family(pid: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [pid, *map(int, listed.stdout.split())]


def _environment() -> dict[str, str]:
    libraries = [str(folder) for folder in UNPACKED.glob("usr/lib/*-linux-gnu")]
    known = {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}
    return known | {"LD_LIBRARY_PATH": ":".join(libraries)} if libraries else known


def _owner() -> dict[str, Any]:
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}


@contextmanager
def postgres_server(fsync: bool = False) -> Iterator[PostgresServer]:
    """One that runs until the block ends."""
    server = PostgresServer(fsync)
    try:
        server.start()
        yield server
    finally:
        server.remove()
