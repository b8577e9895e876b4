"""How the work flows, on one page: what is asked, the key figures, and every chart as a figure, a table and CSV.

All is drawn from one reading of ``Source.visualizations``, which is what ``GET /visualizations`` answers.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

import panel as pn
import param
from msgspec import Struct
from panel.custom import JSComponent

from vain import words
from vain.clock import Clock, unix, utc
from vain.errors import VainError
from vain.flow.figures import Chart, Visualizations
from vain.source import Source
from vain.types import PRIORITIES, TaskQuery
from vain.views import flow_figures as figures
from vain.views import flow_rows as rows
from vain.views.flow_drawing import Drawing, Parts
from vain.views.flow_machine import MachineDrawing
from vain.views.flow_tables import chart_of, facts, table
from vain.views.flow_wanted import RANGES, Wanted, checked, csv_address, plain
from vain.views.live import Live
from vain.views.text import asset

logger = logging.getLogger(__name__)

REFRESH_SECONDS: Final = 5.0
"""The charts of many thousand tasks take some tenths of a second to work out."""
IDLE_SECONDS: Final = 60.0
"""So old may they be when nothing happens: the window moves with the time."""
OLDEST: Final = TaskQuery(sort="created_at", limit=1)
WENT_WRONG: Final = "The charts could not be read; vAIn's log says why."


class Plan(Struct, frozen=True):
    """A chart: its name, its title, and in one sentence what it tells."""

    chart: str
    title: str
    sentence: str


TASKS: Final = (
    Plan(
        "completion",
        "Throughput",
        "What ended in each hour, day or week. While the dashed line is above the bars, the backlog grows.",
    ),
    Plan(
        "cumulative-flow",
        "Cumulative flow",
        "A band is as high as there are tasks in that state: one that widens is where work piles up.",
    ),
    Plan(
        "cycle-time",
        "Cycle time",
        "Each mark is a run that ended: the higher, the longer it took. Of 100 runs, 85 end below the dashed line.",
    ),
    Plan(
        "aging",
        "Age of work in progress",
        "A task to the right of the orange line (p85) is older than 85 of 100 earlier runs of its name became.",
    ),
    Plan(
        "durations",
        "Duration by name",
        "The names that took most time in all come first. A long bar means that runs differ much.",
    ),
    Plan(
        "outcomes",
        "Success rate by name",
        "How the runs of each name ended, and which share of those that were not cancelled succeeded.",
    ),
    Plan("forecast", "When all is done", "How likely all open tasks are done by then, at the pace of late."),
    Plan("status", "Tasks by status", "Where all tasks stand now, whatever the time above."),
)
MACHINE: Final = (
    Plan("cpu", "CPU", "The machine in the same time: the line is the mean, the band reaches from least to most."),
    Plan("memory", "Memory", "What programs could not get without swapping, and how much of the swap is used."),
    Plan("disk", "Disk", "How full each file system was."),
    Plan("network", "Network", "What the machine received and sent each second, loopback left out."),
    Plan("disk-io", "Disk throughput", "What was read from and written to all disks each second."),
    Plan("pressure", "Pressure", "The share of time in which work waited for CPU, memory or disk."),
)
DRAWINGS: Final[Mapping[str, Callable[[Parts, str], Drawing]]] = {
    "completion": figures.CompletionDrawing,
    "cumulative-flow": figures.CumulativeDrawing,
    "cycle-time": figures.CycleTimeDrawing,
    "aging": rows.AgingDrawing,
    "durations": rows.DurationsDrawing,
    "outcomes": rows.OutcomesDrawing,
    "forecast": figures.ForecastDrawing,
    "status": rows.StatusDrawing,
}
BYTES: Final = ("network", "disk-io")
"""Machine charts in bytes each second; the others are percentages."""


class FlowBar(JSComponent):
    """The browser's side of what is asked and of the key figures. Sends what is wanted, as ``Wanted`` has it."""

    wanted = param.Dict(default={})
    ranges = param.List(default=list(RANGES))
    priorities = param.List(default=list(PRIORITIES))
    facts = param.List(default=[], item_type=dict)
    state = param.String(default="waiting", doc="waiting, shown, none (no task at all) or unmatched")
    begins = param.String(default="", doc="Since when anything is known, where that is after what is asked for")
    trouble = param.String(default="")

    _esm = "\n".join(map(asset, ("when.js", "address.js", "flow_bar.js")))
    _stylesheets: ClassVar[list[str]] = [asset("flow.css")]


