"""What one look at the machine saw, as ``GET /performance`` answers it.

Unknown is ``None``, never 0. Units stand in the names; every ``percent`` is 0 to 100 of the whole machine unless the
comment says otherwise; rates are per second over the real time between two samples.
"""

from __future__ import annotations

from msgspec import Struct, field

from vain.quality import Cause
from vain.types import TaskCounts, Time

Labels = dict[str, str]


class Cpu(Struct, frozen=True):
    """The processors; percentages are of all of them."""

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
    """Main memory and swap."""

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
    """A file system: its size and how full it is."""

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
    """The traffic of one disk."""

    device: str
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None


class DiskIo(Struct, frozen=True):
    """The traffic of all disks, and of each."""

    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None
    reads_per_second: float | None = None
    writes_per_second: float | None = None
    devices: list[DiskDevice] = []


class NetworkInterface(Struct, frozen=True):
    """The traffic of one interface."""

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
    """One GPU."""

    index: int
    name: str
    percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_celsius: float | None = None
    power_watts: float | None = None


class Sensor(Struct, frozen=True):
    """One temperature."""

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
    dropped_samples: int = 0
    """Samples that could not be written to the history (a full disk, say)."""


class TaskUse(Struct, frozen=True):
    """What one running task uses now, and has used."""

    task_id: int
    cpu_seconds: float | None = None
    cpu_percent: float | None = None
    """Of one core."""
    rss_bytes: int | None = None
    rss_peak_bytes: int | None = None
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None
    gpu_memory_bytes: int | None = None


class Attribution(Struct, frozen=True):
    """Which share (0 to 1) of what the machine used belongs to tasks; the rest belongs to none.

    Each process counts once, in the innermost task that it is of.
    """

    cpu_share: float | None = None
    memory_share: float | None = None
    read_share: float | None = None
    written_share: float | None = None
    hidden_processes: int | None = None
    """Processes whose environment could not be read, so that it is not known whether they belong to a task."""
    tasks: list[TaskUse] = []


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
    attribution: Attribution | None = None
    """None while no task is watched."""
    missing: dict[str, Cause] = {}
    """Why a figure is unknown: by series as the history names them. What this machine never tells is not in it."""


def series(sample: Sample) -> list[tuple[str, float | None]]:
    """The sample as ``(series, value)`` pairs, the form in which the history keeps it.

    A series is named by its metric in ``vain.catalog`` and, where there are several of a kind, its instance after a
    colon: ``cpu.percent``, ``cpu.core.percent:3``, ``disk.percent:/home``. What is not there (a limit of a machine
    without limits) has no series; what is there and unknown has one, with None.
    """
    own = sample.own
    return [
        *_of_cpu(sample.cpu),
        *_of_memory(sample.memory),
        *[pair for disk in sample.disks for pair in _of_disk(disk)],
        *_of_disk_io(sample.disk_io),
        *_of_network(sample.network),
        *_of_pressure(sample.pressure),
        *[pair for gpu in sample.gpus for pair in _of_gpu(gpu)],
        *[(f"sensor.temperature_celsius:{sensor.name}", sensor.temperature_celsius) for sensor in sample.sensors],
        ("tasks.pending", sample.tasks.pending),
        ("tasks.in_progress", sample.tasks.in_progress),
        ("vain.cpu_percent", own.cpu_percent),
        ("vain.memory_bytes", own.memory_bytes),
    ]


def labels(sample: Sample) -> dict[str, Labels]:
    """What is known of the instance behind each series that has one: ``{"disk.percent:/home": {"mount": "/home", …}}``.

    The label that names the instance is called as the catalogue calls it (``mount``, ``core``). It walks the whole
    sample: call it when a series is new, not once a second.
    """
    cores = {f"cpu.core.percent:{number}": {"core": str(number)} for number in range(len(sample.cpu.core_percent))}
    disks = {name: _disk_labels(disk) for disk in sample.disks for name, _ in _of_disk(disk)}
    devices = {name: {"device": each.device} for each in sample.disk_io.devices for name, _ in _of_device(each)}
    interfaces = {
        name: {"interface": each.interface} for each in sample.network.interfaces for name, _ in _of_interface(each)
    }
    gpus = {name: {"gpu": str(gpu.index), "name": gpu.name} for gpu in sample.gpus for name, _ in _of_gpu(gpu)}
    sensors = {f"sensor.temperature_celsius:{each.name}": {"sensor": each.name} for each in sample.sensors}
    return cores | disks | devices | interfaces | gpus | sensors


_Pairs = list[tuple[str, float | None]]


def _of_cpu(cpu: Cpu) -> _Pairs:
    pairs: _Pairs = [
        ("cpu.percent", cpu.percent),
        ("cpu.user_percent", cpu.user_percent),
        ("cpu.system_percent", cpu.system_percent),
        ("cpu.iowait_percent", cpu.iowait_percent),
        ("cpu.steal_percent", cpu.steal_percent),
        *[(f"cpu.core.percent:{number}", percent) for number, percent in enumerate(cpu.core_percent)],
        ("load.1m", cpu.load_1m),
        ("load.5m", cpu.load_5m),
        ("load.15m", cpu.load_15m),
    ]
    return pairs if cpu.limit_cores is None else [*pairs, ("cpu.limit_percent", cpu.limit_percent)]


def _of_memory(memory: Memory) -> _Pairs:
    pairs: _Pairs = [
        ("memory.percent", memory.percent),
        ("memory.used_bytes", memory.used_bytes),
        ("memory.available_bytes", memory.available_bytes),
        ("swap.percent", memory.swap_percent),
        ("swap.used_bytes", memory.swap_used_bytes),
    ]
    return pairs if memory.limit_bytes is None else [*pairs, ("memory.limit_percent", memory.limit_percent)]


def _of_disk(disk: Disk) -> _Pairs:
    return [(f"disk.percent:{disk.mount}", disk.percent), (f"disk.used_bytes:{disk.mount}", disk.used_bytes)]


def _of_disk_io(io: DiskIo) -> _Pairs:
    return [
        ("disk.read_bytes_per_second", io.read_bytes_per_second),
        ("disk.written_bytes_per_second", io.written_bytes_per_second),
        ("disk.reads_per_second", io.reads_per_second),
        ("disk.writes_per_second", io.writes_per_second),
        *[pair for device in io.devices for pair in _of_device(device)],
    ]


def _of_device(device: DiskDevice) -> _Pairs:
    return [
        (f"disk.device.read_bytes_per_second:{device.device}", device.read_bytes_per_second),
        (f"disk.device.written_bytes_per_second:{device.device}", device.written_bytes_per_second),
    ]


def _of_network(network: Network) -> _Pairs:
    return [
        ("network.received_bytes_per_second", network.received_bytes_per_second),
        ("network.sent_bytes_per_second", network.sent_bytes_per_second),
        ("network.errors_per_second", network.errors_per_second),
        *[pair for interface in network.interfaces for pair in _of_interface(interface)],
    ]


def _of_interface(each: NetworkInterface) -> _Pairs:
    return [
        (f"network.interface.received_bytes_per_second:{each.interface}", each.received_bytes_per_second),
        (f"network.interface.sent_bytes_per_second:{each.interface}", each.sent_bytes_per_second),
    ]


def _of_gpu(gpu: Gpu) -> _Pairs:
    return [
        (f"gpu.percent:{gpu.index}", gpu.percent),
        (f"gpu.memory_used_bytes:{gpu.index}", gpu.memory_used_bytes),
        (f"gpu.temperature_celsius:{gpu.index}", gpu.temperature_celsius),
    ]


def _of_pressure(pressure: Pressure) -> _Pairs:
    return [
        ("pressure.cpu_percent", pressure.cpu_some_percent),
        ("pressure.memory_percent", pressure.memory_some_percent),
        ("pressure.memory_full_percent", pressure.memory_full_percent),
        ("pressure.io_percent", pressure.io_some_percent),
        ("pressure.io_full_percent", pressure.io_full_percent),
    ]


def _disk_labels(disk: Disk) -> Labels:
    return {"mount": disk.mount, "device": disk.device, "filesystem": disk.filesystem}
