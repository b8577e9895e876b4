"""What a command and all that it waited for took, as the kernel tells its parent at the end."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from resource import struct_rusage

MAXRSS_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024
PEAK_ERROR = 0.125


@dataclass
class Usage:
    """Grows with each process that is waited for."""

    cpu_seconds: float = 0.0
    rss_peak_bytes: int = 0
    read_bytes: int | None = None
    written_bytes: int | None = None

    def add(self, rusage: struct_rusage, io: tuple[int, int] | None) -> None:
        """One more process, and all that it had waited for itself."""
        peak_bytes = rusage.ru_maxrss * MAXRSS_UNIT_BYTES
        self.join(Usage(rusage.ru_utime + rusage.ru_stime, peak_bytes, *(io or (None, None))))

    def join(self, other: Usage) -> None:
        """All that the other has counted, too."""
        self.cpu_seconds += other.cpu_seconds
        self.rss_peak_bytes = max(self.rss_peak_bytes, other.rss_peak_bytes)
        self.read_bytes = _sum(self.read_bytes, other.read_bytes)
        self.written_bytes = _sum(self.written_bytes, other.written_bytes)

    def said(self, start: Usage) -> dict[str, float | int | None]:
        """For the report. ``start``: what the process had taken before it became the command.

        The kernel carries the peak of the memory over into the new program. Up to that (and to the kernel's own error,
        as it counts pages on each processor for itself) the program's own is unknown.
        """
        is_own_peak = self.rss_peak_bytes > start.rss_peak_bytes * (1 + PEAK_ERROR)
        return {
            "cpu_seconds": round(max(0.0, self.cpu_seconds - start.cpu_seconds), 6),
            "rss_peak_bytes": self.rss_peak_bytes if is_own_peak else None,
            "read_bytes": self.read_bytes,
            "written_bytes": self.written_bytes,
        }


def _sum(one: int | None, other: int | None) -> int | None:
    return one if other is None else other if one is None else one + other


def reap(pid: int, usage: Usage) -> int:
    """Wait for a process that has ended and add what it took; its wait status."""
    io = _io(pid)  # gone with the process as soon as it is waited for
    _, status, rusage = os.wait4(pid, 0)
    usage.add(rusage, io)
    return status


def _io(pid: int) -> tuple[int, int] | None:
    try:
        with open(f"/proc/{pid}/io", "rb") as stream:
            text = stream.read()
    except OSError:
        return None
    found = [re.search(rb"^%b: (\d+)$" % name, text, re.MULTILINE) for name in (b"read_bytes", b"write_bytes")]
    return (int(found[0][1]), int(found[1][1])) if found[0] and found[1] else None
