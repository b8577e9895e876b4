"""The tasks out of their attempts, a column each: who is worth to be shown, and what is said of the others."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, floor, inf, log2
from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from vain.lanes import Crowd
from vain.packing.frame import COLUMN_PIXELS, Frame
from vain.types import FAILURES, Outcome

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

NEVER: Final = -1
"""A time that has not come."""
NARROW_PIXELS: Final = 2.0
STEP_PIXELS: Final = 8.0
CHIP_PIXELS: Final = 48.0
"""About the least that a bar takes of a row with its label: more tasks than fit so make a window crowded."""
LOOKED_AT: Final = 4
"""So many times as many tasks as could be shown at most are tried."""
PARTS: Final = 32
"""The tasks to be tried are taken from each part of the window alike, so that no part of it stays bare."""
MOST_ATTEMPTS: Final = 5

RUNNING, BAD, LONG, BAD_AND_NARROW, NARROW, PENDING = range(6)


class Lives(Struct, frozen=True):
    """Attempts, a column each, in no particular order. Times are milliseconds since 1970, ``NEVER`` for none."""

    task_id: list[int]
    attempt: list[int]
    arrived_ms: list[int]
    started_ms: list[int]
    completed_ms: list[int]
    outcome: list[Outcome | None]


class Tasks:
    """The tasks of the attempts, sorted by number, a column each."""

    def __init__(self, lives: Lives, frame: Frame, now: float) -> None:
        self._frame, self._now = frame, now
        known = np.array(lives.task_id, dtype=np.int64)
        self._order = np.lexsort((np.array(lives.attempt, dtype=np.int64), known))
        known = known[self._order]
        self._of_task = known
        self._begin, self._started, completed = (
            np.array(each, dtype=np.float64)[self._order] / 1000
            for each in (lives.arrived_ms, lives.started_ms, lives.completed_ms)
        )
        self._is_open = completed < 0
        self._has_started = self._started >= 0
        self._end = np.where(self._is_open, max(now, 0.0), np.maximum(completed, self._begin))
        is_bad = [outcome in FAILURES for outcome in lives.outcome]
        self._is_bad = np.array(is_bad, dtype=np.bool_)[self._order]
        self._in_window = (self._begin < frame.before) & (self._end >= frame.after)
        self._first = np.flatnonzero(np.r_[True, known[1:] != known[:-1]]) if len(known) else np.array([], np.int64)
        self.task_id: Integers = known[self._first]
        self._describe()

    def _describe(self) -> None:
        first = self._first
        if not len(first):
            self.begin = self.end = self.run = np.array([], np.float64)
            self.tier = np.array([], np.int64)
            self.total = 0
            return
        runs = np.where(self._has_started, np.maximum(self._end - self._started, 0.0), 0.0)
        self.begin = np.minimum.reduceat(self._begin, first)
        # What has not ended goes on: nothing may be put behind it.
        self.end = np.maximum.reduceat(np.where(self._is_open, inf, self._end), first)
        self.run = np.maximum.reduceat(runs, first)
        self.total = int(np.logical_or.reduceat(self._in_window, first).sum())
        is_bad = np.logical_or.reduceat(self._is_bad, first)
        is_narrow = self.run < NARROW_PIXELS * self._frame.pixel
        self.tier = np.select(
            [
                np.logical_or.reduceat(self._is_open & self._has_started, first),
                np.logical_or.reduceat(self._is_open, first),
                is_bad & ~is_narrow,
                ~is_narrow,
                is_bad,
            ],
            [RUNNING, PENDING, BAD, LONG, BAD_AND_NARROW],
            NARROW,
        )

    def times(self, task_ids: Collection[int]) -> list[tuple[int, float, float]]:
        """Of those of these tasks that are here: the number, the first begin, the last end."""
        here = np.isin(self.task_id, np.fromiter(task_ids, np.int64, len(task_ids)))
        columns = (self.task_id[here], self.begin[here], self.end[here])
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def wanted(self, rows: int) -> list[int]:
        """The numbers of those worth to be tried, the most important first."""
        most = max(1, int(rows * self._frame.columns * COLUMN_PIXELS / CHIP_PIXELS))
        chosen = np.arange(len(self.task_id))
        if len(chosen) > most:
            chosen = chosen[(self.tier != BAD_AND_NARROW) & (self.tier != NARROW)]
        # Among equals the longest, of those that wait or run the one that began last or first.
        key = np.select([self.tier == RUNNING, self.tier == PENDING], [self.begin, -self.begin], -self.run)
        chosen = chosen[np.lexsort((self.task_id[chosen], key[chosen], self.tier[chosen]))]
        if len(chosen) > LOOKED_AT * most:
            chosen = self._from_each_part(chosen, ceil(LOOKED_AT * most / PARTS))
        found: list[int] = self.task_id[chosen].tolist()
        return found

    def _from_each_part(self, chosen: Integers, most: int) -> Integers:
        frame = self._frame
        share = (self.begin[chosen] - frame.begin) / (frame.end - frame.begin)
        part = np.clip((share * PARTS).astype(np.int64), 0, PARTS - 1)
        by_part = np.argsort(part, kind="stable")
        first = np.searchsorted(part[by_part], np.arange(PARTS))
        rank = np.arange(len(chosen)) - first[part[by_part]]
        return chosen[np.sort(by_part[rank < most])]

    def shown_attempts(self, task_id: int) -> list[int]:
        """The newest attempts at a task that live in the window, as positions in what was given."""
        low, high = np.searchsorted(self._of_task, [task_id, task_id + 1])
        found = np.flatnonzero(self._in_window[low:high]) + low
        return [int(self._order[each]) for each in found[-MOST_ATTEMPTS:]]

    def crowd(self, shown: Collection[int]) -> Crowd | None:
        """What is not shown, over the time of the window; None if all that has begun is shown."""
        frame = self._frame
        hidden = self._in_window & ~np.isin(self._of_task, np.fromiter(shown, np.int64, len(shown)))
        # What waits neither runs nor has it failed.
        hidden &= self._has_started | ~self._is_open
        if not hidden.any():
            return None
        step = 2.0 ** ceil(log2(frame.pixel * STEP_PIXELS))
        begin = floor(frame.after / step) * step
        count = ceil((frame.before - begin) / step)

        def steps(times: Floats) -> Integers:
            return np.clip(np.floor((times - begin) / step), -1, count).astype(np.int64)

        ran = hidden & self._has_started & (self._started < frame.before)
        first, last = np.maximum(steps(self._started[ran]), 0), np.maximum(steps(self._end[ran]), -1)
        last = np.minimum(np.maximum(last, first), count - 1)
        change = np.bincount(first, minlength=count + 1) - np.bincount(last + 1, minlength=count + 1)
        ended = steps(self._end[hidden & self._is_bad])
        failed = np.bincount(ended[(ended >= 0) & (ended < count)], minlength=count)
        t = [begin + step * each for each in range(count)]
        return Crowd(t, step, np.cumsum(change)[:count].tolist(), failed.tolist())
