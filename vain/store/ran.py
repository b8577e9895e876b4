"""Which tasks ran in a window. The function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

import apsw
from msgspec import Struct, json

from vain.explaining.use import Ran
from vain.store import ran_queries
from vain.types import STATUSES, Resources, TaskSource

MOST_RAN = 10_000
"""Of one answer: those that ran longest in the window."""


class _Told(Struct, frozen=True):
    """What is looked at in the JSON of a task."""

    resources: Resources | None = None
    source: TaskSource | None = None
    attempt: int = 1


_told = json.Decoder(_Told)


def ran_between(connection: apsw.Connection, after: float, before: float, now: float) -> tuple[list[Ran], int]:
    """The tasks that ran in a window (Unix seconds), those deleted since as well, and how many are left out."""
    bounds = {"after": round(after * 1000), "before": round(before * 1000), "now": round(now * 1000)}
    rows = list(connection.execute(ran_queries.RAN_BETWEEN, {**bounds, "most": MOST_RAN}))
    left_out = 0
    if len(rows) == MOST_RAN:
        left_out = int(connection.execute(ran_queries.RAN_BETWEEN_COUNT, bounds).get) - len(rows)
    return [_ran(*row) for row in rows], left_out


def _ran(
    task_id: int,
    name: str,
    started_ms: int,
    ended_ms: int,
    outcome: str | None,
    status: int | None,
    parent_id: int | None,
    progress: float | None,
    body: bytes | None,
) -> Ran:
    told = _Told() if body is None else _told.decode(body)
    source = told.source
    return Ran(
        task_id=task_id,
        name=name,
        status=None if status is None else STATUSES[status],
        outcome=outcome,  # type: ignore[arg-type]  # one of OUTCOMES
        started=started_ms / 1000,
        ended=ended_ms / 1000,
        parent_id=parent_id,
        progress=progress,
        process=None if source is None or source.pid is None else (source.host or "", source.pid),
        resources=told.resources,
        attempt=told.attempt,
    )
