"""What the machine is made of and what vAIn takes of it, as rows of label, bar and value, beside strips and lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import panel as pn
import param
from msgspec import Struct, to_builtins
from panel.custom import JSComponent

from vain import words
from vain.about import About
from vain.samples import Disk, Sample
from vain.views import pusher
from vain.views.cards import judged
from vain.views.live import Live
from vain.views.machine_heat import CoreHeat
from vain.views.machine_processes import Processes
from vain.views.machine_traces import Traces, devices, gpus, interfaces, sensors
from vain.views.text import asset

NOT_KNOWN = "Not known on this machine"
MOST_BARS = 64
MANY_CORES = f"More than {MOST_BARS} cores: point at a strip, or walk through them by arrow keys, for its figure"
STORED_SECONDS = 60.0
"""Between two looks at what lies on disk."""


class Meter(Struct, frozen=True):
    """One row. ``percent`` draws a bar; None: no bar, or not known (``value`` says which)."""

    label: str
    value: str
    note: str = ""
    percent: float | None = None
    state: str = "ok"
    word: str = ""
    moment: float | None = None
    """Unix seconds that stand in place of ``value``, in the viewer's time zone."""


class Meters(JSComponent):
    """The browser's side: ``rows`` as a list; ``many`` short ones stand beside each other."""

    rows = param.List(default=[], item_type=dict)
    many = param.Boolean(default=False)
    empty = param.String(default=NOT_KNOWN)

    _esm = asset("meters.js")
    _stylesheets: ClassVar[list[str]] = [asset("meters.css")]


class Machine:
    """The tables over a ``Live``, each a view of its own for the page to place."""

    def __init__(self, live: Live) -> None:
        self.heat = CoreHeat(live)
        self.cores = MeterTable(live, cores, many=True, empty=MANY_CORES if _many(live.sample) else NOT_KNOWN)
        self.processes = Processes(live)
        self.disks = MeterTable(live, disks)
        self.devices = Traces(live, devices, "This machine does not tell what its disks read and write")
        self.interfaces = Traces(live, interfaces, NOT_KNOWN)
        self.sensors = Traces(live, sensors, "This machine has no sensor of a temperature that can be read")
        self.gpus = Traces(live, gpus, "No GPU was found: those of NVIDIA are seen where its driver is installed")
        self.limits = MeterTable(live, limits)
        self.own = MeterTable(live, own)
        self.stored = Stored(live)


class MeterTable(pn.viewable.Viewer):
    """One table: what ``read`` says of each new sample."""

    def __init__(
        self, live: Live, read: Callable[[Sample], list[Meter]], many: bool = False, empty: str = NOT_KNOWN
    ) -> None:
        super().__init__()
        self._read = read
        self._meters = Meters(many=many, empty=empty, sizing_mode="stretch_width", margin=0)
        self._show(live.sample)
        live.param.watch(self._renew, "sample")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._meters

    def _renew(self, event: Any) -> None:
        self._show(event.new)

    def _show(self, sample: Sample | None) -> None:
        if sample is not None:
            self._meters.rows = [to_builtins(meter) for meter in self._read(sample)]


class Stored(pn.viewable.Viewer):
    """What lies on disk, over a ``Live``: read when the page opens, and every minute."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live, self._ticks = live, 0
        self._meters = Meters(empty="Being read", sizing_mode="stretch_width", margin=0)
        live.param.watch(self._renew, "sample")
        self._read()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._meters

    def _renew(self, _event: Any) -> None:
        self._ticks += 1
        if self._ticks * self._live.source.period_seconds >= STORED_SECONDS:
            self._read()

    def _read(self) -> None:
        self._ticks = 0
        self._live.fetch(self._live.source.about, self._show)

    def _show(self, about: About) -> None:
        self._meters.rows = [to_builtins(meter) for meter in stored(about, self._live.source.seq)]


def cores(sample: Sample) -> list[Meter]:
    """Each logical core, unless there are too many for bars."""
    each = sample.cpu.core_percent
    if len(each) > MOST_BARS:
        return []
    return [Meter(f"Core {number}", _percent(value), percent=value) for number, value in enumerate(each)]


def disks(sample: Sample) -> list[Meter]:
    """Each file system: how full it is, and what is wrong with it."""
    return [_disk(disk) for disk in sample.disks]


def _disk(disk: Disk) -> Meter:
    note = f"{words.size(disk.free_bytes)} free of {words.size(disk.total_bytes)} · {disk.filesystem} on {disk.device}"
    if not disk.reachable:
        return Meter(disk.mount, words.UNKNOWN, note, state="critical", word="Does not answer")
    state, word = judged("disk.percent", disk.percent)
    return Meter(disk.mount, _percent(disk.percent), note, disk.percent, state, word)


def limits(sample: Sample) -> list[Meter]:
    """Time lost to waiting (Linux), swap, and the limits of the container, where there are any."""
    pressure, cpu, memory = sample.pressure, sample.cpu, sample.memory
    waits = (
        ("Waiting for a core", pressure.cpu_some_percent),
        ("Waiting for memory", pressure.memory_some_percent),
        ("Waiting for a disk", pressure.io_some_percent),
    )
    meters = [Meter(label, _percent(value), percent=value) for label, value in waits]
    if memory.swap_total_bytes:
        used = f"{words.size(memory.swap_used_bytes)} of {words.size(memory.swap_total_bytes)}"
        meters.append(Meter("Swap", _percent(memory.swap_percent), used, memory.swap_percent))
    if cpu.limit_cores is not None:
        meters.append(
            Meter(
                "Container CPU",
                _percent(cpu.limit_percent),
                f"of {words.count(cpu.limit_cores)} cores",
                cpu.limit_percent,
            )
        )
    if memory.limit_bytes is not None:
        used = f"{words.size(memory.limit_used_bytes)} of {words.size(memory.limit_bytes)}"
        meters.append(Meter("Container memory", _percent(memory.limit_percent), used, memory.limit_percent))
    if cpu.limit_cores is None and memory.limit_bytes is None:
        meters.append(Meter("Container", "no limit found"))
    return meters


def own(sample: Sample) -> list[Meter]:
    """What vAIn itself takes."""
    use = sample.own
    took = None if use.sampling_seconds is None else use.sampling_seconds * 1000
    return [
        Meter("CPU", _percent(use.cpu_percent), "of one core", use.cpu_percent),
        Meter("Memory", words.size(use.memory_bytes)),
        Meter("Threads", words.count(use.threads)),
        Meter("Time for one sample", words.UNKNOWN if took is None else f"{took:.1f} ms"),
        Meter("Samples skipped", words.count(use.late_ticks), "because the one before had not ended"),
        Meter("Samples not stored", words.count(use.dropped_samples), "because the disk did not take them"),
    ]


def stored(about: About, events: int) -> list[Meter]:
    """What vAIn keeps on disk."""
    return [
        Meter("Tasks and events on disk", words.size(about.tasks_bytes)),
        Meter("History on disk", words.size(about.history_bytes), _room(about)),
        Meter("History since", words.UNKNOWN, moment=about.history_since),
        Meter("Events so far", words.count(events), "changes of tasks and notifications"),
        Meter("Open pages", words.count(pusher.open_pages()), "of this server, with this one"),
    ]


def _room(about: About) -> str:
    return "" if about.keeping is None else f"{words.size(about.keeping.most_bytes)} at most"


def _many(sample: Sample | None) -> bool:
    return sample is not None and len(sample.cpu.core_percent) > MOST_BARS


def _percent(value: float | None) -> str:
    return words.UNKNOWN if value is None else f"{value:.1f} %"
