"""Opens the store's database: a file in the data folder, or PostgreSQL where its address is given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vain.store.connection import Engine
from vain.store.key_database import KeyDatabase
from vain.store.key_file import KeyFile
from vain.store.sqlite_engine import SqliteEngine

if TYPE_CHECKING:
    from vain.store.metrics.archive import Archives  # numpy, which `vain keys` needs not


def opened(folder: Path | None, url: str | None = None) -> Engine:
    """The engine, of a folder, an address, or for a server with an address both. Blocks.

    Raises StoreLocked, StoreDamaged or Misconfigured.
    """
    if url is None:
        if folder is None:
            raise ValueError("neither a folder nor an address")
        return SqliteEngine(folder)
    from vain.store.postgres.engine import PostgresEngine  # noqa: PLC0415  (asyncpg is loaded only where it is used)

    return PostgresEngine(url, folder)


def opened_keys(folder: Path, url: str | None = None) -> KeyDatabase:
    """The keys of a data folder, or where an address is given those of that database. Blocks.

    Raises Misconfigured or StoreDamaged.
    """
    if url is None:
        return KeyFile(folder)
    from vain.store.postgres.key_tables import KeyTables  # noqa: PLC0415  (as above)

    return KeyTables(url)


def archives(folder: Path | None, url: str | None = None, own_name: str = "") -> Archives:
    """Where the metric histories are: in a folder, or in a database whose store was opened before.

    ``own_name`` is what the machine of the folder is called.
    """
    if url is None:
        if folder is None:
            raise ValueError("neither a folder nor an address")
        from vain.store.metrics.sqlite_archive import FolderArchives  # noqa: PLC0415  (it loads numpy)

        return FolderArchives(folder, own_name)
    from vain.store.postgres.archives import PostgresArchives  # noqa: PLC0415  (asyncpg is loaded only where it is used)

    return PostgresArchives(url)
