"""What vAIn itself costs, at the foot of every page."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain import words
from vain.samples import Sample
from vain.views.live import Live
from vain.views.text import asset

BEAT_TICKS: Final = 3
"""Well within what the header takes for silence: each thing that changes costs the server, for each page."""


def own_use(sample: Sample | None, who: str = "vAIn") -> str:
    """One line: share of one core, memory, and how long a look at the machine takes."""
    if sample is None:
        return f"{who} is starting"
    own = sample.own
    parts = [f"{who} uses {words.percent(own.cpu_percent)} of a core", f"{words.size(own.memory_bytes)} of memory"]
    if own.sampling_seconds is not None:
        parts.append(f"{own.sampling_seconds * 1000:.1f} ms for a sample")
    return " · ".join(parts)


class Line(JSComponent):
    """The browser's side: a line of text.

    ``beat`` changes with every third tick, whatever a page shows: so the header knows that the server still speaks.
    """

    text = param.String(default="")
    beat = param.Integer(default=0)

    _esm = asset("line.js")
    _stylesheets: ClassVar[list[str]] = [asset("line.css")]


class OwnUse(pn.viewable.Viewer):
    """The line over a ``Live``."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live, self._who = live, f"The agent of {live.elsewhere}" if live.elsewhere else "vAIn"
        self._line = Line(text=own_use(live.sample, self._who), margin=0, sizing_mode="stretch_width")
        live.param.watch(self._renew, "tick")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._line

    def _renew(self, event: Any) -> None:
        is_told = self._line.text != own_use(None, self._who)
        if is_told and event.new % BEAT_TICKS:
            return
        self._line.param.update(text=own_use(self._live.sample, self._who), beat=event.new)
