"""How the page of a board is sorted: by one column, in one direction."""

from __future__ import annotations

from vain.errors import Flaw, Malformed
from vain.types import SORTS


def parse_sort(sort: str) -> tuple[str, bool]:
    """``-due_at`` is ``("due_at", True)``: the column, and whether it descends. Raises Malformed for an unknown one."""
    column = sort.removeprefix("-")
    if column not in SORTS:
        detail = f"'sort' is one of {', '.join(SORTS)}, with '-' in front for the other direction."
        raise Malformed(detail, [Flaw(detail, parameter="sort")])
    return column, sort.startswith("-")
