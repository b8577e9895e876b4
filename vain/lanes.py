"""The tasks of a window as bars in rows, and what of them there was no room for: the words of it.

``vain.packing`` is the rule that puts them there, ``Source.lanes`` answers with them.
"""

from __future__ import annotations

from math import ceil, floor, log2
from typing import Final

from msgspec import Struct, structs

from vain.errors import Invalid
from vain.types import Outcome, Status

DEFAULT_ROWS: Final = 14
DEFAULT_PIXELS: Final = 1_000
MOST_ROWS: Final = 200
MOST_PIXELS: Final = 20_000
"""Wider than any screen."""
SHORTEST_SECONDS: Final = 1.0
"""Of a window."""


class LaneQuery(Struct, frozen=True):
    """Which tasks of which window (Unix seconds), and how large it is drawn. ``None`` and ``""`` mean "any"."""

    after: float
    before: float
    width_pixels: int = DEFAULT_PIXELS
    """How wide the window is drawn: it decides what is too narrow to see, and how much room a label takes."""
    rows: int = DEFAULT_ROWS
    """The most rows that may be given."""
    text: str = ""
    """Found as ``TaskQuery.text`` is."""
    status: Status | None = None
    outcome: Outcome | None = None
    tag: str | None = None
    task_id: int | None = None
    """This task and its descendants alone."""
    host: str | None = None
    """On which the attempt was made: the ``host`` of its source."""


class Bar(Struct, frozen=True):
    """One attempt at a task. Times are Unix seconds, unknown is None."""

    task_id: int
    name: str
    row: int
    """Counted from 0 at the top."""
    depth: int
    """0: a root, or its parent is not shown. A child's row lies below its parent's."""
    created: float
    started: float | None
    ended: float | None
    """None: still pending or running."""
    status: Status
    outcome: Outcome | None
    stale: bool
    overdue: bool
    progress: float | None
    """In percent."""
    attempt: int
    exit_code: int | None
    key: str | None
    eta_low: float | None
    eta_at: float | None
    eta_high: float | None
    cpu_seconds: float | None
    children: int
    """How many of its children live in the window and have no bar."""


class Crowd(Struct, frozen=True):
    """What was left out, counted over time so that it can be drawn as a strip."""

    t: list[float]
    """The begin of each step (Unix seconds)."""
    step_seconds: float
    running: list[int]
    """How many of those left out ran in the step."""
    failed: list[int]
    """How many of them ended badly in it."""


class Lanes(Struct, frozen=True):
    """The answer: ``total`` tasks live in the window and match, ``left_out`` of them have no bar."""

    after: float
    before: float
    rows: int
    """How many rows the bars take."""
    bars: list[Bar]
    total: int
    left_out: int
    crowd: Crowd | None
    """None where nothing was left out."""
    seq: int
    now: float


def checked(query: LaneQuery) -> LaneQuery:
    """The query, if it can be answered. Raises Invalid."""
    if not 0 <= query.after <= query.before - SHORTEST_SECONDS:
        raise Invalid("A window begins at least a second before it ends, and not before the year 1970.")
    if not (1 <= query.width_pixels <= MOST_PIXELS and 1 <= query.rows <= MOST_ROWS):
        raise Invalid(f"A window has 1 to {MOST_PIXELS} pixels and 1 to {MOST_ROWS} rows.")
    return query


def aligned(query: LaneQuery) -> LaneQuery:
    """The query with its window widened to whole pixels, so that pages which look at the same time ask the same."""
    pixel = 2.0 ** floor(log2((query.before - query.after) / query.width_pixels))
    return structs.replace(query, after=floor(query.after / pixel) * pixel, before=ceil(query.before / pixel) * pixel)
