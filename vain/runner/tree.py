"""The processes below this one, orphans among them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections import defaultdict

PR_SET_CHILD_SUBREAPER = 36
PARENT_FIELD = 1
"""Of ``/proc/PID/stat``, counted from what follows the name."""


def adopt_orphans() -> None:
    """From now on a process whose parent ends becomes our child instead of init's: it stays in the task's tree."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Every process below ``root``, parents before children; none where there is no ``/proc``."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc"):
            if name.isdecimal() and (parent := _parent(name)) is not None:
                children[parent].append(int(name))
    found = list(children[root])
    for pid in found:
        found += children[pid]
    return found


def _parent(pid: str) -> int | None:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stream:
            return int(stream.read().rpartition(b")")[2].split()[PARENT_FIELD])
    except (OSError, ValueError, IndexError):
        return None
