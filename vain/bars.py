"""The lanes of a window out of who lives in it: ``vain.packing`` says who is shown, here it gets what a bar tells."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from msgspec import Struct, structs

from vain.clock import unix
from vain.lanes import Bar, LaneQuery, Lanes
from vain.packing import packed
from vain.packing.hall import Kin
from vain.packing.tasks import NEVER, Lives
from vain.types import Eta, Outcome, Resources, Status, Task


class Told(Struct, frozen=True):
    """What a bar tells of a task as it stands: the fields of ``Task`` of the same names."""

    task_id: int
    name: str
    status: Status
    attempt: int = 1
    parent_id: int | None = None
    outcome: Outcome | None = None
    stale: bool = False
    overdue: bool = False
    progress: float | None = None
    exit_code: int | None = None
    key: str | None = None
    eta: Eta | None = None
    resources: Resources | None = None


class Book(Protocol):
    """Where the tasks are: all is asked for at one instant."""

    def kin(self, task_ids: Collection[int]) -> Mapping[int, Kin]:
        """The kin of tasks and of all their ancestors, each by its number."""

    def told(self, task_ids: Collection[int]) -> Mapping[int, Told]:
        """What bars tell of tasks."""

    def children(self, task_ids: Collection[int]) -> Mapping[int, int]:
        """How many children tasks have; those without may be missing."""


def lanes(lives: Lives, waiting: int, query: LaneQuery, book: Book, seq: int, now: float) -> Lanes:
    """The lanes of a window; ``waiting`` tasks that match and wait are not among ``lives``. ``now`` in Unix seconds."""
    found = packed(lives, query, now, book.kin)
    told = book.told(found.places)
    hidden = dict(book.children(found.places))
    for each in told.values():
        if each.parent_id in hidden:
            hidden[each.parent_id] -= 1
    bars = [
        _bar(lives, position, told[task_id], place.row, place.depth, hidden.get(task_id, 0))
        for task_id, place in found.places.items()
        for position in place.attempts
    ]
    bars.sort(key=lambda bar: (bar.row, bar.created, bar.task_id))
    return Lanes(
        after=query.after,
        before=query.before,
        rows=max((bar.row for bar in bars), default=-1) + 1,
        bars=bars,
        total=found.total + waiting,
        left_out=found.total + waiting - len(found.places),
        crowd=found.crowd,
        seq=seq,
        now=now,
    )


def told_of(task: Task) -> Told:
    """What a bar tells of a task."""
    return Told(**{name: getattr(task, name) for name in Told.__struct_fields__})


def _bar(lives: Lives, position: int, told: Told, row: int, depth: int, hidden: int) -> Bar:
    """An attempt; of one before the newest only its times and its outcome are known."""
    started, completed = _seconds(lives.started_ms[position]), _seconds(lives.completed_ms[position])
    attempt = lives.attempt[position]
    earlier = Bar(
        task_id=told.task_id,
        name=told.name,
        row=row,
        depth=depth,
        created=lives.arrived_ms[position] / 1000,
        started=started,
        ended=completed,
        status="completed" if completed is not None else "pending" if started is None else "in-progress",
        outcome=lives.outcome[position],
        stale=False,
        overdue=False,
        progress=None,
        attempt=attempt,
        exit_code=None,
        key=told.key,
        eta_low=None,
        eta_at=None,
        eta_high=None,
        cpu_seconds=None,
        children=hidden,
    )
    return earlier if attempt != told.attempt else _as_it_stands(earlier, told)


def _as_it_stands(bar: Bar, told: Told) -> Bar:
    eta, resources = told.eta, told.resources
    return structs.replace(
        bar,
        stale=told.stale,
        overdue=told.overdue,
        progress=told.progress,
        exit_code=told.exit_code,
        eta_low=None if eta is None else unix(eta.low),
        eta_at=None if eta is None else unix(eta.at),
        eta_high=None if eta is None else unix(eta.high),
        cpu_seconds=None if resources is None else resources.cpu_seconds,
    )


def _seconds(milliseconds: int) -> float | None:
    return None if milliseconds == NEVER else milliseconds / 1000
