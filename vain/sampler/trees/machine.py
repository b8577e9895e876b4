"""What the whole machine used between two looks, to say which share of it belongs to tasks."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from vain.sampler.procfile import ProcFile


class Totals(NamedTuple):
    """Counters since the boot; ``used_bytes`` is of now."""

    busy_ticks: float | None
    read_bytes: float | None
    written_bytes: float | None
    used_bytes: float | None


class MachineTotals:
    """``root`` is where /proc is looked for."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._stat = ProcFile(root / "proc/stat")
        self._vmstat = ProcFile(root / "proc/vmstat")
        self._meminfo = ProcFile(root / "proc/meminfo")

    def read(self) -> Totals:
        """Now."""
        vmstat, meminfo = self._vmstat.read() or b"", self._meminfo.read() or b""
        total, available = _field(meminfo, b"MemTotal:"), _field(meminfo, b"MemAvailable:")
        read, written = _field(vmstat, b"pgpgin"), _field(vmstat, b"pgpgout")
        return Totals(
            _busy(self._stat.read() or b""),
            None if read is None else read * 1024,
            None if written is None else written * 1024,
            None if total is None or available is None else (total - available) * 1024,
        )

    def booted_at(self) -> float | None:
        """Unix seconds, as the kernel has them now."""
        return _field(self._stat.read() or b"", b"btime")

    def close(self) -> None:
        """Let go of the files."""
        for file in (self._stat, self._vmstat, self._meminfo):
            file.close()


def _busy(stat: bytes) -> float | None:
    """User, nice, system, interrupts: guests are in user already, and stolen time was not this machine's."""
    if not stat.startswith(b"cpu "):
        return None
    fields = [float(field) for field in stat.partition(b"\n")[0].split()[1:8]]
    return fields[0] + fields[1] + fields[2] + fields[5] + fields[6] if len(fields) == 7 else None


def _field(content: bytes, name: bytes) -> float | None:
    for line in content.splitlines():
        if line.startswith(name + b" ") or (name.endswith(b":") and line.startswith(name)):
            return float(line[len(name) :].split(None, 1)[0])
    return None