class ChartFrame(JSComponent):
    """The browser's side of one chart: its sentence, its table, its CSV. Sends ``{"show": "table" | "chart"}``."""

    title = param.String(default="")
    sentence = param.String(default="")
    note = param.String(default="")
    csv = param.String(default="")
    showing: param.Selector[str] = param.Selector(default="chart", objects=["chart", "table"])
    table = param.Dict(default={}, doc="Of vain.views.flow_tables; empty while the figure is shown")

    _esm = asset("flow_chart.js")
    _stylesheets: ClassVar[list[str]] = [asset("flow.css")]


class FlowChart(pn.viewable.Viewer):
    """One chart: ``views`` are the frame, in which the table stands, and the figure."""

    def __init__(self, plan: Plan, drawing: Drawing) -> None:
        super().__init__()
        self.plan, self.drawing = plan, drawing
        self.frame = ChartFrame(title=plan.title, sentence=plan.sentence, margin=0, sizing_mode="stretch_width")
        self.frame.on_msg(self._asked)
        self._chart: Chart | None = None

    @property
    def views(self) -> tuple[Any, Any]:
        """For a section of the page."""
        return self.frame, self.drawing.figure

    def __panel__(self) -> pn.viewable.Viewable:
        figure = pn.pane.Bokeh(self.drawing.figure, sizing_mode="stretch_width", margin=0)
        return pn.Column(self.frame, figure, sizing_mode="stretch_width", margin=0)

    def draw(self, found: Visualizations, wanted: Wanted) -> None:
        """Draw this chart of ``found``."""
        chart = chart_of(found, self.plan.chart)
        self._chart = chart
        if isinstance(self.drawing, figures.CycleTimeDrawing):
            self.drawing.mark(found.task_completion.cycle_time)
        if isinstance(self.drawing, figures.CompletionDrawing):
            self.drawing.say_interval(found.window.interval)
        if isinstance(self.drawing, figures.ForecastDrawing):
            self.drawing.nothing = found.task_completion.forecast.reason or ""
        self.drawing.draw(chart)
        self.frame.param.update(
            csv=csv_address(chart.id, found, wanted.tasks), note=_note(chart, found), table=self._table()
        )

    def _asked(self, event: Any) -> None:
        wish = event.data.get("show") if isinstance(event.data, dict) else None
        if wish in ("chart", "table"):
            self.drawing.figure.visible = wish == "chart"
            self.frame.showing = wish
            self.frame.table = self._table()

    def _table(self) -> dict[str, Any]:
        is_shown = self._chart is not None and self.frame.showing == "table"
        return table(self._chart) if is_shown and self._chart is not None else {}


