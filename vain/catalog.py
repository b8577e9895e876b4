"""One row for each metric: its unit, its kind, and the words that axes, documents and alerts use for it."""

from __future__ import annotations

from msgspec import Struct


class Metric(Struct, frozen=True):
    """``unit`` is ``percent``, ``bytes``, ``bytes_per_second`` or ``count``; ``instance`` names what may be several."""

    name: str
    unit: str
    label: str
    help: str
    instance: str | None = None


METRICS: tuple[Metric, ...] = (
    Metric("cpu.percent", "percent", "CPU", "Share of all cores that was busy"),
    Metric("cpu.user_percent", "percent", "User", "Share of all cores spent in programs"),
    Metric("cpu.system_percent", "percent", "System", "Share of all cores spent in the kernel"),
    Metric("cpu.iowait_percent", "percent", "Waiting for disk", "Share of all cores idle while a disk was awaited"),
    Metric("cpu.core.percent", "percent", "Core", "Share of one core that was busy", "core"),
    Metric("load.1m", "count", "Load", "Runnable and waiting processes, mean of the last minute"),
    Metric("memory.percent", "percent", "Memory", "Share of memory that is not available"),
    Metric("memory.used_bytes", "bytes", "Memory used", "Total less available memory"),
    Metric("memory.available_bytes", "bytes", "Memory available", "What programs can get without swapping"),
    Metric("swap.percent", "percent", "Swap", "Share of swap that is used"),
    Metric("swap.used_bytes", "bytes", "Swap used", "Swap that is used"),
    Metric("disk.percent", "percent", "Disk", "Share of a file system that is used", "mount"),
    Metric("disk.read_bytes_per_second", "bytes_per_second", "Disk read", "Read from all disks"),
    Metric("disk.written_bytes_per_second", "bytes_per_second", "Disk written", "Written to all disks"),
    Metric(
        "network.received_bytes_per_second",
        "bytes_per_second",
        "Received",
        "Received by the machine, loopback left out",
    ),
    Metric("network.sent_bytes_per_second", "bytes_per_second", "Sent", "Sent, loopback left out"),
    Metric("pressure.cpu_percent", "percent", "CPU pressure", "Time in which some work waited for a core, last 10 s"),
    Metric(
        "pressure.memory_percent", "percent", "Memory pressure", "Time in which some work waited for memory, last 10 s"
    ),
    Metric("pressure.io_percent", "percent", "Disk pressure", "Time in which some work waited for a disk, last 10 s"),
    Metric("tasks.in_progress", "count", "Tasks in progress", "Tasks whose status is in-progress"),
    Metric("vain.cpu_percent", "percent", "vAIn CPU", "What vAIn itself uses, in percent of one core"),
    Metric("vain.memory_bytes", "bytes", "vAIn memory", "Resident memory of vAIn itself"),
)

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


def metric_of(series: str) -> Metric | None:
    """The row for a series (``disk.percent:/home`` belongs to ``disk.percent``), or None if there is none."""
    return BY_NAME.get(series.partition(":")[0])
