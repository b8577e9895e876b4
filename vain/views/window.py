"""How far back the charts go, and the way back to now: the small control beside their heading."""

from __future__ import annotations

from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.views.live import WINDOWS_SECONDS, Live
from vain.views.text import asset

LABELS: Final = {300: "5 min", 900: "15 min", 3600: "1 h"}


class WindowButtons(JSComponent):
    """The browser's side. A button sends ``chosen`` back; "Live" has the page's figures follow again."""

    labels = param.Dict(default={})
    chosen = param.Integer(default=WINDOWS_SECONDS[0])

    _esm = asset("window.js")
    _stylesheets: ClassVar[list[str]] = [asset("window.css")]


class WindowChoice(pn.viewable.Viewer):
    """The control over a ``Live``."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self.live = live
        labels = {str(seconds): LABELS[seconds] for seconds in WINDOWS_SECONDS}
        self._buttons = WindowButtons(labels=labels, chosen=live.window_seconds, margin=0)
        self._buttons.param.watch(self._choose, "chosen")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._buttons

    def _choose(self, event: Any) -> None:
        # A browser can send any number; only the offered ones are taken.
        if event.new in WINDOWS_SECONDS:
            self.live.window_seconds = event.new
