"""What open pages cost the server, beside a bare Panel page of four charts, and what closed ones leave behind."""

from __future__ import annotations

import json
import signal
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from os import kill
from pathlib import Path
from typing import NamedTuple

from benchmarks import processes, viewers
from benchmarks.browser import open_page
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread

LARGEST_MS, LARGEST_PAGE_MS, LARGEST_HIDDEN_MS, LARGEST_GROWTH = 10.0, 5.0, 1.0, 1.10
OURS, BARE, HIDDEN, IDLE = "vAIn, timeline", "bare Panel, four charts", "hidden", "idle"
END_SECONDS = 90.0
"""Within this the sessions of closed pages have to be gone: Bokeh looks for them every 17 s."""


class Scale(NamedTuple):
    """How much is measured; the tests take less."""

    rounds: int = 4
    settle_seconds: float = 6.0
    seconds: float = 15.0
    rest_seconds: float = 35.0
    """Before what follows pages that were closed: within it Bokeh ends their sessions, which is work of its own."""
    few_rounds: int = 2
    """Of what needs such a rest."""
    pages: int = 20
    first_cycles: int = 50
    cycles: int = 500


FULL = Scale()
METHOD = f"""One page is open in a headless Chromium, one at a time. CPU time of the whole server process, so vAIn's
sampling and all else that it does when idle is counted in. The floor is a Panel page of four Bokeh line charts, each
with a source of its own, which a periodic callback feeds once a second (`benchmarks/peers/panel_page.py`); nothing
else is on it. {FULL.rounds} rounds of {FULL.seconds:g} s, {FULL.settle_seconds:g} s after the first chart stood;
{FULL.few_rounds} of what follows.

{FULL.pages} pages are opened without a browser (`benchmarks/viewers.py`: the page, its WebSocket, its whole document,
then all that comes); what the server uses when nobody looks is taken off before the rest is divided among the pages. A
hidden tab is a page in Chromium that was told that it is hidden, again without what the server uses by itself. Then
{FULL.cycles} pages are opened and closed, four at a time: the sessions that are alive after that are counted within the
server, and its memory is compared with that after the first {FULL.first_cycles}."""


def measure(scale: Scale = FULL) -> Section:
    """About a quarter of an hour."""
    with processes.vain() as ours, processes.peer("panel_page") as bare:
        servers = {OURS: ours, BARE: bare}
        one = interleaved(scale.rounds, {name: partial(_cost, server, scale) for name, server in servers.items()})
        sides = {name: partial(_many, server, scale) for name, server in servers.items()}
        many = interleaved(scale.few_rounds, sides)
        sides_of_one = {IDLE: partial(_rested, ours, scale), HIDDEN: partial(_hidden, ours, scale)}
        hidden = interleaved(scale.few_rounds, sides_of_one)
    left = churned(scale)
    unseen = [cost - idle for cost, idle in zip(hidden[HIDDEN], hidden[IDLE], strict=True)]
    ours_each = spread([cost.page_ms for cost in many[OURS]])
    targets = [
        Target("one page: server CPU in ms/s", spread(one[OURS]).median, LARGEST_MS),
        Target(f"{scale.pages} pages: server CPU in ms per page and second", ours_each.median, LARGEST_PAGE_MS),
        Target("hidden tab: server CPU in ms/s", spread(unseen).median, LARGEST_HIDDEN_MS),
        Target(f"sessions after {scale.cycles} openings and closings", left.sessions, 0),
        Target("memory after them, of that after the first", left.growth, LARGEST_GROWTH),
    ]
    tables = [_one(one, unseen), _each(many, scale), left.table()]
    return Section("page", "Open pages", METHOD, tables, targets)


class Many(NamedTuple):
    """What many open pages cost, each."""

    page_ms: float
    """CPU of the server in milliseconds per page and second, without what it uses when nobody looks."""
    build_ms: float
    bytes_per_second: float


class Left(NamedTuple):
    """What is alive in a server whose pages are all closed; memory in MiB by the number of pages so far."""

    sessions: int
    memory: Mapping[int, float]

    @property
    def growth(self) -> float:
        """Of the memory, from the first count to the last."""
        sizes = list(self.memory.values())
        return sizes[-1] / sizes[0]

    def table(self) -> Table:
        """As it stands in the document."""
        rows = [[f"after {cycles:,} openings and closings", f"{size:.1f}"] for cycles, size in self.memory.items()]
        return Table(["memory of the server", "RSS in MiB"], rows)


