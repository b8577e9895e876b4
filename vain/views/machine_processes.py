"""The busiest processes of the machine, and which task each belongs to: renewed with each look at them, every 5 s.

After the first look only the rows that changed travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final

import panel as pn
import param
from panel.custom import JSComponent

from vain.busiest import LOOK_SECONDS, Process
from vain.views.live import Live
from vain.views.text import asset

NOT_YET: Final = (
    f"Not looked at yet: the first look is done within {2 * LOOK_SECONDS:.0f} s. "
    "A page that reads its server over HTTP is not told of processes."
)
MEBIBYTE: Final = 2**20

Row = dict[str, Any]


class ProcessTable(JSComponent):
    """The browser's side: ``frame`` has all rows at first, ``news`` those that are new or different, and who left."""

    frame = param.List(default=[], item_type=dict)
    news = param.Dict(default={})
    empty = param.String(default=NOT_YET)

    _esm = asset("processes.js")
    _stylesheets: ClassVar[list[str]] = [asset("processes.css")]


class Processes(pn.viewable.Viewer):
    """The table over a ``Live``."""

    def __init__(self, live: Live) -> None:
        super().__init__()
        self._live = live
        self._seen = live.source.busiest()
        self._shown = rows(self._seen or ())
        self._looks = 0
        self._table = ProcessTable(frame=list(self._shown.values()), sizing_mode="stretch_width", margin=0)
        live.param.watch(self._renew, "sample")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._table

    def _renew(self, _event: Any) -> None:
        seen = self._live.source.busiest()
        if seen is self._seen or seen is None:
            return
        before, self._shown, self._seen = self._shown, rows(seen), seen
        self._looks += 1
        self._table.news = {"look": self._looks, **changes(before, self._shown)}


def rows(processes: Sequence[Process]) -> dict[int, Row]:
    """What the browser is sent of each, rounded to what it shows, by the number of the process."""
    return {each.pid: _row(each) for each in processes}


def changes(before: dict[int, Row], now: dict[int, Row]) -> dict[str, Any]:
    """The rows that are new or different, and the numbers of those that are there no more."""
    return {
        "set": [row for pid, row in now.items() if before.get(pid) != row],
        "gone": [pid for pid in before if pid not in now],
    }


def _row(process: Process) -> Row:
    return {
        "pid": process.pid,
        "name": process.name,
        "task": process.task_id,
        "cpu": None if process.cpu_percent is None else round(process.cpu_percent, 1),
        "memory": None if process.rss_bytes is None else round(process.rss_bytes / MEBIBYTE, 1),
        "io": None if process.bytes_per_second is None else round(process.bytes_per_second / 1024, 1),
    }
