"""Opens the store's database: a file in the data folder, or PostgreSQL where its address is given."""

from __future__ import annotations

from pathlib import Path

from vain.store.connection import Engine
from vain.store.metrics.archive import Archives
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.store.sqlite_engine import SqliteEngine


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


def archives(folder: Path | None, url: str | None = None, own_name: str = "") -> Archives:
    """Where the metric histories are: in a folder, or in a database whose store was opened before.

    ``own_name`` is what the machine of the folder is called.
    """
    if url is None:
        if folder is None:
            raise ValueError("neither a folder nor an address")
        return FolderArchives(folder, own_name)
    from vain.store.postgres.archives import PostgresArchives  # noqa: PLC0415  (asyncpg is loaded only where it is used)

    return PostgresArchives(url)
