"""The charts of the timeline: one track for each thing of the machine that work can wait for, on one time axis."""

from __future__ import annotations

from typing import Final

from vain.samples import Sample
from vain.views import theme
from vain.views.charts import DISK, MEMORY, NETWORK, Charts, Plan, Trace
from vain.views.live import Live

TRACK_PIXELS: Final = 92
MOST_GPUS: Final = 4

_CPU: Final = (Trace("cpu.percent", "All cores", theme.SERIES["blue"], banded=True),)
_PRESSURE: Final = (
    Trace("pressure.cpu_percent", "For a core", theme.SERIES["blue"], banded=True),
    Trace("pressure.memory_percent", "For memory", theme.SERIES["purple"], "dotted"),
    Trace("pressure.io_percent", "For a disk", theme.SERIES["orange"], "dashed", banded=True),
)
_GPU_LOOKS: Final = (("green", "solid"), ("blue", "dashed"), ("purple", "dotted"), ("orange", "dotdash"))


def tracks(live: Live) -> Charts:
    """The charts of ``live``'s machine, bare. What the machine does not tell (pressure, a GPU) has no track."""
    return Charts(live, TRACK_PIXELS, planned=plans(live.sample), bare=True)


def plans(sample: Sample | None) -> tuple[Plan, ...]:
    """What is drawn for a machine of which ``sample`` is known; before the first sample: what every machine has."""
    found = [
        Plan("cpu", "CPU", "%", _CPU),
        Plan("memory", "Memory", "bytes", MEMORY),
        Plan("disk", "Disk", "bytes/s", DISK),
        Plan("network", "Network", "bytes/s", NETWORK),
    ]
    if sample is not None and sample.pressure.cpu_some_percent is not None:
        found.append(Plan("pressure", "Waiting", "%", _PRESSURE))
    if sample is not None and sample.gpus:
        numbers = [gpu.index for gpu in sample.gpus[:MOST_GPUS]]
        looks = zip(numbers, _GPU_LOOKS, strict=False)
        lines = [
            Trace(f"gpu.percent:{number}", f"GPU {number}", theme.SERIES[color], dash, banded=True)
            for number, (color, dash) in looks
        ]
        found.append(Plan("gpu", "GPU", "%", tuple(lines)))
    return tuple(found)
