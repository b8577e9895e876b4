"""Which tasks of a window get a row, and which one: pure, the same for a store as for tasks in memory. Needs numpy.

First it is decided who is shown, by importance: what runs, what ended badly, what took long, what is too short to be
seen, what still waits. A task is taken if there is room over its whole time, and a child only below its parent, whose
family keeps its rows to itself. Then rows are given by the time of begin: the first that is free.

So what began later moves nothing that began before, and a task keeps its row while a live window moves on; only a
family that gets another row moves what began after it. Rows are given to all between two moments around the window
(``Frame.begin``, ``Frame.end``) which jump only now and then, so that a window may be moved to and fro.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from vain.lanes import Crowd, LaneQuery
from vain.packing.frame import frame_of
from vain.packing.hall import Hall, Kin
from vain.packing.tasks import Lives, Tasks


class Place(NamedTuple):
    """Where a task is shown, and which of its attempts, as positions in ``Lives``, the oldest first."""

    row: int
    depth: int
    attempts: list[int]


class Packed(NamedTuple):
    """The shown tasks by number, how many live in the window in all, and what was left out."""

    places: dict[int, Place]
    total: int
    crowd: Crowd | None


def packed(
    lives: Lives, query: LaneQuery, now: float, kin_of: Callable[[Collection[int]], Mapping[int, Kin]]
) -> Packed:
    """Who is shown and where, of those who live between ``Frame.begin`` and ``Frame.end``.

    ``kin_of`` gives the kin of tasks, and of all their ancestors.
    """
    frame = frame_of(query)
    tasks = Tasks(lives, frame, now)
    wanted = tasks.wanted(query.rows)
    kin = kin_of(wanted)
    hall = Hall(tasks, kin, frame, query.rows)
    for task_id in wanted:
        hall.admit(task_id)
    rows = hall.rows()
    places: dict[int, Place] = {}
    for task_id, (row, depth) in rows.items():
        shown = tasks.shown_attempts(task_id)
        if shown:
            places[task_id] = Place(row, depth, shown)
    return Packed(places, tasks.total, tasks.crowd(places))
