"""What one open page costs the server, beside a bare Panel page of four charts."""

from __future__ import annotations

import time
from functools import partial

from benchmarks import processes
from benchmarks.browser import open_page
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread

ROUNDS, SETTLE_SECONDS, SECONDS = 4, 6.0, 15.0
LARGEST_MS = 10.0
METHOD = f"""The page is open in a headless Chromium, one at a time. CPU time of the whole server process, so vAIn's
sampling and all else that it does when idle is counted in. The floor is a Panel page of four Bokeh line charts, each
with a source of its own, which a periodic callback feeds once a second (`benchmarks/peers/panel_page.py`); nothing
else is on it. {ROUNDS} rounds of {SECONDS:g} s, {SETTLE_SECONDS:g} s after the first chart stood."""


def measure() -> Section:
    """About three minutes."""
    with processes.vain() as ours, processes.peer("panel_page") as bare:
        servers = {"vAIn, dashboard": ours, "bare Panel, four charts": bare}
        measured = interleaved(ROUNDS, {name: partial(_cost, server) for name, server in servers.items()})
        floor = measured["bare Panel, four charts"]
        rows = [[name, spread(costs).text(1), ratios(costs, floor).text()] for name, costs in measured.items()]
    targets = [Target("server CPU in ms/s", spread(measured["vAIn, dashboard"]).median, LARGEST_MS)]
    table = Table(["", "server CPU in ms per second", "ratio to bare Panel"], rows)
    return Section("page", "One open page", METHOD, [table], targets)


def _cost(server: ServerProcess) -> float:
    """Milliseconds of CPU per second while a page is open."""
    with open_page(f"http://localhost:{server.port}/", SETTLE_SECONDS):
        used, began = server.cpu_seconds(), time.monotonic()
        time.sleep(SECONDS)
        return 1000 * (server.cpu_seconds() - used) / (time.monotonic() - began)
