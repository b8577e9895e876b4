"""Jobs as a user writes and starts them: programs of their own, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent.parent


class Ended(NamedTuple):
    code: int
    output: str
    errors: str
    seconds: float


def start(program: str, url: str, spool: Path, **variables: str) -> subprocess.Popen[str]:
    """A job that reports to ``url``, every warning of Python's an error that it shows."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("VAIN_")}
    environment = own | {"VAIN_URL": url, "VAIN_SPOOL": str(spool), "PYTHONPATH": str(ROOT)} | variables
    # From a file, as a job comes: multiprocessing's spawn imports it again.
    script = spool.parent / f"job-{os.urandom(4).hex()}.py"
    script.write_text(textwrap.dedent(program))
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", script],
        env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen[str], seconds: float = 30) -> Ended:
    began_at = time.monotonic()
    try:
        output, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, output, errors, time.monotonic() - began_at)


def run(program: str, url: str, spool: Path, **variables: str) -> Ended:
    """Start a job and wait for its end."""
    return finish(start(program, url, spool, **variables))


@contextmanager
def another_reporter(url: str, spool: Path) -> Iterator[None]:
    """A job with one task, ``later``, that goes on until the block ends, and sends meanwhile what others left."""
    process = start("import time, vain\nwith vain.task('later'): time.sleep(60)", url, spool)
    try:
        yield
    finally:
        process.terminate()
        finish(process)
