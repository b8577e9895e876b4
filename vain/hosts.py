"""Other machines: what their agents report, what they are answered, and what is known of each. Pure.

An agent numbers its samples from 1 in each run. What it sends belongs to a ``session`` that the server names: within
one, samples come in order, so the server can say with two numbers what it has taken and what is safe on its disk. A
server that was restarted names another session, and the agent begins again with what is not known to be safe.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from vain.busiest import Process
from vain.clock import unix
from vain.costs import only_part, part_of
from vain.errors import Conflict, Flaw, Invalid
from vain.quality import Span
from vain.samples import Sample
from vain.types import LARGEST_INTEGER, Resources, Task, TaskSource, Time

HOST_PATTERN = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
_NAME = re.compile(HOST_PATTERN, re.ASCII)
SILENT_SECONDS = 60.0
"""So long a host may say nothing before somebody is told."""
SILENT_PERIODS = 5
"""And so many of its periods, if it looks rarely."""
MOST_SAMPLES = 300
"""Of one report."""

MOST_RUNS = 1_000
"""Names of runs that one report may ask about."""

HostName = Annotated[str, Meta(pattern=f"^{HOST_PATTERN}$")]
Token = Annotated[str, Meta(pattern="^[0-9a-f]{1,32}$")]
RunName = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
Count = Annotated[int, Meta(ge=0, le=LARGEST_INTEGER)]

NO_FOLDERS = frozenset({"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))})
"""What Windows takes for devices."""


class HostSample(Struct, frozen=True, omit_defaults=True):
    """One look at a host, as its agent keeps it until the server has it."""

    sample: Sample
    spans: list[Span] = []
    """Why something is missing until then."""
    used: dict[int, dict[str, float | None]] = {}
    """What each task used, by its number and the metric (of ``catalog.TASK_METRICS``)."""
    processes: list[Process] | None = None
    """The busiest, if they were looked at."""
    is_first: bool = False
    """Of a run of the agent: before it, nothing was looked at."""


class HostCost(Struct, frozen=True):
    """What the processes of one attempt of a task have used until now."""

    attempt: int
    resources: Resources


class Gone(Struct, frozen=True):
    """The process of a task is not there any more."""

    task_id: int
    attempt: int
    kind: str
    exit_code: int | None = None


class HostReport(Struct, frozen=True):
    """The body of ``POST /hosts/{host}/samples``. ``samples`` follow each other; ``first`` is the number of the first.

    ``session`` is the one that the server named, None before it did. ``latest`` is the newest sample if those that are
    sent do not reach it. Times are Unix seconds by the agent's clock.
    """

    agent: Token
    """The installation, so that two machines of one name are noticed."""
    version: Annotated[str, Meta(max_length=64)]
    period_seconds: Annotated[float, Meta(gt=0, le=86_400)]
    sent_at: float
    session: Token | None = None
    round_trip_seconds: float | None = None
    """Of the report before, which tells how old this one is when it arrives."""
    first: Count = 1
    samples: Annotated[list[HostSample], Meta(max_length=MOST_SAMPLES)] = []
    latest: Sample | None = None
    waiting: Count = 0
    """Samples that are still to come."""
    lost: Annotated[list[Span], Meta(max_length=100)] = []
    """Samples that were given up, because the agent may not keep more."""
    watching: Count = 0
    """Which list of tasks it watches, see ``Taken.watching``."""
    costs: Annotated[dict[int, HostCost], Meta(max_length=10_000)] = {}
    gone: Annotated[list[Gone], Meta(max_length=1_000)] = []
    runs: Annotated[list[RunName], Meta(max_length=MOST_RUNS)] = []
    """Names that processes there carry in their environment (`VAIN_RUN_ID`) and of which the host was told nothing: it
    asks whether they belong to a task. Sent when all processes were looked at, every five seconds."""
    boot_id: Annotated[str, Meta(max_length=64)] | None = None
    """Of the machine, sent with ``runs``: a task whose home is the same machine under another name is at home there."""


class SentReport(Struct, frozen=True):
    """The same as it is sent: samples as they lie in the spool, and no ``runs`` where there is nothing to ask."""

    agent: str
    version: str
    period_seconds: float
    sent_at: float
    session: str | None
    round_trip_seconds: float | None
    first: int
    samples: list[Raw]
    latest: Sample | None
    waiting: int
    lost: list[Span]
    watching: int
    costs: dict[int, HostCost]
    gone: list[Gone]
    runs: list[str] | UnsetType = UNSET
    boot_id: str | None | UnsetType = UNSET


class WatchedTask(Struct, frozen=True, omit_defaults=True):
    """A task that has processes on the host; ``run_id`` is what they carry in their environment."""

    task: Task
    run_id: str | None = None
    is_guest: bool = False
    """Its own process is on another host: here it has those that carry one of ``runs``, and what descends from them."""
    runs: list[str] = []
    """Other names that processes of it carry here: of tasks within it."""


class Taken(Struct, frozen=True):
    """The answer to a report. Nothing of it was taken if ``session`` is not the one that it was sent for."""

    session: str
    accepted: int
    """The number of the newest sample that the server has."""
    stored: int
    """All up to this number are on its disk."""
    watching: int
    """Which list of tasks is to be watched; it comes only if the agent has another."""
    tasks: list[WatchedTask] | None = None


class LeftReport(Struct, frozen=True):
    """What a process left that ended while the server was away. Ages in seconds; ``log`` is Base64."""

    run_id: Token
    began_seconds_ago: Annotated[float, Meta(ge=0)]
    changed_seconds_ago: Annotated[float, Meta(ge=0)]
    draft: dict[str, Any]
    patch: dict[str, Any] = {}
    parent_run_id: Token | None = None
    log: bytes = b""
    log_offset: Count = 0
    sent_task_id: Count | None = None


class LeftReports(Struct, frozen=True):
    """The body of ``POST /hosts/{host}/reports``."""

    reports: Annotated[list[LeftReport], Meta(max_length=100)]


class LeftTaken(Struct, frozen=True):
    """How many of them, from the first on, are done with; the others must wait."""

    done: int


class Figures(Struct, frozen=True):
    """What a host does now. Unknown is None."""

    timestamp: Time
    cpu_usage: float | None
    memory_usage: float | None
    disk_usage: float | None
    uptime: float | None
    load_1m: float | None
    cores_logical: int | None
    memory_total_bytes: int | None
    gpu_usage: float | None
    """The mean of its GPUs."""
    received_bytes_per_second: float | None
    sent_bytes_per_second: float | None


class Host(Struct, frozen=True):
    """What is known of a machine."""

    name: str
    kind: Literal["server", "agent"]
    """``server``: a machine that a server runs on."""
    silent: bool
    """Its agent was not heard of for too long."""
    last_seen_at: Time | None
    first_seen_at: Time | None = None
    version: str | None = None
    period_seconds: float | None = None
    clock_skew_seconds: float | None = None
    """How far its clock is ahead of the server's, good to some milliseconds in a local network."""
    samples_waiting: int | None = None
    """That are still on the host, because the server was away."""
    tasks_in_progress: int = 0
    now: Figures | None = None
    """None while it is silent."""


