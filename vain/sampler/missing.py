"""Why a figure of a sample is unknown: the cause for each series that has a gap in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from vain.quality import Cause
from vain.sampler.cgroup import CgroupReader
from vain.sampler.cpu import CpuReader
from vain.sampler.rates import DeviceRates
from vain.samples import Sample, series

Why = Callable[[Sample, str], Cause | None]
"""Asked for a metric that is unknown in the sample, with its instance (or ""); None: that reader does not know."""

_PARTS = (
    ("cpu.limit_percent", "limits"), ("memory.limit_percent", "limits"), ("cpu.", "cpu"), ("load.", "cpu"),
    ("memory.", "memory"), ("swap.", "memory"), ("disk.percent", "disks"), ("disk.used_bytes", "disks"),
    ("disk.", "disk_io"), ("network.", "network"), ("pressure.", "pressure"), ("sensor.", "sensors"), ("gpu.", "gpus"),
    ("vain.", "own"),
)  # fmt: skip
"""How the series of each part of the sampler begin; the first that fits counts."""


class MissingFigures:
    """Knows which series ever had a value in this run: what this machine never tells is no gap."""

    def __init__(self, cpu: CpuReader, disk_io: DeviceRates, network: DeviceRates, limits: CgroupReader) -> None:
        self._known: set[str] = set()
        self._why: dict[str, Why] = {
            "cpu.percent": lambda _, __: cpu.cause("idle"),
            "cpu.user_percent": lambda _, __: cpu.cause("user"),
            "cpu.system_percent": lambda _, __: cpu.cause("system"),
            "cpu.iowait_percent": lambda _, __: cpu.cause("iowait"),
            "cpu.steal_percent": lambda _, __: cpu.cause("steal"),
            "cpu.core.percent": lambda _, core: cpu.core_causes.get(int(core)),
            "cpu.limit_percent": lambda _, __: limits.cpu_cause,
            "disk.percent": _of_mount,
            "disk.used_bytes": _of_mount,
            "disk.read_bytes_per_second": lambda _, __: disk_io.sum_cause(),
            "disk.written_bytes_per_second": lambda _, __: disk_io.sum_cause(),
            "disk.reads_per_second": lambda _, __: disk_io.sum_cause(),
            "disk.writes_per_second": lambda _, __: disk_io.sum_cause(),
            "disk.device.read_bytes_per_second": lambda _, device: disk_io.causes.get(device),
            "disk.device.written_bytes_per_second": lambda _, device: disk_io.causes.get(device),
            "network.received_bytes_per_second": lambda _, __: network.sum_cause(),
            "network.sent_bytes_per_second": lambda _, __: network.sum_cause(),
            "network.errors_per_second": lambda _, __: network.sum_cause(),
            "network.interface.received_bytes_per_second": lambda _, name: network.causes.get(name),
            "network.interface.sent_bytes_per_second": lambda _, name: network.causes.get(name),
            "vain.cpu_percent": lambda sample, _: "first" if sample.period_seconds is None else None,
        }

    def causes(self, sample: Sample, failing: Set[str] = frozenset()) -> dict[str, Cause]:
        """The cause for each series that the sample should tell and does not; by name, empty if all is told.

        ``failing`` names the parts that could not be read at all: their disks, cores and so on are not even in the
        sample. To be called once for each sample, right after it was read.
        """
        unknown: list[str] = []
        pairs = series(sample)
        for name, value in pairs:
            if value is None:
                unknown.append(name)
            elif name not in self._known:
                self._known.add(name)
        if failing:
            unknown += self._not_even_there({name for name, _ in pairs}, failing)
        elif len(self._known) > 2 * len(pairs):  # Disks and interfaces that are gone for good must not pile up.
            self._known.intersection_update(name for name, _ in pairs)
        return {name: cause for name in unknown if (cause := self._cause(sample, name, failing))}

    def _cause(self, sample: Sample, name: str, failing: Set[str]) -> Cause | None:
        metric, _, instance = name.partition(":")
        why = self._why.get(metric)
        # A reader that failed still has the causes of the look before.
        cause = why(sample, instance) if why and not (failing and _part_of(name) in failing) else None
        return cause or self._unread(sample, name)

    def _unread(self, sample: Sample, name: str) -> Cause | None:
        if name == "swap.percent" and sample.memory.swap_total_bytes == 0:
            return None  # Swap was turned off: there is no share of nothing, and that is all there is to know.
        return "unread" if name in self._known else None

    def _not_even_there(self, there: Set[str], failing: Set[str]) -> Iterator[str]:
        return (name for name in self._known if name not in there and _part_of(name) in failing)


def _of_mount(sample: Sample, mount: str) -> Cause | None:
    return "unreachable" if any(disk.mount == mount and not disk.reachable for disk in sample.disks) else None


def _part_of(name: str) -> str:
    return next((part for prefix, part in _PARTS if name.startswith(prefix)), "")
