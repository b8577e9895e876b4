"""Where keys and browser sessions are: a file of their own in the data folder, or with the store in PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from vain.store.connection import Connection

SECRET_BYTES = 32


class KeyRows(NamedTuple):
    """All that there is, as ``key_queries`` names the columns."""

    keys: list[Any]
    sessions: list[Any]


class KeyDatabase(Protocol):
    """Its methods block; one thread at a time. Raises Unavailable, StoreFull or StoreDamaged."""

    @property
    def is_at_hand(self) -> bool:
        """Whether to look costs microseconds, so that the event loop may."""

    def has_changed(self) -> bool:
        """Whether somebody has changed it since ``read``. False while somebody writes."""

    def read(self) -> KeyRows:
        """Everything."""

    def writing(self, is_use: bool = False) -> AbstractContextManager[Connection]:
        """One transaction, synced when it ends. ``is_use``: only when something was used last is written."""

    def secret(self, name: str) -> bytes:
        """A secret of the servers' own, made once, as hexadecimal digits."""

    def note(self, name: str) -> str:
        """What was noted under this name; empty if nothing was."""

    def set_note(self, name: str, text: str) -> None:
        """Note it."""

    def close(self) -> None:
        """Let go of it."""
