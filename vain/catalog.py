"""One row for each metric: its unit, its kind, and the words that axes, documents and alerts use for it."""

from __future__ import annotations

from math import inf

from msgspec import Struct

RATE_DIGITS = 4
"""Significant digits of a rate: it is a difference over a period whose length is known to about 0.1 %."""


class Metric(Struct, frozen=True):
    """``unit`` is one that ``vain.words`` has words for: ``percent``, ``bytes``, ``bytes_per_second``, ``per_second``,
    ``celsius``, ``seconds`` or ``count``. ``instance`` names what may be several.

    ``decimals`` is how many a stored value keeps; None for a rate, which keeps ``RATE_DIGITS`` digits instead.
    """

    name: str
    unit: str
    decimals: int | None
    label: str
    help: str
    instance: str | None = None


METRICS: tuple[Metric, ...] = (
    Metric("cpu.percent", "percent", 1, "CPU", "Share of all cores that was busy"),
    Metric("cpu.user_percent", "percent", 1, "User", "Share of all cores spent in programs"),
    Metric("cpu.system_percent", "percent", 1, "System", "Share of all cores spent in the kernel"),
    Metric("cpu.iowait_percent", "percent", 1, "Waiting for disk", "Share of all cores idle while a disk was awaited"),
    Metric("cpu.steal_percent", "percent", 1, "Stolen", "Share of all cores that the host gave to other machines"),
    Metric("cpu.limit_percent", "percent", 1, "CPU limit", "What this container uses of the cores it may use"),
    Metric("cpu.core.percent", "percent", 1, "Core", "Share of one core that was busy", "core"),
    Metric("load.1m", "count", 2, "Load", "Runnable and waiting processes, mean of the last minute"),
    Metric("load.5m", "count", 2, "Load, 5 min", "Runnable and waiting processes, mean of the last 5 minutes"),
    Metric("load.15m", "count", 2, "Load, 15 min", "Runnable and waiting processes, mean of the last 15 minutes"),
    Metric("memory.percent", "percent", 1, "Memory", "Share of memory that is not available"),
    Metric("memory.used_bytes", "bytes", 0, "Memory used", "Total less available memory"),
    Metric("memory.available_bytes", "bytes", 0, "Memory available", "What programs can get without swapping"),
    Metric("memory.limit_percent", "percent", 1, "Memory limit", "What this container uses of the memory it may use"),
    Metric("swap.percent", "percent", 1, "Swap", "Share of swap that is used"),
    Metric("swap.used_bytes", "bytes", 0, "Swap used", "Swap that is used"),
    Metric("disk.percent", "percent", 1, "Disk", "Share of a file system that is used", "mount"),
    Metric("disk.used_bytes", "bytes", 0, "Disk used", "Used bytes of a file system", "mount"),
    Metric("disk.read_bytes_per_second", "bytes_per_second", None, "Disk read", "Read from all disks"),
    Metric("disk.written_bytes_per_second", "bytes_per_second", None, "Disk written", "Written to all disks"),
    Metric("disk.reads_per_second", "per_second", None, "Disk reads", "Reads of all disks, however long each is"),
    Metric("disk.writes_per_second", "per_second", None, "Disk writes", "Writes of all disks, however long each is"),
    Metric("disk.device.read_bytes_per_second", "bytes_per_second", None, "Read from", "Read from one disk", "device"),
    Metric(
        "disk.device.written_bytes_per_second", "bytes_per_second", None, "Written to", "Written to one disk", "device"
    ),
    Metric(
        "network.received_bytes_per_second",
        "bytes_per_second",
        None,
        "Received",
        "Received by the machine, loopback left out",
    ),
    Metric("network.sent_bytes_per_second", "bytes_per_second", None, "Sent", "Sent, loopback left out"),
    Metric("network.errors_per_second", "per_second", None, "Network errors", "Packets with errors, of both ways"),
    Metric(
        "network.interface.received_bytes_per_second",
        "bytes_per_second",
        None,
        "Received by",
        "Received by one interface",
        "interface",
    ),
    Metric(
        "network.interface.sent_bytes_per_second",
        "bytes_per_second",
        None,
        "Sent by",
        "Sent by one interface",
        "interface",
    ),
    Metric(
        "pressure.cpu_percent", "percent", 1, "CPU pressure", "Time in which some work waited for a core, last 10 s"
    ),
    Metric(
        "pressure.memory_percent",
        "percent",
        1,
        "Memory pressure",
        "Time in which some work waited for memory, last 10 s",
    ),
    Metric(
        "pressure.memory_full_percent",
        "percent",
        1,
        "Memory pressure, all",
        "Time in which all work waited for memory, last 10 s",
    ),
    Metric(
        "pressure.io_percent", "percent", 1, "Disk pressure", "Time in which some work waited for a disk, last 10 s"
    ),
    Metric(
        "pressure.io_full_percent",
        "percent",
        1,
        "Disk pressure, all",
        "Time in which all work waited for a disk, last 10 s",
    ),
    Metric("gpu.percent", "percent", 1, "GPU", "Share of the time in which a GPU computed", "gpu"),
    Metric("gpu.memory_used_bytes", "bytes", 0, "GPU memory", "Memory of a GPU that is used", "gpu"),
    Metric("gpu.temperature_celsius", "celsius", 1, "GPU temperature", "Temperature of a GPU's core", "gpu"),
    Metric("sensor.temperature_celsius", "celsius", 1, "Temperature", "What a sensor measures", "sensor"),
    Metric("tasks.pending", "count", 0, "Tasks pending", "Tasks whose status is pending"),
    Metric("tasks.in_progress", "count", 0, "Tasks in progress", "Tasks whose status is in-progress"),
    Metric("task.cpu_percent", "percent", 1, "CPU of", "CPU of a task's processes, in percent of one core", "task_id"),
    Metric("task.memory_bytes", "bytes", 0, "Memory of", "Resident memory of a task's processes, summed", "task_id"),
    Metric("task.read_bytes_per_second", "bytes_per_second", None, "Read by", "Read from storage by a task", "task_id"),
    Metric(
        "task.written_bytes_per_second",
        "bytes_per_second",
        None,
        "Written by",
        "Written to storage by a task",
        "task_id",
    ),
    Metric("task.threads", "count", 0, "Threads of", "Threads of a task's processes", "task_id"),
    Metric("task.gpu_memory_bytes", "bytes", 0, "GPU memory of", "Memory that a task has on GPUs", "task_id"),
    Metric("task.gpu_percent", "percent", 1, "GPU of", "What a task uses of its GPUs", "task_id"),
    Metric("task.progress_percent", "percent", 1, "Progress of", "How far a task is", "task_id"),
    Metric("host.silent_seconds", "seconds", 0, "Silence of", "How long nothing was heard of a machine", "host"),
    Metric("vain.cpu_percent", "percent", 1, "vAIn CPU", "What vAIn itself uses, in percent of one core"),
    Metric("vain.memory_bytes", "bytes", 0, "vAIn memory", "Resident memory of vAIn itself"),
)

