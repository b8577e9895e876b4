"""What the machine is made of: cores, disks, interfaces, pressure and limits, each as rows of label, bar and value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import panel as pn
import param
from msgspec import Struct, to_builtins
from panel.custom import JSComponent

from vain import words
from vain.samples import Disk, Sample
from vain.views.cards import judged
from vain.views.live import Live
from vain.views.text import asset

NOT_KNOWN = "Not known on this machine"


class Meter(Struct, frozen=True):
    """One row. ``percent`` draws a bar; None: no bar, or not known (``value`` says which)."""

    label: str
    value: str
    note: str = ""
    percent: float | None = None
    state: str = "ok"
    word: str = ""


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
        self.cores = MeterTable(live, cores, many=True)
        self.disks = MeterTable(live, disks)
        self.interfaces = MeterTable(live, interfaces)
        self.limits = MeterTable(live, limits)
        self.own = MeterTable(live, own)


class MeterTable(pn.viewable.Viewer):
    """One table: what ``read`` says of each new sample."""

    def __init__(self, live: Live, read: Callable[[Sample], list[Meter]], many: bool = False) -> None:
        super().__init__()
        self._read = read
        self._meters = Meters(many=many, sizing_mode="stretch_width", margin=0)
        self._show(live.sample)
        live.param.watch(self._renew, "sample")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._meters

    def _renew(self, event: Any) -> None:
        self._show(event.new)

    def _show(self, sample: Sample | None) -> None:
        if sample is not None:
            self._meters.rows = [to_builtins(meter) for meter in self._read(sample)]


def cores(sample: Sample) -> list[Meter]:
    """Each logical core."""
    each = sample.cpu.core_percent
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


def interfaces(sample: Sample) -> list[Meter]:
    """Each network interface."""
    return [
        Meter(
            each.interface,
            f"in {words.rate(each.received_bytes_per_second)} · out {words.rate(each.sent_bytes_per_second)}",
        )
        for each in sample.network.interfaces
    ]


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
    ]


def _percent(value: float | None) -> str:
    return words.UNKNOWN if value is None else f"{value:.1f} %"
