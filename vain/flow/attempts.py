"""The attempts at tasks, as the figures of the flow are computed from: one column each, for all attempts. Needs numpy.

An attempt begins when its task is created or, once it was completed, reopened. It may start, and it ends when it is
completed, or removed because the task was deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from vain.flow.figures import Ending, ending
from vain.types import OUTCOMES, Outcome, Priority

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

ENDINGS: tuple[Ending, ...] = ("succeeded", "failed", "cancelled")
NEVER = -1
_NOT_ENDED = -1


class Attempt(NamedTuple):
    """One attempt. Times are milliseconds since 1970."""

    task_id: int
    attempt: int
    name: str
    arrived_ms: int
    started_ms: int | None = None
    completed_ms: int | None = None
    outcome: Outcome | None = None
    removed_ms: int | None = None
    is_newest: bool = True
    """The task had no later attempt."""


class AttemptColumns(Struct, frozen=True):
    """Attempts in no particular order, as the store gives them: many thousands, and not an object for each.

    Times are milliseconds since 1970, and ``NEVER`` for what has not come.
    """

    task_id: list[int]
    name: list[str]
    arrived_ms: list[int]
    started_ms: list[int]
    completed_ms: list[int]
    outcome: list[Outcome | None]
    removed_ms: list[int]
    is_newest: list[int]
    """1 where the task had no later attempt, else 0."""


class AttemptQuery(Struct, frozen=True):
    """Which attempts, by what is told of their tasks; ``None`` and ``""`` mean "any".

    ``text`` is found as ``TaskQuery.text`` is; of a deleted task only the name, the key and the tags are known.
    """

    name: str | None = None
    key: str | None = None
    tag: str | None = None
    priority: Priority | None = None
    text: str = ""
    host: str | None = None
    """On which the attempt was made."""


EVERY_ATTEMPT = AttemptQuery()


@dataclass(frozen=True, slots=True)
class Attempts:
    """All attempts, column by column, in no particular order. Times are Unix seconds, NaN for unknown."""

    task_id: Sequence[int]
    name: Sequence[str]
    names: tuple[str, ...]
    """Each name once."""
    named: Integers
    """The name of each attempt, as a position in ``names``."""
    outcome: Integers
    """A position in ``OUTCOMES``, -1 for none."""
    arrived: Floats
    started: Floats
    completed: Floats
    removed: Floats
    is_newest: Mask
    """The task had no later attempt."""

    def __len__(self) -> int:
        return len(self.task_id)

    @property
    def is_open(self) -> Mask:
        """Neither completed nor removed."""
        return np.isnan(self.completed) & np.isnan(self.removed)

    @property
    def is_in_progress(self) -> Mask:
        """Started, and neither completed nor removed."""
        return self.is_open & ~np.isnan(self.started)

    @property
    def stands(self) -> Mask:
        """It is how its task stands: the newest attempt of a task that was not deleted."""
        return self.is_newest & np.isnan(self.removed)

    @property
    def cycle_seconds(self) -> Floats:
        """From start to end; NaN where one of them is not known, or where the clock was set back in between."""
        return spans(self.started, self.completed)

    def outcomes(self, which: Mask) -> dict[Outcome, int]:
        """How many of ``which`` have each outcome."""
        counts = np.bincount(self.outcome[which & (self.outcome != _NOT_ENDED)], minlength=len(OUTCOMES))
        return dict(zip(OUTCOMES, counts.tolist(), strict=True))

    def ended_as(self, name: Ending) -> Mask:
        """Those whose outcome counts as this ending."""
        return np.isin(self.outcome, [place for place, outcome in enumerate(OUTCOMES) if ending(outcome) == name])


def attempts_of(rows: Iterable[Attempt]) -> Attempts:
    """From one object for each attempt."""
    known = list(rows)
    return attempts_from(
        AttemptColumns(
            [row.task_id for row in known],
            [row.name for row in known],
            [row.arrived_ms for row in known],
            [_or_never(row.started_ms) for row in known],
            [_or_never(row.completed_ms) for row in known],
            [row.outcome for row in known],
            [_or_never(row.removed_ms) for row in known],
            [int(row.is_newest) for row in known],
        )
    )


def attempts_from(columns: AttemptColumns) -> Attempts:
    """From the columns of the store."""
    names = {each: place for place, each in enumerate(dict.fromkeys(columns.name))}
    places: dict[Outcome | None, int] = {each: place for place, each in enumerate(OUTCOMES)}
    return Attempts(
        task_id=columns.task_id,
        name=columns.name,
        names=tuple(names),
        named=np.array([names[each] for each in columns.name], dtype=np.int64),
        outcome=np.array([places.get(each, _NOT_ENDED) for each in columns.outcome], dtype=np.int64),
        arrived=_seconds(columns.arrived_ms),
        started=_seconds(columns.started_ms),
        completed=_seconds(columns.completed_ms),
        removed=_seconds(columns.removed_ms),
        is_newest=np.array(columns.is_newest, dtype=np.bool_),
    )


def spans(begin: Floats, end: Floats | float) -> Floats:
    """Lengths in seconds, to the millisecond; NaN for one that ends before it begins.

    That was measured across a step of the clock, so how long it was is not known.
    """
    length: Floats = np.round(end - begin, 3)
    length[length < 0] = np.nan
    return length


def _seconds(milliseconds: Sequence[int]) -> Floats:
    known = np.array(milliseconds, dtype=np.int64)
    return np.where(known == NEVER, np.nan, known / 1000)


def _or_never(time_ms: int | None) -> int:
    return NEVER if time_ms is None else time_ms
