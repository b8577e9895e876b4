"""Where the history of one host is kept: a file of its own, or its rows in the tables of all hosts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

from vain.bands import Floats
from vain.store.connection import Connection


class Ready(NamedTuple):
    """Rows of one host as they are to be stored; times in milliseconds, no two of one table with the same."""

    revision: int
    """``Archive.revision`` of the book whose numbers the rows have."""
    hot: Sequence[tuple[int, int, bytes]]
    """Time, layout, values."""
    tasks: Sequence[tuple[int, int, bytes]]
    """Task, time, values."""
    looks: Sequence[tuple[int, bytes]]
    """Time, processes."""


class Together(Protocol):
    """A place where the rows of many hosts can be written in one transaction. Blocks; any thread."""

    def append(self, ready: Sequence[Ready]) -> Sequence[bool | None]:
        """Write the rows of these hosts; of each, whether it was done. False: it has another book by now; None: another
        server writes to it. Raises StoreFull or Unavailable, and what says that a row cannot be written."""


class Archive(Protocol):
    """A database in which ``queries`` are asked of one host. Its methods block; any thread may read, one writes."""

    is_shared: bool
    """Whether others may write to it at the same time."""

    @property
    def together(self) -> Together | None:
        """Where rows can be written with those of other hosts."""

    def changing(self) -> AbstractContextManager[Connection]:
        """A transaction, synced when it ends; nobody else's of this host begins before. An exception undoes it.

        Raises StoreFull or Unavailable.
        """

    def reading(self) -> AbstractContextManager[Connection]:
        """One snapshot of the database. Raises Unavailable."""

    def revision(self, connection: Connection) -> int:
        """Changes when another server may have changed the book of series, or what is sealed."""

    def give_back(self) -> Iterator[None]:
        """Give room that was freed back, in small steps; samples may be written in between."""

    def rest(self) -> None:
        """An hour was sealed: tidy up."""

    def close(self) -> None:
        """Let go of the database."""


class Archives(Protocol):
    """The histories of all hosts, by name. Its methods block; any thread."""

    is_shared: bool
    """Whether every server sees all of them."""

    def own(self, host: str) -> Archive:
        """That of the machine on which the server runs. Raises StoreDamaged or Misconfigured."""

    def other(self, host: str) -> Archive:
        """That of a machine with an agent. Raises StoreDamaged or Misconfigured."""

    def names(self) -> list[str]:
        """Of all hosts that have one."""

    def means_of_all(self, metric: str, t: Floats, step: float) -> dict[str, Floats] | None:
        """The means of a metric in the cells that begin at ``t`` (Unix seconds) by host, NaN where nothing is known; of
        several instances the largest. None: each history has to be asked. Raises Unavailable."""

    def forget(self, host: str) -> None:
        """Delete that of a machine with an agent, which nobody uses."""

    def close(self) -> None:
        """Let go of all of them."""
