"""What vAIn itself uses."""

from __future__ import annotations

from vain.clock import Clock
from vain.sampler.machine import Machine
from vain.samples import Own


class OwnReader:
    """Keeps the CPU seconds at the last look."""

    def __init__(self, machine: Machine, own_cpu: Clock) -> None:
        self._machine = machine
        self._own_cpu = own_cpu
        self._before = own_cpu()

    def read(self, seconds: float | None) -> Own:
        """``seconds`` since the last look; None if it must not be compared with."""
        before, self._before = self._before, self._own_cpu()
        process = self._machine.process()
        return Own(
            cpu_percent=round(100 * (self._before - before) / seconds, 1) if seconds else None,
            memory_bytes=process.memory_bytes,
            threads=process.threads,
        )
