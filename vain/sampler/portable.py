"""Every other system, through psutil.

Fields are read by name, never by place: their order differs between systems and changes with psutil 8.
"""

from __future__ import annotations

import re
from collections import Counter
from types import ModuleType

import psutil

from vain.sampler.machine import Counters, CpuCounters, CpuTimes, Devices, MemoryLevels, Mount, Process, Usage
from vain.sampler.mounts import is_remote
from vain.samples import Sensor

LOOPBACK = re.compile(r"lo\d*$|loopback", re.IGNORECASE)


class PortableMachine:
    """``source`` is psutil (tests have one of their own)."""

    ticks_per_second = 1.0

    def __init__(self, source: ModuleType = psutil) -> None:
        self._source = source
        self._process = source.Process()

    def cpu(self) -> CpuCounters | None:
        cores = self._source.cpu_times(percpu=True)
        return CpuCounters(_cpu_times(self._source.cpu_times()), {n: _cpu_times(core) for n, core in enumerate(cores)})

    def physical_cores(self) -> int | None:
        cores: int | None = self._source.cpu_count(logical=False)
        return cores

    def load(self) -> tuple[float, float, float] | None:
        """On Windows psutil computes it in a thread, and says 0 until that has run for 5 s: not known yet."""
        one, five, fifteen = self._source.getloadavg()
        return None if self._source.WINDOWS and not (one or five or fifteen) else (one, five, fifteen)

    def memory(self) -> MemoryLevels:
        memory, swap = self._source.virtual_memory(), self._source.swap_memory()
        return MemoryLevels(memory.total, memory.available, swap.total, swap.free)

    def disk_devices(self) -> Devices:
        # nowrap=False: psutil would add the old value to a counter that fell back, and show a reset as a huge rate.
        found = self._source.disk_io_counters(perdisk=True, nowrap=False) or {}
        counters = {name: _disk_counters(disk) for name, disk in found.items() if disk.read_count or disk.write_count}
        return Devices(counters, counters.keys())

    def interfaces(self) -> Devices:
        found = self._source.net_io_counters(pernic=True, nowrap=False) or {}
        counters: dict[str, Counters] = {
            name: (nic.bytes_recv, nic.bytes_sent, nic.errin + nic.errout)
            for name, nic in found.items()
            if (nic.bytes_recv or nic.bytes_sent) and not LOOPBACK.match(name)
        }
        return Devices(counters, counters.keys())

    def process(self) -> Process:
        return Process(self._process.memory_info().rss, self._process.num_threads())

    def mounts(self) -> list[Mount]:
        return [
            Mount(part.mountpoint, part.device, part.fstype, part.device, _is_remote(part.fstype, part.opts))
            for part in self._source.disk_partitions(all=True)
            if "cdrom" not in part.opts.split(",")
        ]

    def mounts_changed(self) -> bool:
        return False

    def usage(self, path: str) -> Usage:
        found = self._source.disk_usage(path)
        return Usage(found.total, found.used, found.free)

    def temperatures(self) -> list[Sensor]:
        return temperatures(self._source)

    def close(self) -> None:
        """Nothing is kept open."""


def temperatures(source: ModuleType) -> list[Sensor]:
    """What the sensors say. psutil has no such function on Windows and macOS; most virtual machines have no sensors."""
    read = getattr(source, "sensors_temperatures", None)
    if read is None:
        return []
    seen: Counter[str] = Counter()
    found = []
    for chip, sensors in read().items():
        for sensor in sensors:
            name = f"{chip} {sensor.label}".strip()
            seen[name] += 1  # Two disks of one kind have the same names: the history could not tell them apart.
            found.append(Sensor(name if seen[name] == 1 else f"{name} {seen[name]}", sensor.current))
    return found


def _is_remote(filesystem: str, options: str) -> bool:
    return is_remote(filesystem) or "remote" in options.split(",")


def _cpu_times(times: object) -> CpuTimes:
    def part(name: str) -> float | None:
        value: float | None = getattr(times, name, None)
        return value

    def known(*names: str) -> float:
        return sum(part(name) or 0.0 for name in names)

    user, system = known("user", "nice"), known("system", "irq", "softirq")
    return CpuTimes(user, system, known("idle"), part("iowait"), part("steal"))


def _disk_counters(disk: psutil._ntuples.sdiskio) -> Counters:
    return disk.read_bytes, disk.write_bytes, disk.read_count, disk.write_count
