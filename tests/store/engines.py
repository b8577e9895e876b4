"""The engine over which the tests of the store run: SQLite in a folder, or PostgreSQL where one is named."""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

import apsw
import asyncpg
import pytest

from vain.clock import Clock
from vain.store.connection import Engine
from vain.store.keys import KeyRing
from vain.store.metrics.archive import Archives
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.store.postgres.archives import PostgresArchives
from vain.store.postgres.connection import LoopThread, connected
from vain.store.postgres.engine import PostgresEngine
from vain.store.sqlite_engine import DATABASE_NAME, SqliteEngine

POSTGRES = "VAIN_TEST_POSTGRES"
"""The environment variable that names it: a database in which the tests make a schema for each folder."""

sqlite_only = pytest.mark.skipif(POSTGRES in os.environ, reason="about SQLite")


def engine(folder: Path) -> Engine:
    """The database of a folder: the same one for the same folder."""
    url = os.environ.get(POSTGRES)
    return PostgresEngine(url_of(url, folder), folder) if url else SqliteEngine(folder)


def archives(folder: Path) -> Archives:
    """The metric histories of a folder: the same ones for the same folder."""
    url = os.environ.get(POSTGRES)
    if url is None:
        return FolderArchives(folder)
    with closing(engine(folder / "tables")):  # makes the tables
        return PostgresArchives(url_of(url, folder / "tables"))


def store_option(folder: Path) -> dict[str, str]:
    """What a server is told besides its data folder."""
    url = os.environ.get(POSTGRES)
    return {"store": url_of(url, folder)} if url else {}


def keys_of(folder: Path, clock: Clock = time.time) -> KeyRing:
    """The keys that a server over this folder asks for."""
    return KeyRing.open(folder, clock, store_option(folder).get("store"))


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database of a folder holds, read beside vAIn."""
    url = os.environ.get(POSTGRES)
    if url is None:
        with closing(apsw.Connection(str(folder / DATABASE_NAME), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            return list(connection.execute(query))
    loop = LoopThread()
    try:
        with closing(connected(loop, url_of(url, folder), "beside")) as beside:
            return list(beside.execute(query))
    finally:
        loop.close()


def url_of(url: str, folder: Path) -> str:
    """A schema of the folder's own, in a database of PostgreSQL."""
    name = "t" + sha256(str(folder).encode()).hexdigest()[:16]

    async def make() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name}")
        await connection.close()

    # A loop may run in this thread already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, make()).result()
    return f"{url}?search_path={name}"