class Flow(pn.viewable.Viewer):
    """The page's parts over a ``Live``: ``bar``, and ``charts`` by name. Loop only.

    Nothing is read before the browser says what it wants, since it alone knows the viewer's zone; then again after an
    event, at most every ``REFRESH_SECONDS``.
    """

    def __init__(self, live: Live, wanted: Wanted | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self.live, self._clock = live, clock
        self.wanted = wanted or Wanted()
        self._is_ready, self._is_reading, self._is_hidden = False, False, False
        self._read_seq, self._read_at = -1, -IDLE_SECONDS
        self._drawn: Wanted | None = None
        self._begins: float | None = None
        self.bar = FlowBar(wanted=plain(self.wanted), margin=0, sizing_mode="stretch_width")
        self.bar.on_msg(self._asked)
        self.parts = Parts()
        self.charts = {plan.chart: FlowChart(plan, _drawing(plan, self.parts)) for plan in (*TASKS, *MACHINE)}
        live.param.watch(lambda _event: self.refresh(), "tick")

    def __panel__(self) -> pn.viewable.Viewable:
        return pn.Column(self.bar, *self.charts.values(), sizing_mode="stretch_width", margin=0)

    def want(self, wanted: Wanted) -> None:
        """Show another time, or other tasks."""
        self.wanted, self._is_ready = wanted, True
        self.bar.wanted = plain(wanted)
        self.refresh()

    def refresh(self) -> None:
        """Read the charts again, unless they are what is wanted and nothing happened, or the last reading is recent."""
        age = self._clock() - self._read_at
        is_behind = self._read_seq != self.live.source.seq or age >= IDLE_SECONDS
        is_due = self._drawn != self.wanted or (is_behind and age >= REFRESH_SECONDS)
        if self._is_ready and not self._is_hidden and not self._is_reading and is_due:
            self._is_reading, self._read_at, self._read_seq = True, self._clock(), self.live.source.seq
            wanted = self.wanted
            self.live.fetch(lambda: self._read(wanted), lambda found: self._show(found, wanted))

    async def _read(self, wanted: Wanted) -> Visualizations | str:
        source = self.live.source
        try:
            self._begins = await begin_of(source)
            stretch = wanted.stretch(time.time(), self._begins)
            return await source.visualizations(*stretch, wanted.timezone, wanted.tasks)
        except VainError as error:
            return error.detail
        except Exception:
            logger.exception("The charts of the flow could not be read")
            return WENT_WRONG

    def _show(self, found: Visualizations | str, wanted: Wanted) -> None:
        self._is_reading, self._drawn = False, wanted
        if isinstance(found, str):
            self.bar.trouble = found
        else:
            self._draw(found, wanted)
        if self.wanted != wanted:
            self.refresh()

    def _draw(self, found: Visualizations, wanted: Wanted) -> None:
        self.parts.show_window(found.window)
        for chart in self.charts.values():
            chart.draw(found, wanted)
        is_empty = not any(value for value in chart_of(found, "cumulative-flow").data["arrived"]) and not (
            found.task_completion.total
        )
        state = ("unmatched" if wanted.is_filtered else "none") if is_empty else "shown"
        cut = wanted.cut(time.time(), self._begins)
        begins = "" if cut is None else utc(cut)
        self.bar.param.update(facts=facts(found), state=state, begins=begins, trouble="")

    def _asked(self, event: Any) -> None:
        sent = event.data if isinstance(event.data, dict) else {}
        if isinstance(sent.get("hidden"), bool):
            self._is_hidden = sent["hidden"]
            self.refresh()
        wanted = checked(sent.get("wanted"))
        if wanted is not None:
            self.want(wanted)


async def begin_of(source: Source) -> float | None:
    """Since when anything is known, of the machine or of a task that still stands; None: of nothing."""
    extent = await source.extent()
    oldest = (await source.page(OLDEST)).tasks
    known = [*(extent[:1] if extent else ()), *(unix(task.created_at) for task in oldest)]
    return min(known, default=None)


def _drawing(plan: Plan, parts: Parts) -> Drawing:
    if plan.chart in DRAWINGS:
        return DRAWINGS[plan.chart](parts, plan.title)
    return MachineDrawing(parts, plan.title, plan.chart not in BYTES)


def _note(chart: Chart, found: Visualizations) -> str:
    """What the sentence cannot know: the percentiles that are drawn, and that some rows are not."""
    parts = [f"{chart.left_out:,} more are not shown."] if chart.left_out else []
    took = found.task_completion.cycle_time
    if chart.id == "cycle-time" and took.p50_seconds is not None:
        known = zip(("Median", "p85", "p95"), (took.p50_seconds, took.p85_seconds, took.p95_seconds), strict=True)
        parts.insert(0, f"{', '.join(f'{label} {words.duration(seconds)}' for label, seconds in known)}.")
    return " ".join(parts)
