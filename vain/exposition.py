"""The newest sample and vAIn's own figures as families of metrics, named as Prometheus wants names.

Base units (bytes, seconds, ratios in place of percents), ``_total`` on what only rises, and few series: what may be
several of a kind has a bound, tasks are only counted. What is unknown has no point, so that nobody takes it for 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from vain.catalog import BY_NAME, Metric
from vain.clock import unix
from vain.samples import Labels, Sample, labels, series
from vain.types import TaskCounts

MOST_INSTANCES = 64
"""Of one kind: disks, interfaces, sensors, GPUs."""
MOST_CORES = 512
LEFT_OUT = "vain_instances_left_out"

Kind = Literal["gauge", "counter"]


class Point(NamedTuple):
    """One series of a family, and its value."""

    labels: Labels
    value: float


class Family(Struct, frozen=True):
    """All series of one name. A counter's name ends in ``_total``."""

    name: str
    kind: Kind
    help: str
    points: list[Point]


class Answered(NamedTuple):
    """A kind of answers: the path as the table of routes has it, the method, and the hundreds of the status."""

    route: str
    method: str
    status: str


class Figures(Struct, frozen=True):
    """What the server knows of itself beside the sample."""

    version: str | None
    started_at: float
    """Unix seconds."""
    cpu_seconds: float
    """What this process has used since it started."""
    seq: int
    """The number of the newest event."""
    stream_clients: Mapping[str, int]
    """By the way they are connected."""
    answers: Mapping[Answered, int]
    tasks: TaskCounts
    outcomes: Mapping[str, int] | None
    """How many attempts at tasks ended so; None: that could not be read."""
    hosts: Mapping[str, int] = {}
    """How many other machines are live, and how many are silent."""
    leads: bool | None = None
    """Whether it does what only one of several servers may do; None: it is alone."""


def prometheus_name(metric: Metric) -> str:
    """What Prometheus calls a metric of the catalogue."""
    name = metric.name.replace(".", "_")
    if metric.unit == "percent":
        name = name.removesuffix("percent") + "ratio"
    return name.replace("vain_", "vain_self_", 1) if name.startswith("vain_") else f"vain_{name}"


def families(sample: Sample | None, figures: Figures) -> list[Family]:
    """Everything that is known, without a family that would be empty."""
    found = [*_of_server(figures), *_of_tasks(figures)]
    if sample is not None:
        found += [*_of_catalog(sample), *_of_sample(sample)]
    return [family for family in found if family.points]


def _of_catalog(sample: Sample) -> list[Family]:
    """What the history keeps too; the counts of tasks have a form of their own here."""
    known = labels(sample)
    points: dict[str, list[Point]] = {}
    left_out = 0
    for name, value in series(sample):
        metric = BY_NAME.get(name.partition(":")[0])
        if metric is None or metric.name.startswith("tasks."):
            continue
        own = points.setdefault(metric.name, [])
        if len(own) >= (MOST_CORES if metric.instance == "core" else MOST_INSTANCES):
            left_out += 1
        elif value is not None:
            own.append(Point(known.get(name, {}), round(value / 100, 6) if metric.unit == "percent" else float(value)))
    told = [_family(BY_NAME[name], own) for name, own in points.items()]
    help_ = "Series that are left out here, since there are too many of their kind"
    return [*told, _gauge(LEFT_OUT, help_, left_out)]


