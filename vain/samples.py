"""What one look at the machine saw, as ``GET /performance`` answers it.

Unknown is ``None``, never 0. Units stand in the names; every ``percent`` is 0 to 100 of the whole machine unless the
comment says otherwise; rates are per second over the real time between two samples.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from vain.types import TaskCounts, Time


class Cpu(Struct, frozen=True):
    percent: float | None = None
    user_percent: float | None = None
    system_percent: float | None = None
    iowait_percent: float | None = None
    steal_percent: float | None = None
    core_percent: list[float | None] = []
    """One for each logical core, 0 to 100 of that core."""
    cores_logical: int | None = None
    cores_physical: int | None = None
    load_1m: float | None = None
    load_5m: float | None = None
    load_15m: float | None = None
    limit_cores: float | None = None
    """How many cores this container may use; None: no limit was found."""
    limit_percent: float | None = None
    """The container's own use, in percent of that limit."""


class Memory(Struct, frozen=True):
    total_bytes: int | None = None
    available_bytes: int | None = None
    used_bytes: int | None = None
    """total - available: what cannot be had without pushing something out."""
    percent: float | None = None
    swap_total_bytes: int | None = None
    swap_used_bytes: int | None = None
    swap_percent: float | None = None
    limit_bytes: int | None = None
    """The container's memory limit; None: no limit was found."""
    limit_used_bytes: int | None = None
    limit_percent: float | None = None


class Disk(Struct, frozen=True):
    mount: str
    device: str
    filesystem: str
    total_bytes: int | None = None
    used_bytes: int | None = None
    free_bytes: int | None = None
    percent: float | None = None
    reachable: bool = True
    """False: the file system did not answer in time (a dead network mount, say)."""


class DiskDevice(Struct, frozen=True):
    device: str
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None


class DiskIo(Struct, frozen=True):
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None
    reads_per_second: float | None = None
    writes_per_second: float | None = None
    devices: list[DiskDevice] = []


class NetworkInterface(Struct, frozen=True):
    interface: str
    received_bytes_per_second: float | None = None
    sent_bytes_per_second: float | None = None


class Network(Struct, frozen=True):
    """The sums leave out loopback and what stands on other interfaces (bridges, tunnels): no byte counts twice."""

    received_bytes_per_second: float | None = None
    sent_bytes_per_second: float | None = None
    errors_per_second: float | None = None
    interfaces: list[NetworkInterface] = []


class Pressure(Struct, frozen=True):
    """Share of the last 10 s in which some (or all) work waited for a resource (Linux pressure stall information)."""

    cpu_some_percent: float | None = None
    memory_some_percent: float | None = None
    memory_full_percent: float | None = None
    io_some_percent: float | None = None
    io_full_percent: float | None = None


class Gpu(Struct, frozen=True):
    index: int
    name: str
    percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None


class Sensor(Struct, frozen=True):
    name: str
    temperature_celsius: float | None = None


class Own(Struct, frozen=True):
    """What vAIn itself uses. ``cpu_percent`` is of one core, so it can exceed 100."""

    cpu_percent: float | None = None
    memory_bytes: int | None = None
    threads: int | None = None
    sampling_seconds: float | None = None
    """How long the reading of the last sample took."""
    late_ticks: int = 0
    """Ticks that were skipped because the one before had not ended."""


class Sample(Struct, frozen=True, rename={"own": "self"}):
    """All of it. The first six are the user's contract."""

    cpu_usage: float | None
    memory_usage: float | None
    disk_usage: float | None
    """Of the fullest file system that holds ``/`` or the data folder."""
    uptime: float | None
    """Seconds since the machine started."""
    timestamp: Time
    host: str
    period_seconds: float | None = None
    """The real time since the sample before; None on the first."""
    cpu: Cpu = field(default_factory=Cpu)
    memory: Memory = field(default_factory=Memory)
    disks: list[Disk] = []
    disk_io: DiskIo = field(default_factory=DiskIo)
    network: Network = field(default_factory=Network)
    pressure: Pressure = field(default_factory=Pressure)
    gpus: list[Gpu] = []
    sensors: list[Sensor] = []
    tasks: TaskCounts = field(default_factory=TaskCounts)
    own: Own = field(default_factory=Own)


def series(sample: Sample) -> Iterator[tuple[str, float | None]]:
    """The sample as ``(series, value)`` pairs, the form in which the history keeps it.

    A series is named by its metric in ``vain.catalog`` and, where there are several of a kind, its instance after a
    colon: ``cpu.percent``, ``cpu.core.percent:3``, ``disk.percent:/home``.
    """
    cpu, memory, io, network = sample.cpu, sample.memory, sample.disk_io, sample.network
    pressure, own = sample.pressure, sample.own
    yield "cpu.percent", cpu.percent
    yield "cpu.user_percent", cpu.user_percent
    yield "cpu.system_percent", cpu.system_percent
    yield "cpu.iowait_percent", cpu.iowait_percent
    for number, percent in enumerate(cpu.core_percent):
        yield f"cpu.core.percent:{number}", percent
    yield "load.1m", cpu.load_1m
    yield "memory.percent", memory.percent
    yield "memory.used_bytes", memory.used_bytes
    yield "memory.available_bytes", memory.available_bytes
    yield "swap.percent", memory.swap_percent
    yield "swap.used_bytes", memory.swap_used_bytes
    for disk in sample.disks:
        yield f"disk.percent:{disk.mount}", disk.percent
    yield "disk.read_bytes_per_second", io.read_bytes_per_second
    yield "disk.written_bytes_per_second", io.written_bytes_per_second
    yield "network.received_bytes_per_second", network.received_bytes_per_second
    yield "network.sent_bytes_per_second", network.sent_bytes_per_second
    yield "pressure.cpu_percent", pressure.cpu_some_percent
    yield "pressure.memory_percent", pressure.memory_some_percent
    yield "pressure.io_percent", pressure.io_some_percent
    yield "tasks.in_progress", sample.tasks.in_progress
    yield "vain.cpu_percent", own.cpu_percent
    yield "vain.memory_bytes", own.memory_bytes
