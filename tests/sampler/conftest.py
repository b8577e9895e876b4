"""A machine, clocks and a /proc that a test can turn as it likes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vain.sampler.clocks import Clocks
from vain.sampler.machine import CpuCounters, CpuTimes, Devices, MemoryLevels, Mount, Process, Usage
from vain.samples import Sensor


@dataclass
class Dial:
    """A clock that stands still until it is turned."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


def all_idle(idle: float = 100.0) -> CpuTimes:
    return CpuTimes(user=50.0, system=50.0, idle=idle, iowait=0.0, steal=0.0)


@dataclass
class TurnableMachine:
    """A ``Machine`` made of plain attributes."""

    ticks_per_second: float = 100.0
    cpu_now: CpuCounters | None = field(default_factory=lambda: CpuCounters(all_idle(), {0: all_idle(), 1: all_idle()}))
    memory_now: MemoryLevels = field(default_factory=lambda: MemoryLevels(1000, 250, 100, 90))
    disks_now: Devices = field(default_factory=lambda: Devices({}, frozenset()))
    interfaces_now: Devices = field(default_factory=lambda: Devices({}, frozenset()))
    mounts_now: list[Mount] = field(default_factory=lambda: [Mount("/", "/dev/sda1", "ext4", "8:1", False)])
    usage_of: Callable[[str], Usage] = lambda path: Usage(100, 40, 50)
    temperatures_of: Callable[[], list[Sensor]] = list
    changed: bool = False
    mounts_reads: int = 0

    def cpu(self) -> CpuCounters | None:
        return self.cpu_now

    def physical_cores(self) -> int | None:
        return 1

    def load(self) -> tuple[float, float, float] | None:
        return None

    def memory(self) -> MemoryLevels:
        return self.memory_now

    def disk_devices(self) -> Devices:
        return self.disks_now

    def interfaces(self) -> Devices:
        return self.interfaces_now

    def process(self) -> Process:
        return Process(4096, 3)

    def mounts(self) -> list[Mount]:
        self.mounts_reads += 1
        return self.mounts_now

    def mounts_changed(self) -> bool:
        return self.changed

    def usage(self, path: str) -> Usage:
        return self.usage_of(path)

    def temperatures(self) -> list[Sensor]:
        return self.temperatures_of()

    def close(self) -> None:
        pass


@dataclass
class TurnableClocks:
    wall: Dial = field(default_factory=lambda: Dial(1_800_000_000.0))
    monotonic: Dial = field(default_factory=Dial)
    since_boot: Dial = field(default_factory=lambda: Dial(5000.0))
    own_cpu: Dial = field(default_factory=lambda: Dial(1.0))

    def pass_(self, seconds: float) -> None:
        for clock in (self.wall, self.monotonic, self.since_boot):
            clock.seconds += seconds

    def as_clocks(self) -> Clocks:
        return Clocks(self.wall, self.monotonic, self.since_boot, self.own_cpu)


@pytest.fixture
def machine() -> TurnableMachine:
    return TurnableMachine()


@pytest.fixture
def clocks() -> TurnableClocks:
    return TurnableClocks()


@pytest.fixture
def dial() -> Dial:
    return Dial()


@pytest.fixture
def put(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a file under the folder that stands for ``/``; answers that folder."""

    def write(name: str, content: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return tmp_path

    return write
