"""How soon a dashboard shows its first chart, and what it had to fetch for it, beside others."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from benchmarks import processes
from benchmarks.browser import HEIGHT, LOAD_SECONDS, WIDTH, browser, new_page
from benchmarks.processes import ServerProcess
from benchmarks.report import Section, Table, Target
from benchmarks.rounds import interleaved, ratios, spread

ROUNDS, WARM_SECONDS = 5, 8.0
LARGEST_SECONDS = 1.5
OURS, BARE = "vAIn", "bare Panel, four charts"
PEERS = {"glances": "Glances", "netdata": "Netdata"}
SETTLE_SECONDS = 1.0
METHOD = f"""A browser that has never been there opens the page ({WIDTH} × {HEIGHT}, headless Chromium without a GPU,
started anew for each load); the server runs and has been looked at before. The first chart stands when a canvas holds
more than two colours, looked for every 30 ms inside the page, in shadow roots too; Glances draws no charts, so there it
is the first percentage as text. Bytes are those on the wire, WebSocket messages counted; both until then. Glances and
Netdata take part where they are installed (`GLANCES` and `NETDATA` may name the commands), with their own defaults.
{ROUNDS} rounds."""


class Opened(NamedTuple):
    """One load, until the first chart stood."""

    seconds: float
    kilobytes: float
    requests: int


def measure() -> Section:
    """About two minutes."""
    with ExitStack() as stack:
        servers = {OURS: stack.enter_context(processes.vain()), BARE: stack.enter_context(processes.peer("panel_page"))}
        for name, title in PEERS.items():
            command = os.environ.get(name.upper()) or shutil.which(name)
            if command:
                servers[title] = stack.enter_context(processes.peer("dashboards", name, command))
        for title, server in servers.items():
            opened(server, title)
        time.sleep(WARM_SECONDS)
        measured = interleaved(ROUNDS, {title: partial(opened, server, title) for title, server in servers.items()})
    ours = [load.seconds for load in measured[OURS]]
    rows = [[title, *_cells(loads, ours)] for title, loads in measured.items()]
    missing = [title for title in PEERS.values() if title not in servers]
    header = ["", "first chart in s", "ratio to vAIn", "kB until then", "requests until then"]
    targets = [Target("seconds until the first chart", spread(ours).median, LARGEST_SECONDS)]
    notes = f"Not installed, so not measured: {', '.join(missing)}." if missing else ""
    return Section("opening", "Opening the page", METHOD, [Table(header, rows)], targets, notes)


def opened(server: ServerProcess, title: str) -> Opened:
    """Load the page of ``server`` in a new browser. Raises TimeoutError of Playwright where no chart comes."""
    with browser() as started:
        page = new_page(started, _WATCH % ("true" if title == PEERS["glances"] else "false"))
        meter = _Meter()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", meter.asked)
        session.on("Network.loadingFinished", meter.received)
        session.on("Network.webSocketFrameReceived", meter.heard)
        page.goto(f"http://localhost:{server.port}/", wait_until="commit")
        page.wait_for_function("window.firstChart", timeout=LOAD_SECONDS * 1000, polling=50)
        seconds = page.evaluate("window.firstChart") / 1000
        return Opened(seconds, meter.bytes / 1000, meter.requests)


class _Meter:
    def __init__(self) -> None:
        self.bytes = self.requests = 0

    def asked(self, event: dict[str, object]) -> None:
        self.requests += not str(event["documentURL"]).startswith("data:")

    def received(self, event: dict[str, float]) -> None:
        self.bytes += int(event["encodedDataLength"])

    def heard(self, event: dict[str, dict[str, str]]) -> None:
        self.bytes += len(event["response"]["payloadData"])


def _cells(loads: list[Opened], ours: list[float]) -> Iterator[str]:
    seconds = [load.seconds for load in loads]
    yield spread(seconds).text(2)
    yield ratios(seconds, ours).text(2)
    yield f"{spread([load.kilobytes for load in loads]).median:,.0f}"
    yield f"{spread([float(load.requests) for load in loads]).median:.0f}"


_WATCH = """(() => {
  const isText = %s, small = new OffscreenCanvas(100, 50), context = small.getContext("2d", {willReadFrequently: true})
  function* roots(root) {
    yield root
    for (const one of root.querySelectorAll("*")) if (one.shadowRoot) yield* roots(one.shadowRoot)
  }
  function isPainted(canvas) {
    if (canvas.width < 50 || canvas.height < 30) return false
    context.clearRect(0, 0, 100, 50)
    try { context.drawImage(canvas, 0, 0, 100, 50) } catch { return false }
    const {data} = context.getImageData(0, 0, 100, 50), colours = new Set()
    for (let at = 0; at < data.length; at += 4)
      if (data[at + 3] > 127) colours.add(data[at] >> 5 << 6 | data[at + 1] >> 5 << 3 | data[at + 2] >> 5)
    return colours.size > 2
  }
  const look = () => {
    if (document.body) for (const root of roots(document)) {
      const canvases = [...root.querySelectorAll("canvas")]
      const stands = isText ? /[0-9]%%/.test(document.body.innerText) : canvases.some(isPainted)
      if (stands) { window.firstChart = performance.now(); return }
    }
    setTimeout(look, 30)
  }
  look()
})()"""
