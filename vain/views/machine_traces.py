"""Rows of a name, its figures and their last minutes as small lines: devices, interfaces, sensors, GPUs.

Names travel when they change, which is nearly never; with each sample only the figures do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Final, NamedTuple

import panel as pn
import param
from panel.custom import JSComponent

from vain import words
from vain.samples import Gpu, NetworkInterface, Sample
from vain.views.live import Live
from vain.views.text import asset

POINTS: Final = 120
"""How many samples a line holds."""


class Line(NamedTuple):
    """One figure: what it is called, as text and as a point, and the series that its past is in."""

    word: str
    text: str
    point: float | None
    series: str


class Trace(NamedTuple):
    """One row; its lines share a scale, up to ``full`` (None: up to the largest value that they show)."""

    label: str
    lines: tuple[Line, ...]
    full: float | None = None


Reader = Callable[[Sample], list[Trace]]


class TraceRows(JSComponent):
    """The browser's side: ``frame`` builds the rows, ``now`` moves each line on by one point."""

    frame = param.Dict(default={"rows": []})
    now = param.Dict(default={})
    empty = param.String(default="")

    _esm = asset("meters_traces.js")
    _stylesheets: ClassVar[list[str]] = [asset("meters_traces.css")]


class Traces(pn.viewable.Viewer):
    """What ``read`` says of each new sample, over a ``Live``; ``empty`` stands where it says nothing."""

    def __init__(self, live: Live, read: Reader, empty: str) -> None:
        super().__init__()
        self._live, self._read = live, read
        self._names: list[tuple[str, ...]] | None = None
        self._rows = TraceRows(empty=empty, sizing_mode="stretch_width", margin=0)
        self._show(live.sample)
        live.param.watch(lambda event: self._show(event.new), "sample")
        live.param.watch(lambda _event: self._begin(), "caught_up")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._rows

    def _begin(self) -> None:
        self._names = None
        self._show(self._live.sample)

    def _show(self, sample: Sample | None) -> None:
        if sample is None:
            return
        traces = self._read(sample)
        names = [(trace.label, *(line.word for line in trace.lines)) for trace in traces]
        if names == self._names and not traces:
            return
        if names == self._names:
            figures = [[[line.text, line.point] for line in trace.lines] for trace in traces]
            self._rows.now = {"at": sample.timestamp, "rows": figures}
        else:
            self._names = names
            self._rows.frame = {"rows": [self._framed(trace) for trace in traces]}

    def _framed(self, trace: Trace) -> dict[str, Any]:
        lines = [{"word": line.word, "text": line.text, "points": self._past(line)} for line in trace.lines]
        return {"label": trace.label, "full": trace.full, "lines": lines}

    def _past(self, line: Line) -> list[float | None]:
        past = self._live.past(line.series, POINTS)
        return past if any(point is not None for point in past) else [line.point]


def devices(sample: Sample) -> list[Trace]:
    """Each disk device: bytes read and written."""
    return [
        Trace(
            each.device,
            (
                _rate("read", each.read_bytes_per_second, f"disk.device.read_bytes_per_second:{each.device}"),
                _rate("write", each.written_bytes_per_second, f"disk.device.written_bytes_per_second:{each.device}"),
            ),
        )
        for each in sample.disk_io.devices
    ]


def interfaces(sample: Sample) -> list[Trace]:
    """Each network interface, and the errors of all together."""
    network = sample.network
    rows = [_interface(each) for each in network.interfaces]
    if not rows:
        return []
    errors = network.errors_per_second
    line = Line("", words.frequency(errors), errors, "network.errors_per_second")
    return [*rows, Trace("Errors, all interfaces", (line,))]


def _interface(each: NetworkInterface) -> Trace:
    name, received, sent = each.interface, each.received_bytes_per_second, each.sent_bytes_per_second
    return Trace(
        name,
        (
            _rate("in", received, f"network.interface.received_bytes_per_second:{name}"),
            _rate("out", sent, f"network.interface.sent_bytes_per_second:{name}"),
        ),
    )


def sensors(sample: Sample) -> list[Trace]:
    """Each sensor of a temperature."""
    return [
        Trace(each.name, (_temperature(each.temperature_celsius, f"sensor.temperature_celsius:{each.name}"),))
        for each in sample.sensors
    ]


def gpus(sample: Sample) -> list[Trace]:
    """Each GPU: how busy, its memory, its temperature, its power."""
    return [trace for gpu in sample.gpus for trace in _gpu(gpu)]


def _gpu(gpu: Gpu) -> list[Trace]:
    name, number = f"GPU {gpu.index}", gpu.index
    memory = f"{words.size(gpu.memory_used_bytes)} of {words.size(gpu.memory_total_bytes)}"
    power = words.UNKNOWN if gpu.power_watts is None else f"{gpu.power_watts:.0f} W"
    busy = Line("", words.percent(gpu.percent), gpu.percent, f"gpu.percent:{number}")
    warm = _temperature(gpu.temperature_celsius, f"gpu.temperature_celsius:{number}")
    used, total = gpu.memory_used_bytes, gpu.memory_total_bytes
    return [
        Trace(f"{name} · {gpu.name}", (busy,), 100),
        Trace(f"{name} memory", (Line("", memory, used, f"gpu.memory_used_bytes:{number}"),), total),
        Trace(f"{name} temperature", (warm,), 100),
        Trace(f"{name} power", (Line("", power, gpu.power_watts, f"gpu.power_watts:{number}"),)),
    ]


def _rate(word: str, value: float | None, series: str) -> Line:
    return Line(word, words.rate(value), value, series)


def _temperature(value: float | None, series: str) -> Line:
    return Line("", words.temperature(value), value, series)
