"""What a machine must be able to tell: raw counters and levels, as its system counts them. No rates, no judgement.

``linux.py`` reads them from the kernel's own files, ``portable.py`` through psutil on every other system; what neither
system nor container tells is ``None`` or absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import NamedTuple, Protocol

from vain.samples import Sensor

Counters = tuple[int, ...]
"""Counters of one device; they only rise, unless the device was taken away and came back."""


class CpuTimes(NamedTuple):
    """Ticks since the start, of one core or of all. The parts do not overlap, so they add up to the whole."""

    user: float
    """With nice; guests are in it already."""
    system: float
    """With interrupts."""
    idle: float
    iowait: float | None
    steal: float | None


class CpuCounters(NamedTuple):
    total: CpuTimes
    cores: Mapping[int, CpuTimes]
    """By number; a core that is offline is not in it."""


class MemoryLevels(NamedTuple):
    """All in bytes."""

    total: int | None
    available: int | None
    swap_total: int | None
    swap_free: int | None


class Devices(NamedTuple):
    """Counters by device, and the devices that make up the sum.

    Devices that stand on others (a RAID, a bridge, a tunnel) are left out of the sum: their bytes were counted below.
    """

    counters: Mapping[str, Counters]
    summed: Set[str]


class Mount(NamedTuple):
    """A file system and where it hangs. The same ``identity`` twice is the same space twice."""

    point: str
    device: str
    filesystem: str
    identity: str
    is_remote: bool


class Usage(NamedTuple):
    """Bytes of a file system; ``free`` is what a user may still write: ``total - used`` less root's reserve."""

    total: int
    used: int
    free: int


class Process(NamedTuple):
    """This process: resident bytes, and threads of the system (not only Python's)."""

    memory_bytes: int | None
    threads: int | None


class Machine(Protocol):
    """Read from one thread only. No method blocks, except ``usage`` on a dead network mount; none raises but it."""

    ticks_per_second: float

    def cpu(self) -> CpuCounters | None: ...

    def physical_cores(self) -> int | None: ...

    def load(self) -> tuple[float, float, float] | None:
        """Runnable and waiting processes: means of the last 1, 5 and 15 minutes."""

    def memory(self) -> MemoryLevels: ...

    def disk_devices(self) -> Devices:
        """Whole disks that were ever used; counters: bytes read, bytes written, reads, writes."""

    def interfaces(self) -> Devices:
        """Counters: bytes received, bytes sent, errors of both ways. Loopback is not in it."""

    def process(self) -> Process: ...

    def mounts(self) -> Sequence[Mount]:
        """Everything mounted, pseudo file systems too; what was mounted later stands later."""

    def mounts_changed(self) -> bool:
        """Whether something was mounted or unmounted since ``mounts`` was called; False if that cannot be known."""

    def usage(self, path: str) -> Usage:
        """Raises OSError. Called from other threads too."""

    def temperatures(self) -> list[Sensor]: ...

    def close(self) -> None: ...
