"""Every core over the last minutes, as strips of colour: the quickest look at four cores or at two hundred."""

from __future__ import annotations

from math import isnan
from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.samples import Sample
from vain.views.live import Live
from vain.views.text import asset

POINTS: Final = 300


class HeatStrips(JSComponent):
    """The browser's side: ``frame`` has the past of each core, ``now`` one more value of each, in percent."""

    frame = param.Dict(default={"past": []})
    now = param.Dict(default={})
    period_seconds = param.Number(default=1.0)

    _esm = asset("meters_heat.js")
    _stylesheets: ClassVar[list[str]] = [asset("meters_heat.css")]


class CoreHeat(pn.viewable.Viewer):
    """The strips over a ``Live``."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live, self._count = live, -1
        self._strips = HeatStrips(period_seconds=live.source.period_seconds, sizing_mode="stretch_width", margin=0)
        self._show(live.sample)
        live.param.watch(lambda event: self._show(event.new), "sample")
        live.param.watch(lambda _event: self._begin(), "caught_up")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._strips

    def _begin(self) -> None:
        self._count = -1
        self._show(self._live.sample)

    def _show(self, sample: Sample | None) -> None:
        if sample is None:
            return
        values = sample.cpu.core_percent
        if len(values) == self._count:
            self._strips.now = {"at": sample.timestamp, "values": whole(values)}
        else:
            self._count = len(values)
            kept = self._live.source.columns(0).values
            past = [kept.get(f"cpu.core.percent:{core}", ())[-POINTS:] or [value] for core, value in enumerate(values)]
            self._strips.frame = {"past": [whole(core) for core in past]}


def whole(values: Any) -> list[int | None]:
    """Percent without decimals, which no colour could show; unknown stays None."""
    return [None if value is None or isnan(value) else round(value) for value in values]
