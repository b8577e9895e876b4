"""What a store asks of a database: the same statements over SQLite and PostgreSQL, which have words of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from vain.errors import VainError

T = TypeVar("T")

Bindings = Sequence[Any] | Mapping[str, Any]
"""Values by position or by name. JSON is bytes, and so is what is read of it."""


class Rows(Protocol):
    """What a statement found, read as it is asked for."""

    def __iter__(self) -> Iterator[Any]: ...

    def fetchone(self) -> Any:
        """The next row; None: there is none."""

    @property
    def get(self) -> Any:
        """The first row, or its only value; None: there is none."""

    def close(self, force: bool = ..., /) -> None:
        """The rest is not read."""


class Connection(Protocol):
    """A connection to a database. One thread at a time."""

    def execute(self, text: str, values: Bindings | None = ..., /) -> Rows:
        """Run a statement."""

    def executemany(self, text: str, values: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement once for each row of values."""


class Engine(Protocol):
    """A database that is open: one connection writes, on one thread, others read."""

    failures: tuple[type[Exception], ...]
    """What its statements raise when the database fails or refuses."""
    epoch: str
    """The name of its log, which changes when history may have diverged."""

    @property
    def connection(self) -> Connection:
        """The one that writes."""

    def begin(self) -> bool:
        """Begin the transaction of a group of changes. True: on a new connection, so what was known may be old."""

    def commit(self) -> None:
        """End it; from then on it outlives a crash."""

    def roll_back(self) -> None:
        """End it without a trace. One that was never begun is fine."""

    def refusal(self, error: Exception) -> VainError:
        """What those are told whose changes a failure has undone."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection of this thread, in one snapshot of the database."""

    def rest(self, complain: Callable[[Exception], None]) -> None:
        """Nothing was written for a while."""

    def has_committed(self, complain: Callable[[Exception], None]) -> None:
        """A group was committed and answered."""

    def close(self) -> None:
        """Let go of the database."""
