"""What this server is and how it is set: what the page of settings says. No secret is in it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from msgspec import Struct

from vain.forms import place_of
from vain.past import Past
from vain.setting_types import Settings
from vain.store.keys import KeyInfo, KeyRing
from vain.store.metrics.sqlite_archive import DATABASE_NAME as METRICS_DATABASE
from vain.store.sqlite_engine import DATABASE_NAME as TASKS_DATABASE
from vain.types import Role

COMPANIONS = ("", "-wal", "-shm")
"""The files of one SQLite database."""


class Keeping(Struct, frozen=True):
    """For how long the history is kept, by resolution; None: for as long as there is room."""

    every_sample_seconds: float | None
    minutes_seconds: float | None
    hours_seconds: float | None
    most_bytes: int


class About(Struct, frozen=True):
    """None: not known from here, as of a server that is reached over HTTP, or not for this viewer."""

    version: str | None = None
    started_at: float | None = None
    """Unix seconds."""
    listens_on: str | None = None
    data_folder: str | None = None
    tasks_bytes: int | None = None
    """The database of tasks and events on this disk."""
    history_bytes: int | None = None
    """The database of metrics on disk."""
    history_since: float | None = None
    """When the oldest stored sample was taken, in Unix seconds."""
    keeping: Keeping | None = None
    keys: Sequence[KeyInfo] | None = None
    """Every key that was ever made."""
    database: str | None = None
    """Where tasks, events and metrics are, if that is not the data folder."""
    leads: bool | None = None
    """Whether it does what only one of several servers over that database may do."""


class Teller:
    """Tells it of the server in this process. Files and databases are read off the loop."""

    def __init__(
        self,
        settings: Settings,
        port: int,
        keys: KeyRing,
        past: Past,
        leads: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._leads = leads
        self._settings, self._port, self._keys, self._past = settings, port, keys, past
        self._started_at = time.time()

    async def read(self) -> About:
        """As it is now."""
        settings = self._settings
        sizes = await asyncio.to_thread(_sizes, settings.data_dir)
        extent = await self._past.run(self._past.store.extent)
        return About(
            version=version(),
            started_at=self._started_at,
            listens_on=f"{settings.host}, port {self._port}",
            data_folder=str(settings.data_dir),
            database=None if settings.store_url is None else place_of(settings.store_url),
            leads=self._leads(),
            tasks_bytes=None if settings.store_url is not None else sizes[0],
            history_bytes=None if settings.store_url is not None else sizes[1],
            history_since=extent[0] if extent else None,
            keeping=Keeping(
                settings.keep_raw_seconds,
                settings.keep_minutes_seconds,
                settings.keep_hours_seconds,
                settings.history_bytes,
            ),
            keys=self._keys.list(),
        )


def shown_to(about: About, role: Role) -> About:
    """What a viewer may know: keys are for administrators, where the data lies is not for readers."""
    return About(
        version=about.version,
        started_at=about.started_at,
        listens_on=None if role == "read" else about.listens_on,
        data_folder=None if role == "read" else about.data_folder,
        database=None if role == "read" else about.database,
        tasks_bytes=about.tasks_bytes,
        history_bytes=about.history_bytes,
        history_since=about.history_since,
        keeping=about.keeping,
        keys=about.keys if role == "admin" else None,
    )


def version() -> str | None:
    """As it was installed; None for sources that never were."""
    try:
        return metadata.version("vain")
    except metadata.PackageNotFoundError:
        return None


def _sizes(folder: Path) -> tuple[int | None, int | None]:
    return _size(folder / TASKS_DATABASE), _size(folder / METRICS_DATABASE)


def _size(database: Path) -> int | None:
    """Of a database with its log; None if it cannot be read."""
    try:
        files = [database.with_name(database.name + companion) for companion in COMPANIONS]
        return sum(file.stat().st_size for file in files if file.exists()) or None
    except OSError:
        return None