TASK_METRICS: tuple[str, ...] = tuple(metric.name for metric in METRICS if metric.instance == "task_id")
"""The columns of a task's samples. Stored ones have this order: only ever add at its end."""

BY_NAME: dict[str, Metric] = {metric.name: metric for metric in METRICS}


def metric_of(series: str) -> Metric | None:
    """The row for a series (``disk.percent:/home`` belongs to ``disk.percent``), or None if there is none; also for one
    of another machine (``gpu-3/disk.percent:/home``)."""
    return BY_NAME.get(series.partition(":")[0]) or BY_NAME.get(split_host(series)[1].partition(":")[0])


def of_host(host: str, series: str) -> str:
    """What a series of another machine is called where those of several stand beside each other."""
    return f"{host}/{series}"


def is_of_server(series: str) -> bool:
    """Whether it is of the server itself, not of the machine that it runs on: for how long a host is silent."""
    return series.startswith("host.")


def split_host(series: str) -> tuple[str | None, str]:
    """The machine and the series of such a name; None: it is the server's own."""
    host, slash, rest = series.partition("/")
    # Before the first slash of a series of ours stands a colon: a metric has none in its name.
    is_of_host = slash and ":" not in host and rest.partition(":")[0] in BY_NAME
    return (host, rest) if is_of_host else (None, series)


def stored(metric: Metric | None, value: float) -> float:
    """The value as the history keeps it: rounded to what it means; of an unknown metric as it is.

    Digits that are only noise cost most of a compressed chunk. The period of a sample jitters by about 0.1 %, so of a
    rate the fifth digit says nothing: ``RATE_DIGITS`` digits are off by at most 0.05 %. What is left behind the point
    goes too: whole bytes a second, tenths of events a second.
    """
    if metric is None:
        return value
    if abs(value) < largest_with_decimals(metric):
        return round(value, decimals_of(metric)) + 0.0  # Adding 0.0 turns -0.0 into 0.0.
    # At once from the value: rounded twice, 10,014.6 would become 10,015 and then 10,020.
    return float(f"{value:.{RATE_DIGITS}g}")


def decimals_of(metric: Metric) -> int:
    """How many decimals of a value are stored at most."""
    if metric.decimals is not None:
        return metric.decimals
    return 0 if metric.unit == "bytes_per_second" else 1


def largest_with_decimals(metric: Metric) -> float:
    """From here on it is the number of digits that counts; infinite for what is no rate."""
    return inf if metric.decimals is not None else float(10 ** (RATE_DIGITS - 1 - decimals_of(metric)))


def mean_decimals(metric: Metric | None) -> int | None:
    """How many decimals of a mean say something: two more than those of a sample, none of a byte; None: all."""
    if metric is None:
        return None
    return 0 if metric.unit.startswith("bytes") else (metric.decimals or 0) + 2
