"""A bare Panel page of four Bokeh line charts at 1 Hz: the floor of ``benchmarks/page.py``.

    python -m benchmarks.peers.panel_page PORT FOLDER

Written as Panel's documentation teaches it: a periodic callback for each session streams into its sources.
"""

from __future__ import annotations

import sys
import time

import panel as pn
import psutil
from bokeh.models import ColumnDataSource
from bokeh.plotting import figure

ROLLOVER = 600
PERIOD_MS = 1_000
TITLES = ("CPU", "Memory", "Disk", "Network")


def _read() -> tuple[float, ...]:
    disk, network = psutil.disk_io_counters(), psutil.net_io_counters()
    written = float(disk.write_bytes) if disk else 0.0
    return psutil.cpu_percent(), psutil.virtual_memory().percent, written, float(network.bytes_recv)


def page() -> pn.viewable.Viewable:
    """One session's page, with its own sources and its own callback."""
    sources = [ColumnDataSource({"t": [], "value": []}) for _ in TITLES]
    charts = []
    for title, source in zip(TITLES, sources, strict=True):
        chart = figure(title=title, x_axis_type="datetime", height=220, sizing_mode="stretch_width")
        chart.line("t", "value", source=source)
        charts.append(pn.pane.Bokeh(chart, sizing_mode="stretch_width"))

    def update() -> None:
        now = time.time() * 1000
        for source, value in zip(sources, _read(), strict=True):
            source.stream({"t": [now], "value": [value]}, rollover=ROLLOVER)

    pn.state.add_periodic_callback(update, period=PERIOD_MS)
    return pn.Column(*charts, sizing_mode="stretch_width")


if __name__ == "__main__":
    pn.serve({"/": page}, port=int(sys.argv[1]), address="127.0.0.1", websocket_origin="*", show=False)
