"""Which machine a page shows: its name in the header, by which another is chosen once there is more than one.

The names of all hosts, and which of them are silent, are read when a page opens and now and then after that.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.clock import Clock, unix
from vain.codec import encode
from vain.hosts import Host
from vain.views.live import Live
from vain.views.text import asset

READ_SECONDS: Final = 15.0


class HostMenu(JSComponent):
    """The browser's side: it fills the place of the name in the header, and shows nothing where it stands."""

    known = param.String(default="", doc="own, shown, the names of all hosts, those that are silent; as JSON")

    _esm = "\n".join(map(asset, ("when.js", "host_choice.js")))
    _stylesheets: ClassVar[list[str]] = [":host { display: none; }"]


class HostChoice(pn.viewable.Viewer):
    """The choice over a ``Live``. Loop only."""

    def __init__(self, live: Live, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._live, self._clock = live, clock
        self._menu = HostMenu()
        self._read_at = -READ_SECONDS
        live.param.watch(lambda _event: self._follow(), "tick")
        self._follow()

    def __panel__(self) -> pn.viewable.Viewable:
        return self._menu

    def _follow(self) -> None:
        if self._clock() - self._read_at >= READ_SECONDS:
            self._read_at = self._clock()
            self._live.fetch(self._live.source.hosts, self._show)

    def _show(self, hosts: list[Host]) -> None:
        self._menu.known = encode(told(hosts, self._live.elsewhere)).decode()


def told(hosts: list[Host], elsewhere: str) -> dict[str, Any]:
    """What the browser is told; ``silent_since`` (Unix seconds) is of the machine that is shown, None: it speaks."""
    own = next((host.name for host in hosts if host.kind == "server"), "")
    shown = next((host for host in hosts if host.name == (elsewhere or own)), None)
    is_silent = shown is not None and shown.silent and shown.last_seen_at is not None
    return {
        "own": own,
        "shown": elsewhere or own,
        "names": [host.name for host in hosts],
        "silent": [host.name for host in hosts if host.silent],
        "silent_since": unix(shown.last_seen_at) if is_silent and shown and shown.last_seen_at else None,
    }
