"""The MQTT broker mosquitto, open to this machine alone, with nothing kept: a peer of ``benchmarks/fanout.py``.

    python -m benchmarks.peers.mosquitto PORT FOLDER COMMAND

Becomes the command, so that its process is the one that was started.
"""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path


def configuration(port: str) -> str:
    """Its settings: the account is the one that runs it, and small messages are not held back, as in the others."""
    settings = {
        "listener": f"{port} 127.0.0.1",
        "allow_anonymous": "true",
        "persistence": "false",
        "log_type": "error",
        "set_tcp_nodelay": "true",
        "user": getpass.getuser(),
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


if __name__ == "__main__":
    port, folder, command = sys.argv[1:]
    path = Path(folder) / "mosquitto.conf"
    path.write_text(configuration(port), encoding="utf-8")
    os.execv(command, [command, "-c", str(path)])
