"""Which tasks ran in a window. The function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

from math import inf
from typing import NamedTuple

import apsw
from msgspec import Struct, json

from vain.codec import decode
from vain.explaining.use import Ran
from vain.store import ran_queries
from vain.types import STATUSES, Outcome, Resources, TaskSource

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


class Ended(NamedTuple):
    """How an attempt of a task ended; ``at`` in Unix seconds."""

    at: float
    name: str
    key: str | None
    tags: list[str]
    outcome: Outcome


def ended_between(connection: apsw.Connection, after: float, before: float) -> list[Ended]:
    """The attempts that ended in a window (Unix seconds), in that order, those of tasks deleted since as well."""
    rows = connection.execute(ran_queries.ENDED_BETWEEN, (round(after * 1000), round(before * 1000)))
    return [
        Ended(at / 1000, name, key, decode(list[str], tags.encode()) if tags else [], outcome)
        for at, name, key, tags, outcome in rows
    ]


def ran_as(connection: apsw.Connection, name: str, after: float, before: float) -> list[tuple[float, float]]:
    """When tasks of this name or key were in progress in a window (Unix seconds); infinite: still."""
    rows = connection.execute(ran_queries.RAN_AS, (name, name, round(before * 1000), round(after * 1000)))
    return [(begin / 1000, inf if end is None else end / 1000) for begin, end in rows]
