"""A file system so small that it can be filled, and what fills it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_FILL = """
import os, sys
filler = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT, 0o600)
try:
    while True:
        os.write(filler, b"x" * 65536)
except OSError:
    pass
"""


@contextmanager
def mounted(folder: Path, size: str = "4m") -> Iterator[Path]:
    """A file system in this new folder until the block ends; the test is skipped where mounting is not allowed."""
    folder.mkdir()
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


def filled_up(disk: Path) -> Path:
    """Take whatever is free; the file to delete. Blocks."""
    filler = disk / "filler"
    subprocess.run([sys.executable, "-c", _FILL, str(filler)], check=True, timeout=20)
    return filler