class KnownHost(Struct, frozen=True):
    """What the store keeps of a host."""

    name: str
    first_seen_at: Time
    last_seen_at: Time
    version: str = ""
    period_seconds: float = 1.0
    agent: str = ""
    """The installation that reported last."""
    silent_since: Time | None = None
    """Since when it says nothing, if that was told."""
    server: str = ""
    """The server to which it reports; empty: there is but one."""
    kind: Literal["server", "agent"] = "agent"

    def ordinary_seconds(self) -> float:
        """How much longer its pauses may be than those of one that looks once a second."""
        return self.patience_seconds() - SILENT_SECONDS

    def patience_seconds(self) -> float:
        """How long it may say nothing."""
        return max(SILENT_SECONDS, SILENT_PERIODS * self.period_seconds)


class HostTold(Struct, frozen=True):
    """What a server tells the others of a host that reports to it, or on which it runs."""

    known: KnownHost
    silent_seconds: float
    clock_skew_seconds: float | None
    samples_waiting: int | None
    sample: Raw
    """The newest ``Sample``, or null: who needs it decodes it."""


def check_host(name: str) -> str:
    """The name, if a machine may have it. Raises Invalid."""
    if _NAME.fullmatch(name) is None:
        detail = "The name of a machine is expected: letters, digits, '.', '_' and '-', at most 63."
        raise Invalid(f"host: {detail}", [Flaw(detail, parameter="host")])
    return name


