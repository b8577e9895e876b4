"""What a setting is, and what they come to once they are read (``vain.settings``). The standard library is enough."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One row of the table. ``parse`` takes the written value and raises ValueError with what would be right."""

    name: str
    unit: str
    help: str
    parse: Callable[[str], T]
    default: T
    default_text: str = ""
    """How the help names the default, where that is not the default itself."""
    repeatable: bool = False
    """May be given several times; in the variable, with commas between."""
    flag: bool = False
    """Takes no value as an option; in the variable 1 or 0."""
    secret: bool = False
    """Only a variable: what stands on a command line, every user of the machine can read."""

    @property
    def option(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        return f"VAIN_{self.name.upper().replace('-', '_')}"


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """All settings, read and checked."""

    host: str
    port: int
    data_dir: Path
    store_url: str | None
    interval_seconds: float
    no_browser: bool
    allow_hosts: tuple[str, ...]
    allow_origins: tuple[str, ...]
    prefix: str
    trusted_proxies: tuple[str, ...]
    oauth_provider: str | None
    oauth_key: str | None
    oauth_secret: str | None
    oauth_extra: tuple[str, ...]
    oauth_roles: tuple[str, ...]
    pages_dir: Path | None
    rules_file: Path | None
    webhook: str | None
    webhook_secret: str | None
    keep_raw_seconds: float | None
    keep_minutes_seconds: float | None
    keep_hours_seconds: float | None
    history_bytes: int
    requests_per_second: float
    most_connections: int
    most_connections_each: int
    most_sockets_each: int
    log_level: str
    url: str
    timeout_seconds: float
    api_key: str | None
    no_color: bool
    spool_dir: Path
    spool_bytes: int
    server: str | None

    def __repr__(self) -> str:
        """Without the key, so that no log and no traceback shows it."""
        return _shown_without_key(self, self.api_key)


@dataclass(frozen=True, kw_only=True, repr=False)
class Reporting:
    """What a job needs to report: where to, and which run it belongs to itself."""

    url: str
    api_key: str | None
    timeout_seconds: float
    spool_dir: Path
    enabled: bool
    run_id: str | None
    """Of the run that started this process, if one did."""
    task_id: int | None
    warning: str | None = None
    """What is wrong with a setting, for which nothing is reported."""

    def __repr__(self) -> str:
        """Without the key, so that no log and no traceback shows it."""
        return _shown_without_key(self, self.api_key)


def _shown_without_key(known: Settings | Reporting, api_key: str | None) -> str:
    secret = ("api_key", "store_url", "oauth_secret", "webhook", "webhook_secret")
    names = (field.name for field in fields(known) if field.name not in secret)
    shown = (f"{name}={getattr(known, name)!r}" for name in names)
    return f"{type(known).__name__}({', '.join(shown)}, api_key={'set' if api_key else None})"
