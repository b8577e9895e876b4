"""The machine now: one card for each thing that can run out, with its last minutes as a small line.

What a card says is plain text that the browser sets as text; its state is a colour, a sign and a word.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NamedTuple

import panel as pn
import param
from msgspec import Struct
from panel.custom import JSComponent

from vain import words
from vain.alerting.rule import DEFAULT_RULES
from vain.alerting.telling import title_of
from vain.codec import encode
from vain.samples import DiskIo, Network, Sample
from vain.views.live import Live
from vain.views.text import asset

POINTS: Final = 120
"""How many samples the small line holds."""
NO_SAMPLE: Final = "The first sample has not come yet"
NOT_KNOWN: Final = "Not known here, or not yet: a rate needs two samples"
LOAD_HELP: Final = (
    "Runnable and waiting processes, mean of the last minute; waiting: time lost because no core was free"
)


class Reading(Struct, frozen=True, omit_defaults=True):
    """``state`` is ``ok``, ``warning``, ``critical`` or ``unknown``; ``why`` is its reason, or else a tooltip."""

    label: str
    value: str
    unit: str = ""
    detail: str = ""
    aside: str = ""
    """Stands opposite the label while all is well."""
    state: str = "ok"
    why: str = ""
    point: float | None = None
    """The newest value of the small line."""
    full: float | None = None
    """What the small line's height stands for; None: the largest value in it."""
    bar: float | None = None
    """Percent of a bar, in place of the line."""


def cards(sample: Sample | None, kinds: Sequence[Kind] | None = None) -> list[Reading]:
    """A card of each kind (those of the machine if none are named), in their order."""
    return [kind.make(sample) for kind in (MACHINE if kinds is None else kinds)]


def judged(metric: str, value: float | None) -> tuple[str, str]:
    """The state and the title of the worst of our own rules that ``value`` breaks at this moment."""
    watched = [(rule.above, rule) for rule in DEFAULT_RULES if rule.metric == metric and rule.above is not None]
    broken = [(above, rule) for above, rule in watched if value is not None and value > above]
    if not broken:
        return "ok", ""
    _, worst = max(broken, key=lambda each: each[0])
    return ("critical" if worst.level == "error" else "warning"), title_of(worst)


def _tasks(sample: Sample | None) -> Reading:
    if sample is None:
        return _unknown("Tasks", sample)
    counts = sample.tasks
    aside = f"{counts.overdue:,} overdue" if counts.overdue else ""
    ended = f"{counts.failed:,} failed" if counts.failed else f"{counts.completed:,} done"
    detail = _joined(f"{counts.pending:,} pending" if counts.pending else "", ended)
    return Reading("Tasks", f"{counts.in_progress:,}", "running", detail, aside, point=counts.in_progress)


def _cpu(sample: Sample | None) -> Reading:
    if sample is None or sample.cpu.percent is None:
        return _unknown("CPU", sample)
    cpu = sample.cpu
    cores = {None: "", 1: "1 core"}.get(cpu.cores_logical, f"{cpu.cores_logical} cores")
    detail = _joined(_part("user", cpu.user_percent), _part("system", cpu.system_percent))
    state, why = judged("cpu.percent", cpu.percent)
    return Reading("CPU", _percent(cpu.percent), "%", detail, cores, state, why, cpu.percent, 100)


def _memory(sample: Sample | None) -> Reading:
    if sample is None or sample.memory.percent is None:
        return _unknown("Memory", sample)
    memory = sample.memory
    detail = f"{words.size(memory.used_bytes)} of {words.size(memory.total_bytes)}"
    swap = _part("swap", memory.swap_percent) if memory.swap_used_bytes else ""
    state, why = judged("memory.percent", memory.percent)
    return Reading("Memory", _percent(memory.percent), "%", detail, swap, state, why, memory.percent, 100)


def _disk(sample: Sample | None) -> Reading:
    known = [] if sample is None else [(disk.percent, disk) for disk in sample.disks if disk.percent is not None]
    if not known:
        return _unknown("Disk space", sample)
    percent, fullest = max(known, key=lambda pair: pair[0])
    state, why = judged("disk.percent", percent)
    detail = f"{words.size(fullest.free_bytes)} free on {fullest.mount}"
    return Reading(
        "Disk space", _percent(percent), "%", detail, "fullest" if len(known) > 1 else "", state, why, bar=percent
    )


def _disk_io(sample: Sample | None) -> Reading:
    io = sample.disk_io if sample else DiskIo()
    return _rates("Disk", ("read", io.read_bytes_per_second), ("write", io.written_bytes_per_second), sample)


def _network(sample: Sample | None) -> Reading:
    net = sample.network if sample else Network()
    return _rates("Network", ("in", net.received_bytes_per_second), ("out", net.sent_bytes_per_second), sample)


