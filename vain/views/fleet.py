"""All hosts that report: a table of what each does now, worst first, and one metric of all of them over time.

The browser says when it stands, and is sent all rows; after that only the rows that changed. Sorting, filtering and
which rows are drawn are its own business: a table of a thousand hosts has the rows in view.
"""

from __future__ import annotations

import time
from typing import Any, ClassVar, Final
from weakref import WeakKeyDictionary

import panel as pn
from panel.custom import JSComponent

from vain.clock import Clock
from vain.codec import encode
from vain.shared import SharedReads
from vain.source import Source
from vain.views.fleet_rows import Row, by_name, changes
from vain.views.live import Live
from vain.views.text import asset

RENEW_SECONDS: Final = 0.9
"""A table is renewed with each tick of the server, which comes once a second, and not with what happens between."""
HOSTS_A_SECOND: Final = 200
"""Of more hosts than this, the figures come less often."""
MOST_SHARED: Final = 2

_reads: WeakKeyDictionary[Source, SharedReads[int, dict[str, Row]]] = WeakKeyDictionary()


class FleetRows(JSComponent):
    """The browser's side. Sends ``{"ready": true}`` when it stands; all that is told of a host is set as text."""

    _esm = "\n".join(
        map(
            asset,
            (
                "address.js", "timeline_units.js", "fleet_words.js", "fleet_columns.js", "fleet_table.js",
            ),
        )
    )  # fmt: skip
    _stylesheets: ClassVar[list[str]] = [asset("fleet.css")]

    def tell(self, message: dict[str, Any]) -> None:
        """Sends one message to the browser."""
        self._send_msg(message)


class FleetTable(pn.viewable.Viewer):
    """The table over a ``Live``. Loop only."""

    def __init__(self, live: Live, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._live, self._clock = live, clock
        self._rows = FleetRows(sizing_mode="stretch_width", margin=0)
        self._rows.on_msg(lambda event: self.receive(event.data))
        self._sent: dict[str, Row] | None = None
        """What the browser has; None before it stands."""
        self._read_at, self._reads = 0.0, False
        live.param.watch(lambda _event: self._follow(), "tick")

    def __panel__(self) -> pn.viewable.Viewable:
        return self._rows

    def receive(self, message: Any) -> None:
        """Takes one message of the browser; what our own page never sends is left unanswered."""
        if isinstance(message, dict) and message.get("ready") is True:
            self._sent = {}
            self._read()

    def _follow(self) -> None:
        pause = max(RENEW_SECONDS, len(self._sent or ()) / HOSTS_A_SECOND)
        if self._sent is not None and self._clock() - self._read_at >= pause:
            self._read()

    def _read(self) -> None:
        if not self._reads:
            self._reads, self._read_at = True, self._clock()
            self._live.fetch(self._newest, self._show)

    async def _newest(self) -> dict[str, Row]:
        try:
            return await rows_of(self._live.source, self._clock())
        finally:
            self._reads = False

    def _show(self, rows: dict[str, Row]) -> None:
        if self._sent is None:
            return
        told = changes(self._sent, rows)
        # A row that was too much alike to be told is compared with what the browser has next time, too.
        kept = {name: row for name, row in self._sent.items() if name in rows}
        self._sent = {**kept, **{row.name: row for row in told.get("rows", ())}}
        if told:
            self._rows.tell({"told": encode({**told, "now": time.time()}).decode()})


async def rows_of(source: Source, now: float) -> dict[str, Row]:
    """The rows of all hosts by name, worked out once a second for all who look; ``now`` by a steady clock."""
    shared = _reads.setdefault(source, SharedReads(MOST_SHARED))

    async def read() -> dict[str, Row]:
        return by_name(await source.hosts())

    return await shared.get(int(now), read)