def check_new_host(name: str, known: Iterable[str], own_host: str) -> None:
    """A machine of this name may report beside those that are known. Raises Conflict."""
    taken = next((other for other in known if other.casefold() == name.casefold()), None)
    if taken is not None or name.endswith(".") or name.casefold() in NO_FOLDERS:
        # On some file systems both would be one folder, and some names are none.
        raise Conflict(f"The name {name} cannot be used beside {taken or 'what the system calls so'}.")
    if name.casefold() == own_host.casefold():
        raise Conflict(
            f"{name} is the machine of the server itself, which needs no agent; VAIN_HOSTNAME gives another name."
        )


def is_of(gone: Gone, running: Mapping[int, WatchedTask]) -> bool:
    """Whether what is gone was an attempt that is in progress on this host."""
    watched = running.get(gone.task_id)
    return watched is not None and watched.task.attempt == gone.attempt


def silence_of(name: str) -> str:
    """The series that says how long nothing was heard of a host."""
    return f"host.silent_seconds:{name}"


def figures(sample: Sample) -> Figures:
    """What a list of hosts shows of a sample."""
    known = [gpu.percent for gpu in sample.gpus if gpu.percent is not None]
    return Figures(
        timestamp=sample.timestamp,
        cpu_usage=sample.cpu_usage,
        memory_usage=sample.memory_usage,
        disk_usage=sample.disk_usage,
        uptime=sample.uptime,
        load_1m=sample.cpu.load_1m,
        cores_logical=sample.cpu.cores_logical,
        memory_total_bytes=sample.memory.total_bytes,
        gpu_usage=round(sum(known) / len(known), 1) if known else None,
        received_bytes_per_second=sample.network.received_bytes_per_second,
        sent_bytes_per_second=sample.network.sent_bytes_per_second,
    )


def skew_of(report: HostReport, now: float) -> float:
    """How far the agent's clock is ahead (seconds), if the way there took half of the last round trip: Cristian's
    method (Probabilistic clock synchronization, Distributed Computing 3, 1989)."""
    return round(report.sent_at + (report.round_trip_seconds or 0.0) / 2 - now, 3)


def is_silent(known: KnownHost, now: float) -> bool:
    """Whether nothing was heard of it for too long at ``now`` (Unix seconds)."""
    return now - unix(known.last_seen_at) > known.patience_seconds()


def slim(task: Task, host: str) -> Task:
    """What an agent has to know of a task, without what people wrote, and with what was used on its ``host`` alone.

    Of one whose process is elsewhere it learns no more of that than where.
    """
    is_home = host == task.host
    return Task(
        task_id=task.task_id,
        name="-",
        status=task.status,
        priority=task.priority,
        created_at=task.created_at,
        started_at=task.started_at,
        attempt=task.attempt,
        source=task.source if is_home or task.source is None else TaskSource(host=task.source.host),
        resources=only_part(part_of(task.resources, task.host, host), task.host, host),
        progress=task.progress if is_home else None,
    )


class HostsQuery(Struct, frozen=True):
    """What is asked of one metric of all hosts: a window in Unix seconds, how many points and how many hosts by name.

    A metric with several instances (``disk.percent``) stands for the largest of them.
    """

    after: float
    before: float
    metric: str = "cpu.percent"
    points: int = 120
    top: int = 20
    around: bool = False
    """Whether somebody looks who may move: what lies beside the window is then read as well, after the answer."""


class HostRow(Struct, frozen=True):
    """One host in the window: ``values`` for each time; its mean and its largest value there. Unknown is None."""

    host: str
    mean: float | None
    max: float | None
    values: list[float | None]


class HostsHistory(Struct, frozen=True):
    """One metric of all hosts. ``hosts`` are those with the largest mean, the largest first; ``rest`` is the mean of
    the others. The percentiles are over all hosts that are known at that time (nearest rank)."""

    metric: str
    unit: str
    after: float
    before: float
    step: float
    t: list[float]
    count: int
    """How many hosts there are."""
    hosts: list[HostRow]
    rest_count: int
    rest: list[float | None]
    p50: list[float | None]
    p90: list[float | None]
    max: list[float | None]