def _load(sample: Sample | None) -> Reading:
    if sample is None or sample.cpu.load_1m is None:
        return _unknown("Load", sample)
    cpu = sample.cpu
    detail = f"5 min {_two(cpu.load_5m)} · 15 min {_two(cpu.load_15m)}"
    waiting = _part("waiting", sample.pressure.cpu_some_percent)
    return Reading("Load", _two(cpu.load_1m), "", detail, waiting, why=LOAD_HELP, point=cpu.load_1m)


def _uptime(sample: Sample | None) -> Reading:
    if sample is None or sample.uptime is None:
        return _unknown("Uptime", sample)
    period = sample.period_seconds
    detail = f"a sample every {words.duration(period)}" if period else ""
    return Reading("Uptime", words.duration(_coarse(sample.uptime)), detail=detail)


def _rates(
    label: str, first: tuple[str, float | None], second: tuple[str, float | None], sample: Sample | None
) -> Reading:
    known = [value for _, value in (first, second) if value is not None]
    if not known:
        return _unknown(label, sample)
    value, _, unit = words.rate(sum(known)).rpartition(" ")
    detail = _joined(*(f"{word} {words.rate(value)}" for word, value in (first, second)))
    return Reading(label, value, unit, detail, point=sum(known))


def _unknown(label: str, sample: Sample | None) -> Reading:
    return Reading(label, words.UNKNOWN, state="unknown", why=NO_SAMPLE if sample is None else NOT_KNOWN)


def _percent(value: float | None) -> str:
    """Always one decimal, so that the figure does not jump as it changes."""
    return words.UNKNOWN if value is None else f"{value:.1f}"


def _coarse(seconds: float) -> float:
    """Without the seconds from the first hour on: an uptime that ticks draws the eye for nothing."""
    return seconds if seconds < 3600 else seconds - seconds % 60


def _part(word: str, value: float | None) -> str:
    return "" if value is None else f"{word} {value:.0f} %"


def _two(value: float | None) -> str:
    return words.UNKNOWN if value is None else f"{value:.2f}"


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


class Kind(NamedTuple):
    """What a card shows, and the series whose sum is its small line (none: it has no line, or begins empty)."""

    make: Callable[[Sample | None], Reading]
    series: tuple[str, ...] = ()


_RESOURCES: Final = (
    Kind(_cpu, ("cpu.percent",)),
    Kind(_memory, ("memory.percent",)),
    Kind(_disk),
    Kind(_disk_io, ("disk.read_bytes_per_second", "disk.written_bytes_per_second")),
    Kind(_network, ("network.received_bytes_per_second", "network.sent_bytes_per_second")),
    Kind(_load, ("load.1m",)),
)
MACHINE: Final = (*_RESOURCES, Kind(_uptime))
WORK: Final = (Kind(_tasks, ("tasks.in_progress",)), *_RESOURCES)
"""The tasks first, for the page that is about them."""


def past(live: Live, kinds: Sequence[Kind] = MACHINE) -> list[list[float | None]]:
    """The newest ``POINTS`` values of each card's small line, from the rows that the charts have."""
    drawn = live.metrics.data
    return [
        [
            None if math.isnan(value) else value
            for value in (sum(row) for row in zip(*(drawn[s][-POINTS:] for s in kind.series), strict=True))
        ]
        if all(s in drawn for s in kind.series)
        else []
        for kind in kinds
    ]


class CardRow(JSComponent):
    """The browser's side: ``now`` replaces what is shown and adds one point to each line.

    It is JSON: Bokeh goes through a list of dicts value by value, twice, and it changes with each sample.
    """

    now = param.String(default="[]", doc="A Reading for each card, without what is as it is by default")
    past = param.List(default=[])

    _esm = asset("cards.js")
    _stylesheets: ClassVar[list[str]] = [asset("cards.css")]


class Cards(pn.viewable.Viewer):
    """The row of cards over a ``Live``, one of each of ``kinds``."""

    def __init__(self, live: Live, kinds: Sequence[Kind] = MACHINE) -> None:
        super().__init__()
        self._kinds = kinds
        self._row = CardRow(
            now=_told(live.sample, kinds), past=past(live, kinds), sizing_mode="stretch_width", margin=0
        )
        live.param.watch(self._renew, "sample")
        live.param.watch(lambda _event: self._row.param.update(past=past(live, kinds)), "caught_up")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._row

    def _renew(self, event: Any) -> None:
        self._row.now = _told(event.new, self._kinds)


def _told(sample: Sample | None, kinds: Sequence[Kind]) -> str:
    return encode(cards(sample, kinds)).decode()
