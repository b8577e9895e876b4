"""Pressure stall information: for how much of the last 10 s work had to wait for a resource. Linux since 4.20."""

from __future__ import annotations

from pathlib import Path

from vain.sampler.procfile import ProcFile
from vain.samples import Pressure


class PressureReader:
    """Keeps the three files open."""

    def __init__(self, root: Path = Path("/")) -> None:
        folder = root / "proc/pressure"
        self._cpu, self._memory, self._io = (ProcFile(folder / name) for name in ("cpu", "memory", "io"))

    def read(self) -> Pressure:
        """All None where the kernel has no such files, or keeps them shut (``psi=0``)."""
        cpu, memory, io = _averages(self._cpu), _averages(self._memory), _averages(self._io)
        # "full" means nothing for the whole machine's CPU: something always runs.
        return Pressure(cpu.get(b"some"), memory.get(b"some"), memory.get(b"full"), io.get(b"some"), io.get(b"full"))

    def close(self) -> None:
        for file in (self._cpu, self._memory, self._io):
            file.close()


def _averages(file: ProcFile) -> dict[bytes, float]:
    """``some avg10=1.56 avg60=...`` as the first of the three averages, in percent, by the first word of each line."""
    averages = {}
    for line in (file.read() or b"").splitlines():
        kind, average, _ = line.split(None, 2)
        averages[kind] = float(average.removeprefix(b"avg10="))
    return averages
