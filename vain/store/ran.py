"""Which tasks ran in a window. The function runs on a reading thread, inside one snapshot (see ``Store.read``)."""

from __future__ import annotations

from math import inf

from msgspec import Struct, json

from vain.alerting.replay_tasks import Run, Said
from vain.clock import unix, utc
from vain.codec import decode
from vain.explaining.use import Ran
from vain.pings import NOT_COME
from vain.store import ran_queries
from vain.store.connection import Connection
from vain.types import STATUSES, Outcome, Resources, TaskSource

MOST_RAN = 10_000
"""Of one answer: those that ran longest in the window."""


MOST_RUNS = 100_000
MOST_EARLIER = 20_000


class _Told(Struct, frozen=True):
    """What is looked at in the JSON of a task."""

    resources: Resources | None = None
    source: TaskSource | None = None
    attempt: int = 1


_told = json.Decoder(_Told)


def ran_between(connection: Connection, after: float, before: float, now: float) -> tuple[list[Ran], int]:
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


def runs_between(connection: Connection, after: float, before: float, job: str | None = None) -> list[Run]:
    """The attempts that began before the end of a window (Unix seconds) and were not over at its begin; before them
    those that went well, which say what is usual: ``MOST_EARLIER`` of them at most. ``job``: of this name or key alone.

    Those of tasks that were deleted are among them, without their costs.
    """
    values = {"after": round(after * 1000), "before": round(before * 1000), "job": job}
    known = connection.execute(ran_queries.RUNS_EARLIER, {**values, "most": MOST_EARLIER})
    lived = connection.execute(ran_queries.RUNS_BETWEEN, {**values, "most": MOST_RUNS})
    return [_run(*row) for rows in (known, lived) for row in rows]


def _run(
    task_id: int, name: str, key: str | None, tags: str | None, started_ms: int | None, ended_ms: int | None,
    removed_ms: int | None, outcome: Outcome | None, cpu_seconds: float | None, rss_peak_bytes: int | None,
) -> Run:  # fmt: skip
    started, ended, removed = (None if at is None else at / 1000 for at in (started_ms, ended_ms, removed_ms))
    return Run(task_id, name, key, _tags(tags), started, ended, removed, outcome, cpu_seconds, rss_peak_bytes)


def said_between(connection: Connection, after: float, before: float) -> list[Said]:
    """That a job fell silent, came late, did not come or was heard again, in a window (Unix seconds), in that order."""
    rows = connection.execute(ran_queries.SAID_BETWEEN, (utc(after), utc(before)))
    # Of a job without a run only the title knows the name: "backup did not come".
    return [
        Said(unix(at), kind, task_id, name or title.removesuffix(NOT_COME), key, _tags(tags))
        for at, kind, task_id, title, name, key, tags in rows
    ]


def _tags(text: str | None) -> list[str]:
    return decode(list[str], text.encode()) if text else []


def ran_as(connection: Connection, name: str, after: float, before: float) -> list[tuple[float, float]]:
    """When tasks of this name or key were in progress in a window (Unix seconds); infinite: still."""
    rows = connection.execute(ran_queries.RAN_AS, (name, name, round(before * 1000), round(after * 1000)))
    return [(begin / 1000, inf if end is None else end / 1000) for begin, end in rows]
