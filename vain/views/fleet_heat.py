"""One metric of all hosts over time, the worst first: a strip for each, and what is usual among them."""

from __future__ import annotations

import logging
import time
from math import ceil
from typing import Any, ClassVar, Final

import panel as pn
import param
from msgspec import Struct
from panel.custom import JSComponent

from vain.clock import Clock
from vain.codec import decode, encode
from vain.errors import VainError
from vain.hosts import HostsHistory, HostsQuery
from vain.steps import step_for
from vain.views.address import argument, number
from vain.views.live import Live
from vain.views.lookback import WENT_WRONG
from vain.views.text import asset
from vain.views.timeline import TICKS

logger = logging.getLogger(__name__)

METRICS: Final = {
    "cpu": ("CPU", "cpu.percent"),
    "memory": ("Memory", "memory.percent"),
    "disk": ("Disk", "disk.percent"),
    "gpu": ("GPU", "gpu.percent"),
    "load": ("Load", "load.1m"),
}
"""What can be chosen, by the word that stands in the address. Of several disks or GPUs, the largest value."""
SPANS: Final = {3_600: "1 h", 86_400: "24 h", 7 * 86_400: "7 d", 30 * 86_400: "30 d"}
POINTS: Final = 150
LATEST: Final = 253_370_764_800
"""The year 9999, in Unix seconds."""
TOP: Final = 200
"""So many hosts have a strip of their own."""
SHORTEST_RENEWAL_SECONDS, LONGEST_RENEWAL_SECONDS = 20.0, 300.0
SECONDS_A_HOST: Final = 0.1
"""Each of them has a history that is read: of many, not often."""


class Choice(Struct, frozen=True, forbid_unknown_fields=True):
    """What the browser asks for: a word of ``METRICS``, how much time (seconds), and its end (Unix seconds, 0: now)."""

    metric: str = "cpu"
    seconds: int = 3_600
    until: int = 0


class HeatControl(JSComponent):
    """The browser's side: it sends a ``Choice``, and what is known of it comes back."""

    shown = param.String(default="", doc="The choice, and of it the hosts, the rest and the percentiles, as JSON")
    trouble = param.String(default="", doc="Why there is nothing newer")
    chosen = param.Dict(default={}, doc="What the address asked for when the page was opened")
    metrics = param.List(default=[[name, label] for name, (label, _) in METRICS.items()])
    spans = param.List(default=[list(pair) for pair in SPANS.items()])

    _esm = "\n".join(
        [
            TICKS,
            *map(
                asset,
                (
                    "when.js", "address.js", "busy.js", "timeline_units.js", "fleet_words.js",
                    "fleet_first.js", "fleet_strips.js", "fleet_heat.js",
                ),
            ),
        ]
    )  # fmt: skip
    _stylesheets: ClassVar[list[str]] = [asset("fleet.css"), asset("fleet_heat.css")]


class FleetHeat(pn.viewable.Viewer):
    """The strips over a ``Live``. One question at a time, the newest waits. Loop only."""

    def __init__(self, live: Live, clock: Clock = time.time) -> None:
        super().__init__()
        self._live, self._clock, self._server = live, clock, live.source.host
        self.choice = from_address()
        self._reads, self._waits, self._trouble_free = False, False, True
        self._read_at, self._pause = 0.0, SHORTEST_RENEWAL_SECONDS
        self._control = HeatControl(
            chosen={"metric": self.choice.metric, "seconds": self.choice.seconds, "until": self.choice.until},
            sizing_mode="stretch_width",
            margin=0,
        )
        self._control.on_msg(lambda event: self.receive(event.data))
        live.param.watch(lambda _event: self._follow(), "tick")
        self._read()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._control

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own page never sends is left unanswered."""
        try:
            choice = decode(Choice, encode(message))
        except (VainError, TypeError, ValueError) as error:
            logger.warning("A page asked for a metric of all hosts that there is not: %s", error)
            return
        if choice.metric in METRICS and choice.seconds in SPANS and 0 <= choice.until <= LATEST:
            self.choice = choice
            self._read()

    def _follow(self) -> None:
        is_past = self.choice.until != 0 and self._trouble_free
        if not self._reads and not is_past and self._clock() - self._read_at >= self._pause:
            self._read()

    def _read(self) -> None:
        if self._reads:
            self._waits = True
            return
        self._reads, self._waits, self._read_at = True, False, self._clock()
        choice = self.choice
        self._live.fetch(lambda: self._history(choice), lambda found: self._show(choice, found))

    async def _history(self, choice: Choice) -> HostsHistory | str:
        try:
            return await self._live.source.hosts_history(query_of(choice, self._clock()))
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("The history of all hosts could not be read")
            return WENT_WRONG

    def _show(self, choice: Choice, found: HostsHistory | str) -> None:
        self._reads = False
        self._trouble_free = not isinstance(found, str)
        if isinstance(found, str):
            self._control.trouble = found
        elif choice == self.choice:
            self._pause = pause_of(found)
            self._control.param.update(shown=encode(told(choice, found, self._server)).decode(), trouble="")
        if self._waits:
            self._read()


def from_address() -> Choice:
    """What the page's address asks for (``metric``, ``last`` and ``until``); what there is not, is as if it were
    absent."""
    metric, seconds, until = argument("metric"), number("last"), number("until")
    return Choice(
        metric if metric in METRICS else "cpu",
        seconds if seconds in SPANS else 3_600,
        until if until is not None and 0 < until <= LATEST else 0,
    )


def query_of(choice: Choice, now: float) -> HostsQuery:
    """The question, in whole steps: pages that look at the same time ask the same, and buckets stay as they are."""
    step = step_for(now - choice.seconds, now, POINTS)
    before = ceil((choice.until or now) / step) * step
    count = ceil(choice.seconds / step)
    return HostsQuery(before - count * step, before, METRICS[choice.metric][1], count, TOP, around=True)


def pause_of(found: HostsHistory) -> float:
    """How long what was found stays: a step, but of many hosts longer."""
    steps = min(LONGEST_RENEWAL_SECONDS, max(SHORTEST_RENEWAL_SECONDS, found.step))
    return max(steps, found.count * SECONDS_A_HOST)


def told(choice: Choice, found: HostsHistory, server: str) -> dict[str, Any]:
    """What the browser draws: percent without decimals, which no colour could show. The pages of ``server`` need no
    name."""
    digits = None if found.unit == "percent" else 2

    def rounded(values: list[float | None]) -> list[float | None]:
        return [None if value is None else round(value, digits) for value in values]

    usual = {"Median": found.p50, "90th percentile": found.p90, "Largest": found.max}
    return {
        "server": server,
        "metric": choice.metric,
        "seconds": choice.seconds,
        "until": choice.until,
        "unit": found.unit,
        "begin": found.t[0] if found.t else found.after,
        "step": found.step,
        "count": found.count,
        "hosts": [[row.host, rounded(row.values)] for row in found.hosts],
        "rest_count": found.rest_count,
        "rest": rounded(found.rest) if found.rest_count else [],
        "usual": [[name, rounded(values)] for name, values in usual.items()],
    }
