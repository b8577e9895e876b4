"""Where on the timeline it is shaded that a rule fired: the track of what it watches, or the lanes for all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from vain.alerting.alert import PastFiring
from vain.clock import unix
from vain.lanes import Lanes
from vain.views.charts import Plan

ALIKE: Final = {"load": "cpu", "swap": "memory"}
"""Kinds of metrics, by the first word of their name, that are drawn on the track of another."""


def shaded(firings: Iterable[PastFiring], plans: Sequence[Plan]) -> list[dict[str, Any]]:
    """What the browser draws of them, times in Unix seconds; ``track`` is the place in ``plans``, None: the lanes."""
    return [
        {
            "since": unix(each.since),
            "until": None if each.until is None else unix(each.until),
            "level": each.level or "warning",
            "title": each.title,
            "track": track_of(each.metric, plans),
        }
        for each in firings
    ]


def of_host(firings: Iterable[PastFiring], lanes: Lanes, host: str | None) -> list[PastFiring]:
    """Those that a timeline shows: of metrics those of its machine (None: the server's own), and those about tasks,
    on another machine only of tasks that are drawn."""
    drawn = {bar.task_id for bar in lanes.bars}
    return [
        each
        for each in firings
        if (each.host == host if each.metric is not None else host is None or each.task_id in drawn)
    ]


def track_of(metric: str | None, plans: Sequence[Plan]) -> int | None:
    """The track with the line of this series, or one of the same kind: how full a disk is, on that of the disks."""
    if metric is None:
        return None
    kind = metric.partition(".")[0]
    own = (place for place, plan in enumerate(plans) if any(trace.series == metric for trace in plan.traces))
    alike = (place for place, plan in enumerate(plans) if plan.name == ALIKE.get(kind, kind))
    return next(own, next(alike, None))
