"""Dashboards of others, with their defaults.

    python -m benchmarks.peers.dashboards PORT FOLDER glances|netdata COMMAND

Becomes the command, so that its process is the one that was started.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path


def arguments(name: str, command: str, port: str, folder: str) -> list[str]:
    """How ``command`` serves its page on ``port`` of this machine alone, with its files in ``folder``."""
    if name == "glances":
        return [command, "--webserver", "--bind", "127.0.0.1", "--port", port, "--disable-check-update"]
    path = Path(folder) / "netdata.conf"
    path.write_text(_netdata(Path(command), folder), encoding="utf-8")
    return [command, "-D", "-c", str(path), "-p", port, "-i", "127.0.0.1"]


def _netdata(command: Path, folder: str) -> str:
    """Its settings: where its package was unpacked, which need not be the root, and that it tells nobody of itself."""
    root = command.resolve().parents[2]
    directories = {
        "cache": folder,
        "lib": folder,
        "config": folder,
        "home": folder,
        "log": folder,
        "web files": root / "usr/share/netdata/web",
        "plugins": root / "usr/lib/netdata/plugins.d",
        "stock config": root / "usr/lib/netdata/conf.d",
    }
    lines = [f"{name} directory = {directory}" for name, directory in directories.items()]
    user = f"run as user = {getpass.getuser()}"
    settings = {"global": [*lines, user], "directories": [line.replace(" directory", "") for line in lines]}
    texts = [f"[{section}]\n" + "\n".join(found) for section, found in settings.items()]
    return "\n".join([*texts, "[registry]\nenabled = no\n"])


if __name__ == "__main__":
    port, folder, name, command = sys.argv[1:]
    os.execv(command, arguments(name, command, port, folder))
