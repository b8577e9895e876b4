"""A real store on a real folder, for tests that live on an event loop of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.store.engines import engine, rows
from vain.store.database import Store
from vain.store.sqlite_engine import SqliteEngine
from vain.types import Event

__all__ = ["Opened", "in_one_commit", "opened", "rows", "sqlite", "with_store"]


class Opened:
    """A store, and the events that it has published."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.published: list[Event] = []
        self.store = Store(engine(folder), self.published.extend)


@contextmanager
def opened(folder: Path) -> Iterator[Opened]:
    """A store that is closed when the block ends."""
    made = Opened(folder)
    try:
        yield made
    finally:
        made.store.close()


def with_store(folder: Path, work: Callable[[Opened], Awaitable[Any]]) -> Any:
    """What ``work`` returns for a store that is opened and closed on a loop of its own."""

    async def main() -> Any:
        with opened(folder) as made:
            return await work(made)

    return asyncio.run(main())


async def in_one_commit(store: Store, *changes: Awaitable[Any]) -> list[Any]:
    """The results (or errors) of changes that the writing thread finds waiting together."""
    go_on = threading.Event()
    first = asyncio.ensure_future(store.write(lambda transaction: go_on.wait(5)))
    await asyncio.sleep(0.02)
    waiting = [asyncio.ensure_future(change) for change in changes]
    await asyncio.sleep(0.02)
    go_on.set()
    await first
    return await asyncio.gather(*waiting, return_exceptions=True)


def sqlite(store: Store) -> SqliteEngine:
    """The engine of a store, which has to be SQLite."""
    assert isinstance(store._engine, SqliteEngine)
    return store._engine
