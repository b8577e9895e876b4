"""What is asked: which window, which metric, and against which window before."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from vain.catalog import BY_NAME, metric_of
from vain.errors import Flaw, Malformed

ExplainMetric = Literal["cpu", "memory", "growth", "read", "written", "io", "gpu", "gpu_memory"]
"""What tasks can be known to have a share of."""

GROWTH = "memory.growth_bytes"
"""No series: by how much the most memory in the window is more than the mean of the window before."""
METRICS: tuple[str, ...] = (*(name for name, metric in BY_NAME.items() if metric.instance != "task_id"), GROWTH)
SHORTEST_SECONDS = 3.0
"""Of a window. A click on a moment is widened to it, and no further: what was just before is another question."""
SHORTEST_BASELINE_SECONDS = 60.0
"""Fewer samples say nothing about what is usual."""
SHORTEST_PERIODS = 3
"""So that there are samples in it."""

_KINDS: tuple[tuple[str, ExplainMetric], ...] = (
    (GROWTH, "growth"),
    ("cpu.iowait_percent", "io"),
    ("pressure.io", "io"),
    ("cpu.", "cpu"),
    ("load.", "cpu"),
    ("pressure.cpu", "cpu"),
    ("sensor.", "cpu"),
    ("memory.", "memory"),
    ("swap.", "memory"),
    ("pressure.memory", "memory"),
    ("disk.read", "read"),
    ("disk.device.read", "read"),
    ("disk.", "written"),
    ("gpu.memory", "gpu_memory"),
    ("gpu.", "gpu"),
)
"""By how a metric begins, the first that fits: a disk fills by what is written, cores wait for both ways."""


class Explaining(Struct, frozen=True):
    """A window in Unix seconds, the metric that it is about, and the window that it is compared with.

    ``metric`` is a metric or series of the machine (``cpu.percent``, ``disk.percent:/home``) or ``GROWTH``. Without a
    baseline it is the time just before, as long as the window, a minute at least. ``host`` is the machine that it is
    about, ``""`` the server's own.
    """

    after: float
    before: float
    metric: str = "cpu.percent"
    baseline_after: float | None = None
    baseline_before: float | None = None
    host: str = ""


class Windows(Struct, frozen=True):
    """What is looked at: both windows, in Unix seconds."""

    after: float
    before: float
    baseline_after: float
    baseline_before: float

    @property
    def seconds(self) -> float:
        """How long the window is."""
        return self.before - self.after


def kind_of(metric: str) -> ExplainMetric | None:
    """What tasks have a share of, when this metric is asked about; None where nobody knows (the network)."""
    return next((kind for prefix, kind in _KINDS if metric.startswith(prefix)), None)


def checked(asked: Explaining) -> Explaining:
    """The question, if it can be answered. Raises Malformed that names the parameter."""
    if asked.metric != GROWTH and ((known := metric_of(asked.metric)) is None or known.name not in METRICS):
        raise _malformed("metric", f"a metric of the machine such as cpu.percent is expected, or {GROWTH}.")
    if not asked.after < asked.before:
        raise _malformed("after", "It must be earlier than 'before'.")
    after, before = asked.baseline_after, asked.baseline_before
    if after is not None and before is not None and not after < before:
        raise _malformed("baseline_after", "It must be earlier than 'baseline_before'.")
    return asked


def windows_of(asked: Explaining, now: float, period_seconds: float) -> Windows:
    """The windows that are looked at: a short one is widened, so that samples and looks are in it, up to now."""
    shortest = max(SHORTEST_SECONDS, SHORTEST_PERIODS * period_seconds)
    after, before = asked.after, asked.before
    if before - after < shortest:
        middle = (after + before) / 2
        before = min(middle + shortest / 2, max(now, asked.before))
        after = before - shortest
    length = max(before - after, SHORTEST_BASELINE_SECONDS)
    begin, end = asked.baseline_after, asked.baseline_before
    if end is None:
        end = after if begin is None else begin + length
    if begin is None:
        begin = end - length
    return Windows(max(0.0, after), before, max(0.0, begin), max(0.001, end))


def rounded(asked: Explaining) -> Explaining:
    """To milliseconds, so that equal questions are equal."""
    times = ("after", "before", "baseline_after", "baseline_before")
    given = {name: value for name in times if (value := getattr(asked, name)) is not None}
    return replace(asked, **{name: round(value, 3) for name, value in given.items()})


def _malformed(parameter: str, detail: str) -> Malformed:
    return Malformed(f"{parameter}: {detail}", [Flaw(detail, parameter=parameter)])
