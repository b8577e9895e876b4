"""The engine over which the tests of the store run: SQLite in a folder, or PostgreSQL where one is named."""

from __future__ import annotations

from pathlib import Path

from vain.store.connection import Engine
from vain.store.sqlite_engine import SqliteEngine


def engine(folder: Path) -> Engine:
    """The database of a folder: the same one for the same folder."""
    return SqliteEngine(folder)
