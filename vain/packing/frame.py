"""The window of a query as the packing sees it: from when to when rows are given, and how long a pixel is."""

from __future__ import annotations

from math import ceil, floor, log2
from typing import Final

from msgspec import Struct

from vain.lanes import LaneQuery

COLUMN_PIXELS: Final = 4.0


class Frame(Struct, frozen=True):
    """The window of a query, as the packing sees it. All in Unix seconds."""

    after: float
    before: float
    begin: float
    end: float
    """Rows are given to all that live between these two."""
    pixel: float

    @property
    def column(self) -> float:
        """The grain in which room is counted."""
        return self.pixel * COLUMN_PIXELS

    @property
    def columns(self) -> int:
        """How many columns there are."""
        return max(1, ceil((self.end - self.begin) / self.column))


def frame_of(query: LaneQuery) -> Frame:
    """The frame of a query. All but the window itself stays what it is while one of the same length moves a little."""
    length = query.before - query.after
    # At least half of the length; at the end, where a live window has nothing anyway, half as much.
    grid = 2.0 ** (ceil(log2(length)) - 1)
    begin, end = floor(query.after / grid) * grid, ceil(2 * query.before / grid) * grid / 2
    pixel = 2.0 ** (ceil(2 * log2(length / query.width_pixels)) / 2)
    return Frame(query.after, query.before, begin, end, pixel)
