"""Rows of a CSV (RFC 4180), whose cells no spreadsheet takes for formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from vain.flow.figures import Cell

CSV_TYPE = "text/csv; charset=utf-8; header=present"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins with one of these for a formula, and runs it."""


def lines(rows: Iterable[Iterable[Cell]]) -> bytes:
    """The rows as lines of a CSV, in UTF-8; what is unknown is an empty cell."""
    text = io.StringIO()
    csv.writer(text).writerows(map(harmless, row) for row in rows)
    return text.getvalue().encode()


def harmless(cell: Cell) -> Cell:
    """Names come from anybody: as text, a cell is never a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell
