"""Opens the keys: a file in the data folder, or the tables beside the store in PostgreSQL. Loads no store."""

from __future__ import annotations

from pathlib import Path

from vain.store.key_database import KeyDatabase
from vain.store.key_file import KeyFile


def opened_keys(folder: Path, url: str | None = None) -> KeyDatabase:
    """The keys of a data folder, or where an address is given those of that database. Blocks.

    Raises Misconfigured or StoreDamaged.
    """
    if url is None:
        return KeyFile(folder)
    from vain.store.postgres.key_tables import KeyTables  # noqa: PLC0415  (asyncpg is loaded only where it is used)

    return KeyTables(url)