def churned(scale: Scale) -> Left:
    """Open and close pages on a server that counts what it holds. Raises TimeoutError if it does not answer."""
    memory = {}
    with (
        tempfile.TemporaryDirectory(prefix="vain-benchmark-") as folder,
        processes.peer("counted_vain", folder) as server,
    ):
        done = 0
        for cycles in (scale.first_cycles, scale.cycles):
            viewers.churn(server, cycles - done)
            done = cycles
            sessions = _sessions(server, Path(folder))
            memory[cycles] = server.rss_mib()
    return Left(sessions, memory)


def _sessions(server: ServerProcess, folder: Path) -> int:
    """How many sessions are left when none of them is to be; waits a while for the last to end."""
    deadline, left = time.monotonic() + END_SECONDS, 1
    while left and time.monotonic() < deadline:
        time.sleep(3)
        left = max(_counts(server, folder).values())
    return left


def _counts(server: ServerProcess, folder: Path) -> dict[str, int]:
    path = folder / "counts.json"
    path.unlink(missing_ok=True)
    kill(server.pid, signal.SIGUSR1)
    deadline = time.monotonic() + END_SECONDS
    while time.monotonic() < deadline:
        with suppress(FileNotFoundError):
            counts: dict[str, int] = json.loads(path.read_text("utf-8"))
            return counts
        time.sleep(0.05)
    raise TimeoutError("the server did not count its sessions")


def _one(one: Mapping[str, list[float]], unseen: list[float]) -> Table:
    rows = [[name, spread(costs).text(1), ratios(costs, one[BARE]).text()] for name, costs in one.items()]
    rows.append(["a hidden tab of vAIn, above idle", spread(unseen).text(1), "–"])
    return Table(["one page", "server CPU in ms per second", "ratio to bare Panel"], rows)


def _each(many: Mapping[str, list[Many]], scale: Scale) -> Table:
    floor = [cost.page_ms for cost in many[BARE]]
    rows = []
    for name, costs in many.items():
        each = [cost.page_ms for cost in costs]
        built, sent = spread([cost.build_ms for cost in costs]), spread([cost.bytes_per_second for cost in costs])
        rows.append([name, spread(each).text(), ratios(each, floor).text(), built.text(0), f"{sent.median:,.0f}"])
    header = [
        f"{scale.pages} pages",
        "CPU ms per page and second",
        "ratio to bare Panel",
        "CPU ms to open one",
        "B/s each",
    ]
    return Table(header, rows)


def _cost(server: ServerProcess, scale: Scale) -> float:
    """Milliseconds of CPU per second while a page is open."""
    with open_page(f"http://localhost:{server.port}/", scale.settle_seconds):
        return _idle(server, scale)


def _hidden(server: ServerProcess, scale: Scale) -> float:
    """The same while the page is in a tab that nobody sees."""
    time.sleep(scale.rest_seconds)
    with open_page(f"http://localhost:{server.port}/", scale.settle_seconds) as page:
        page.evaluate(_HIDE)
        time.sleep(scale.settle_seconds)
        return _idle(server, scale)


def _rested(server: ServerProcess, scale: Scale) -> float:
    """The same when nobody looks, and the sessions of those who did are gone."""
    time.sleep(scale.rest_seconds)
    return _idle(server, scale)


def _idle(server: ServerProcess, scale: Scale) -> float:
    used, began = server.cpu_seconds(), time.monotonic()
    time.sleep(scale.seconds)
    return 1000 * (server.cpu_seconds() - used) / (time.monotonic() - began)


def _many(server: ServerProcess, scale: Scale) -> Many:
    alone = _rested(server, scale)
    seen = viewers.view(server, scale.pages, scale.seconds)
    busy = 1000 * seen.server_cpu_seconds / seen.seconds
    return Many((busy - alone) / seen.pages, seen.build_ms, seen.bytes / seen.seconds / seen.pages)


_HIDE = """() => {
  Object.defineProperty(document, "hidden", {get: () => true})
  Object.defineProperty(document, "visibilityState", {get: () => "hidden"})
  document.dispatchEvent(new Event("visibilitychange"))
}"""
