"""How much the disks read and write."""

from __future__ import annotations

from vain.sampler.machine import Machine
from vain.sampler.rates import DeviceRates
from vain.samples import DiskDevice, DiskIo


class DiskIoReader:
    """Keeps the last counters of each disk."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.rates = DeviceRates(4)

    def read(self, seconds: float | None) -> DiskIo:
        """``seconds`` since the last look; None if it must not be compared with."""
        rates, (read, written, reads, writes) = self.rates.update(self._machine.disk_devices(), seconds)
        return DiskIo(read, written, reads, writes, [DiskDevice(name, *each[:2]) for name, each in rates.items()])
