"""What a store asks of a database: the same statements over SQLite and PostgreSQL, which have words of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

from vain.errors import VainError
from vain.types import TaskCounts

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


class Numbers(NamedTuple):
    """The numbers that were given last, and how many tasks there are, as of the newest commit."""

    seq: int
    task_id: int
    notification_id: int
    kept: int
    """Rises when somebody changes what every server has in memory: rules, silences, what is expected of jobs."""
    counts: TaskCounts
    epoch: str
    """See ``Engine.epoch``."""


class Begun(NamedTuple):
    """What is known when a transaction begins."""

    is_new: bool = False
    """It is on a new connection, so what was known may be old."""
    numbers: Numbers | None = None
    """As they are, until it ends; None: nobody else can have changed them."""


class Look(NamedTuple):
    """What a server of a group learns."""

    held: frozenset[str]
    """The duties that it has now, and keeps as long as it goes on looking."""
    heard: list[tuple[str, str, bytes]]
    """What the other servers tell: server, topic, and whatever it is; of each topic the newest."""


class Group(Protocol):
    """The servers over one database. Its methods block; one thread at a time."""

    def look(self, duties: Sequence[str], told: Mapping[str, bytes]) -> Look:
        """Take the duties that nobody has, tell the others, hear them. To be called every second.

        Whatever it raises, no duty is held any more.
        """

    def close(self) -> None:
        """Give all duties back."""


class Engine(Protocol):
    """A database that is open: one connection writes, on one thread, others read."""

    is_shared: bool
    """Whether other servers may write to it at the same time."""

    failures: tuple[type[Exception], ...]
    """What its statements raise when the database fails or refuses."""
    epoch: str
    """The name of its log, which changes when history may have diverged."""

    @property
    def connection(self) -> Connection:
        """The one that writes."""

    def begin(self) -> Begun:
        """Begin the transaction of a group of changes. Nobody else's begins before it ends."""

    def numbers(self) -> Numbers:
        """Those of the newest commit; inside a transaction, as it began."""

    def note(self, numbers: Numbers) -> None:
        """What the transaction has used up, before its commit."""

    def recount(self) -> None:
        """Inside a transaction: find the numbers out of the tables, which somebody has filled."""

    def listen(self, heard: Callable[[], None]) -> None:
        """Have ``heard`` called, in some thread, when another server has committed. It may be missed now and then."""

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

    def group(self) -> Group | None:
        """The servers that share the database, with this one; None: it has it for itself."""

    def close(self) -> None:
        """Let go of the database."""
