"""nginx, where there is one: a configuration as a test needs it, checked, and run until a block ends."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NGINX = shutil.which("nginx") or shutil.which("nginx", path=str(Path(sys.prefix) / "nginx" / "usr" / "sbin"))
"""In the system, or where .ci/nginx unpacked it."""
SEVERAL = Path(__file__).resolve().parent.parent / "docs" / "deploy" / "nginx-servers.conf"
MISSING = "no nginx here: `make test` unpacks one where Debian's packages can be had"


def before_servers(port: int, servers: list[int]) -> str:
    """``docs/deploy/nginx-servers.conf`` with other ports."""
    text = SEVERAL.read_text("utf-8").replace("listen 80;", f"listen 127.0.0.1:{port};")
    for number, server in enumerate(servers, 1):
        text = text.replace(f"10.0.0.1{number}:5006", f"127.0.0.1:{server}")
    return text


def configured(folder: Path, http: str) -> list[str]:
    """The command that runs nginx with this in its ``http`` block, as anybody, with everything in a folder."""
    paths = "".join(f"{kind}_temp_path {folder}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    file = folder / "nginx.conf"
    # Its workers would be nobody, who may not write into a folder of root's.
    user = "user root; " if os.getuid() == 0 else ""
    head = f"{user}daemon off; pid {folder}/pid; error_log stderr; events {{}}"
    file.write_text(f"{head} http {{ access_log off; {paths}\n{http} }}")
    assert NGINX is not None
    return [NGINX, "-c", str(file), "-p", str(folder), "-e", "stderr"]


def complaints(folder: Path, http: str) -> str:
    """What ``nginx -t`` has against it."""
    checked = subprocess.run([*configured(folder, http), "-t"], capture_output=True, text=True, check=False, timeout=20)
    # It also says that all is well, and what it reads.
    return "" if checked.returncode == 0 and not re.search(r"\[(warn|emerg)\]", checked.stderr) else checked.stderr


@contextmanager
def nginx(folder: Path, http: str) -> Iterator[None]:
    """One that runs until the block ends; what it complains of is in ``nginx.log``."""
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(configured(folder, http), stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