def _of_sample(sample: Sample) -> list[Family]:
    """What the history leaves out: totals, which seldom change, and how the sampling goes."""
    cpu, memory, own = sample.cpu, sample.memory, sample.own
    disks, gpus = sample.disks[:MOST_INSTANCES], sample.gpus[:MOST_INSTANCES]
    return [
        _gauge("vain_uptime_seconds", "Time since the machine started", sample.uptime),
        _gauge("vain_cpu_cores", "Logical cores", cpu.cores_logical),
        _gauge("vain_cpu_limit_cores", "Cores that this container may use", cpu.limit_cores),
        _gauge("vain_memory_total_bytes", "Memory of the machine", memory.total_bytes),
        _gauge("vain_memory_limit_bytes", "Memory that this container may use", memory.limit_bytes),
        _gauge("vain_swap_total_bytes", "Swap of the machine", memory.swap_total_bytes),
        _several("vain_disk_total_bytes", "Size of a file system", ((_disk(d), d.total_bytes) for d in disks)),
        _several(
            "vain_disk_reachable",
            "1: the file system answers in time, 0: not",
            ((_disk(d), d.reachable) for d in disks),
        ),
        _several(
            "vain_gpu_memory_total_bytes", "Memory of a GPU",
            (({"gpu": str(gpu.index), "name": gpu.name}, gpu.memory_total_bytes) for gpu in gpus),
        ),
        _several(
            "vain_gpu_power_watts", "What a GPU draws",
            (({"gpu": str(gpu.index), "name": gpu.name}, gpu.power_watts) for gpu in gpus),
        ),
        _gauge("vain_self_threads", "Threads of vAIn itself", own.threads),
        _gauge("vain_sample_time_seconds", "When the machine was looked at last, in Unix time", unix(sample.timestamp)),
        _gauge("vain_sampling_seconds", "How long the last look at the machine took", own.sampling_seconds),
        _counter("vain_late_ticks_total", "Looks that were left out, since one took too long", own.late_ticks),
        _counter("vain_dropped_samples_total", "Samples that could not be stored", own.dropped_samples),
    ]  # fmt: skip


def _of_server(figures: Figures) -> list[Family]:
    clients = (({"transport": transport}, count) for transport, count in figures.stream_clients.items())
    answers = [Point(answered._asdict(), count) for answered, count in sorted(figures.answers.items())]
    hosts = (({"state": state}, count) for state, count in figures.hosts.items())
    return [
        _several("vain_hosts", "Other machines that report, by whether they do", hosts),
        _gauge(
            "vain_leads",
            "1: this one of several servers does what only one may do, 0: another does",
            None if figures.leads is None else float(figures.leads),
        ),
        Family("vain_info", "gauge", "The version that runs", [Point({"version": figures.version or "unknown"}, 1.0)]),
        _gauge("vain_self_start_time_seconds", "When vAIn started, in Unix time", figures.started_at),
        _counter("vain_self_cpu_seconds_total", "CPU time that vAIn itself has used", figures.cpu_seconds),
        _counter("vain_events_total", "Changes of tasks and notifications, by the log's own number", figures.seq),
        _several("vain_stream_clients", "Who follows the event stream now", clients),
        Family("vain_http_requests_total", "counter", "Requests that were answered", answers),
    ]


def _of_tasks(figures: Figures) -> list[Family]:
    counts = figures.tasks
    outcomes = [Point({"outcome": outcome}, count) for outcome, count in sorted((figures.outcomes or {}).items())]
    by_status = {"pending": counts.pending, "in-progress": counts.in_progress, "completed": counts.completed}
    return [
        _several("vain_tasks", "Stored tasks", (({"status": status}, count) for status, count in by_status.items())),
        _gauge("vain_tasks_failed", "Stored tasks that are completed and did not succeed", counts.failed),
        _gauge("vain_tasks_overdue", "Unfinished tasks whose time has passed", counts.overdue),
        Family("vain_attempts_total", "counter", "Attempts at tasks that have ended, by how they ended", outcomes),
    ]


def _family(metric: Metric, points: list[Point]) -> Family:
    return Family(prometheus_name(metric), "gauge", metric.help.replace("in percent of", "as a share of"), points)


def _disk(disk: object) -> Labels:
    return {name: getattr(disk, name) for name in ("mount", "device", "filesystem")}


def _gauge(name: str, help_: str, value: float | None) -> Family:
    return _several(name, help_, [({}, value)])


def _counter(name: str, help_: str, value: float) -> Family:
    return Family(name, "counter", help_, [Point({}, float(value))])


def _several(name: str, help_: str, values: Iterable[tuple[Labels, float | None]]) -> Family:
    return Family(name, "gauge", help_, [Point(one, float(value)) for one, value in values if value is not None])
