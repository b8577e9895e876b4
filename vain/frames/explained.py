"""Who used what the machine used, as a DataFrame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
from msgspec import Struct

from vain.explaining import Changed, Explanation, ProcessShare, TaskShare

Part = Literal["tasks", "processes", "changed"]
WHOLE = {
    "pid",
    "task_id",
    "memory_peak_bytes",
    "memory_growth_bytes",
    "read_bytes",
    "written_bytes",
    "memory_bytes",
}
TEXT = {"name", "status", "outcome", "metric", "label", "unit"}
_KINDS: dict[str, tuple[type[Struct], str]] = {
    "tasks": (TaskShare, "task_id"),
    "processes": (ProcessShare, "pid"),
    "changed": (Changed, "metric"),
}


def explained(explanation: Explanation, part: Part = "tasks") -> pd.DataFrame:
    """The tasks that ran by ``task_id``, or the processes by ``pid``, the largest share first; or what changed by
    ``metric``, the most unusual first. Unknown is missing.

    ``df.attrs`` has the rest: ``window`` and ``baseline`` (pairs of UTC times), ``metric``, ``value``, ``peak``,
    ``unit``, ``unattributed`` (a share) and ``notes``.
    """
    kind, key = _KINDS[part]
    rows: Sequence[object] = getattr(explanation, part)
    index = pd.Index(_values(rows, key), dtype="str" if key in TEXT else "int64", name=key)
    columns = {name: _column(rows, name, index) for name in kind.__struct_fields__ if name != key}
    frame = pd.DataFrame(columns, index=index)
    frame.attrs.update(
        window=_times(explanation.window.after, explanation.window.before),
        baseline=_times(explanation.baseline.after, explanation.baseline.before),
        metric=explanation.metric,
        value=explanation.value,
        peak=explanation.peak,
        unit=explanation.unit,
        unattributed=explanation.unattributed.share,
        notes=explanation.notes,
    )
    return frame


def _column(rows: Sequence[object], name: str, index: pd.Index) -> pd.Series:
    kind = "Int64" if name in WHOLE else "string" if name in TEXT else "float64"
    return pd.Series(_values(rows, name), index, dtype=kind)


def _values(rows: Sequence[object], name: str) -> list[object]:
    return [getattr(row, name) for row in rows]


def _times(after: float, before: float) -> tuple[pd.Timestamp, pd.Timestamp]:
    return pd.Timestamp(after, unit="s", tz="UTC"), pd.Timestamp(before, unit="s", tz="UTC")
