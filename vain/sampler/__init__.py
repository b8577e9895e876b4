"""One look at the machine. The only place that reads the system and knows psutil."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from msgspec.structs import replace

from vain.clock import utc
from vain.identity import host
from vain.sampler.cgroup import CgroupReader, Limits
from vain.sampler.clocks import Clocks
from vain.sampler.cpu import CpuReader
from vain.sampler.disk_io import DiskIoReader
from vain.sampler.disks import DiskReader
from vain.sampler.gpu import GpuReader
from vain.sampler.linux import LinuxMachine
from vain.sampler.machine import Machine
from vain.sampler.memory import read_memory
from vain.sampler.missing import MissingFigures
from vain.sampler.network import NetworkReader
from vain.sampler.own import OwnReader
from vain.sampler.portable import PortableMachine
from vain.sampler.pressure import PressureReader
from vain.sampler.sensors import SensorReader
from vain.samples import Cpu, Disk, DiskIo, Gpu, Memory, Network, Own, Pressure, Sample, Sensor
from vain.types import TaskCounts

ASLEEP_SECONDS = 1.0
"""If the machine slept for longer than this between two looks, they are not compared."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class Sampler:
    """Reads samples. All rates are from its own last look, so there is one, and one thread reads it.

    ``data_dir`` is the folder whose file system counts for ``disk_usage`` beside ``/``. ``machine``, ``clocks`` and
    ``root`` (where Linux keeps /proc and /sys) are for tests.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        *,
        machine: Machine | None = None,
        clocks: Clocks | None = None,
        root: Path = Path("/"),
    ) -> None:
        self._clocks = clocks or Clocks()
        monotonic = self._clocks.monotonic
        self._machine: Machine = machine or (LinuxMachine(root) if sys.platform == "linux" else PortableMachine())
        self._cpu = CpuReader(self._machine)
        self._disks = DiskReader(self._machine, data_dir, monotonic)
        self._disk_io = DiskIoReader(self._machine)
        self._network = NetworkReader(self._machine)
        self._pressure = PressureReader(root)
        self._limits = CgroupReader(monotonic, root)
        self._own = OwnReader(self._machine, self._clocks.own_cpu)
        self._sensors = SensorReader(self._machine, monotonic)
        self.gpus = GpuReader(monotonic, root)
        """Also tells what each process has on them."""
        self._missing = MissingFigures(self._cpu, self._disk_io.rates, self._network.rates, self._limits)
        self._host = host()
        self._last_at: float | None = None
        self._asleep_seconds = 0.0
        self._failing: set[str] = set()

    def read(self, tasks: TaskCounts) -> Sample:
        """A sample of now. Never raises and never waits: what cannot be read is unknown in it.

        Rates are unknown in the first sample, and in the first after the machine slept; ``missing`` says so.
        """
        sample = self._read(tasks)
        causes = self._missing.causes(sample, self._failing)
        return replace(sample, missing=causes) if causes else sample

    def _read(self, tasks: TaskCounts) -> Sample:
        began = self._clocks.monotonic()
        since_boot, seconds = self._clocks.since_boot(), self._seconds_since_last(began)
        cpu = self._part("cpu", lambda: self._cpu.read(seconds is not None), Cpu())
        memory = self._part("memory", lambda: read_memory(self._machine), Memory())
        limits = self._part(
            "limits", lambda: self._limits.read(self._since("limits", seconds)), Limits(None, None, None, None, None)
        )
        nothing: tuple[list[Disk], float | None] = ([], None)
        disks, disk_percent = self._part("disks", self._disks.read, nothing)
        disk_io = self._part("disk_io", lambda: self._disk_io.read(self._since("disk_io", seconds)), DiskIo())
        network = self._part("network", lambda: self._network.read(self._since("network", seconds)), Network())
        no_sensors: list[Sensor] = []
        sensors = self._part("sensors", self._sensors.read, no_sensors)
        no_gpus: list[Gpu] = []
        gpus = self._part("gpus", self.gpus.read, no_gpus)
        own = self._part("own", lambda: self._own.read(seconds), Own())
        return Sample(
            cpu_usage=cpu.percent,
            memory_usage=memory.percent,
            disk_usage=disk_percent,
            uptime=round(since_boot, 1),
            timestamp=utc(self._clocks.wall()),
            host=self._host,
            period_seconds=None if seconds is None else round(seconds, 4),
            cpu=replace(cpu, limit_cores=limits.cores, limit_percent=limits.cpu_percent) if limits.cores else cpu,
            memory=_with_limit(memory, limits),
            disks=disks,
            disk_io=disk_io,
            network=network,
            pressure=self._part("pressure", self._pressure.read, Pressure()),
            gpus=gpus,
            sensors=sensors,
            tasks=tasks,
            own=replace(own, sampling_seconds=round(self._clocks.monotonic() - began, 6)),
        )

    def close(self) -> None:
        """Close what is kept open. A thread that hangs on a dead mount is left behind; it is a daemon."""
        for part in (self._machine, self._disks, self._pressure, self._limits, self.gpus):
            part.close()

    def _seconds_since_last(self, now: float) -> float | None:
        """The time awake since the last look; None if there was none, or the machine slept since."""
        asleep = self._clocks.since_boot() - now
        slept, self._asleep_seconds = asleep - self._asleep_seconds, asleep
        last, self._last_at = self._last_at, now
        return None if last is None or now <= last or slept > ASLEEP_SECONDS else now - last

    def _since(self, part: str, seconds: float | None) -> float | None:
        """A part that failed at the last look has counters of an earlier one: its rates would come out too high."""
        return None if part in self._failing else seconds

    def _part(self, name: str, read: Callable[[], T], unknown: T) -> T:
        """One part that fails (a file in an unknown form, a call that this system forbids) must not take the others."""
        try:
            part = read()
        except Exception:
            if name not in self._failing:  # Once, not once a second.
                self._failing.add(name)
                logger.exception("cannot read a part of the machine: %s", name)
            return unknown
        self._failing.discard(name)
        return part


def _with_limit(memory: Memory, limits: Limits) -> Memory:
    if limits.memory_bytes is None:
        return memory
    return replace(
        memory,
        limit_bytes=limits.memory_bytes,
        limit_used_bytes=limits.memory_used_bytes,
        limit_percent=limits.memory_percent,
    )
