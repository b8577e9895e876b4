"""The store: one thread writes, in groups, each group synced to disk before any of it is answered.

A group shares one sync, so many writers cost little more than one. Which database it is, is the business of an engine
(``sqlite_engine.py``, ``postgres/engine.py``). Methods that are ``async`` belong to the event loop and never block it.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, TypeVar

from vain.alerting.alert import Judging
from vain.errors import Diverged, Misconfigured, Unavailable, VainError
from vain.store import queries, reading
from vain.store.collected import Collected, Stored
from vain.store.connection import Begun, Connection, Engine, Group
from vain.store.ledger import Ledger
from vain.store.recent import RecentTasks
from vain.store.transaction import Transaction
from vain.types import Event, TaskCounts

logger = logging.getLogger(__name__)

T = TypeVar("T")

LARGEST_GROUP = 256
MOST_WAITING = 10_000
READERS = 2
IDLE_SECONDS = 1.0
"""After this long without a change the engine may tidy up."""
COMPLAINT_SECONDS = 10.0

LOOK_SECONDS = 0.25
"""How often it is looked at what other servers have committed, if nothing hints at it."""
HOT_LOOK_SECONDS, HOT_SECONDS = 0.02, 0.2
"""And for how long more often, after they have."""
MOST_CAUGHT_UP = 1_000
"""Events of others that are read together."""

MOST_UNTOLD = 1_000

Publish = Callable[[list[Event]], None]


class Others(Protocol):
    """What is told on the event loop of what other servers do; see ``Store.follow_others``."""

    def happened(self, events: list[Event]) -> None:
        """They have committed these, which are published."""

    def kept_changed(self) -> None:
        """What is known by heart has changed: rules, silences, what is expected, what was read."""

    def diverged(self) -> None:
        """Nothing that is known holds any more: all of it has to begin anew."""


class _Change(NamedTuple):
    run: Callable[[Transaction], Any]
    future: asyncio.Future[Any]


class _Hint(NamedTuple):
    """Perhaps another server has committed."""


class _Settled(NamedTuple):
    future: asyncio.Future[Any]
    result: Any
    error: BaseException | None


class _Outcome(NamedTuple):
    """What became of a group."""

    events: list[Event]
    counts: TaskCounts
    stored: list[Stored]
    settled: list[_Settled]
    missed: tuple[Event, ...] = ()
    """The first of ``events``: of commits of other servers, or whose answer was lost."""
    is_kept_changed: bool = False
    is_diverged: bool = False


class Store:
    """Tasks, their events, notifications and idempotency records, in a database that is open.

    ``publish`` is called on the event loop after each commit, with its events in commit order, before the changes that
    made them are answered. The store closes the engine.
    """

    def __init__(self, engine: Engine, publish: Publish, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._engine = engine
        self._publish = publish
        self._loop = loop or asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Change | _Hint | None] = queue.SimpleQueue()
        self._others: Others | None = None
        self._untold: deque[_Outcome] = deque(maxlen=MOST_UNTOLD)
        """What others did before somebody followed them."""
        self._hot_until = 0.0
        self._reading = 0
        self._complained_at = -COMPLAINT_SECONDS
        try:
            self._ledger = Ledger(engine)
        except BaseException as error:
            engine.close()
            if isinstance(error, engine.failures):
                raise Misconfigured(f"The store cannot be read: {error}.") from error
            raise
        self.epoch = engine.epoch
        self.counts = self._ledger.counts
        """How many tasks there are, as of the newest commit; belongs to the event loop."""
        self.recent = RecentTasks()
        """The tasks that were committed last; belongs to the event loop."""
        self.seq = self._ledger.seq
        """The number of the newest event at the time of opening."""
        self.committed_seq = self.seq
        """That of the newest event which is committed; belongs to the event loop, as ``recent`` does."""
        self._told_seq = self.seq
        """Up to which events were told of; belongs to the writing thread."""
        self._is_unsure = False
        """A commit failed, and none has succeeded since: perhaps it was made, and nobody was told."""
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="vain-reader")
        self._writer = threading.Thread(target=self._write_groups, name="vain-writer", daemon=True)
        self._writer.start()

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """Run a change on the writing thread and return what it returned, once it is committed and synced.

        What the change raises is raised here, and then nothing of it was stored. Raises StoreFull when the disk is
        full, Unavailable when too many changes wait or the disk fails.
        """
        if self._waiting.qsize() >= MOST_WAITING:
            raise Unavailable("Too many changes wait to be written; try again in a moment.")
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put(_Change(change, future))
        return await future

    async def read(self, query: Callable[[Connection], T]) -> T:
        """Run a query on a reading thread, in one snapshot of the database, and return its result."""
        if self._reading >= MOST_WAITING:
            raise Unavailable("Too many queries wait; try again in a moment.")
        self._reading += 1
        try:
            return await self._loop.run_in_executor(self._readers, self._run_query, query)
        finally:
            self._reading -= 1

    @property
    def is_shared(self) -> bool:
        """Whether other servers may write to the database as well."""
        return self._engine.is_shared

    def group(self) -> Group | None:
        """See ``Engine.group``."""
        return self._engine.group()

    def follow_others(self, others: Others) -> None:
        """Tell it of what other servers do, and of what they did since the store was opened."""
        self._others = others
        while self._untold:
            self._tell_others(self._untold.popleft())

    def judge_by(self, judging: Judging) -> None:
        """By which rules, and with which silences, changes of tasks are judged from the next one on."""
        self._ledger.judging = judging

    def close(self) -> None:
        """Commit what waits, end the threads, let go of the folder. Blocks; call it when the loop has no more to do."""
        self._waiting.put(None)
        self._writer.join()
        self._readers.shutdown(wait=True)
        self._engine.close()

    def _run_query(self, query: Callable[[Connection], T]) -> T:
        with self._engine.reading() as connection:
            return query(connection)

    def _write_groups(self) -> None:
        """The writing thread: take what waits, commit it, answer it; look what others have committed."""
        if self._engine.is_shared:
            self._engine.listen(lambda: self._waiting.put(_Hint()))
        ended = is_logged = False
        rested_at = time.monotonic()
        while not ended:
            group: list[_Change] = []
            try:
                change = self._waiting.get(timeout=self._patience_seconds(is_logged))
            except queue.Empty:
                change = _Hint()
            while change is not None:
                if isinstance(change, _Change):
                    group.append(change)
                if len(group) == LARGEST_GROUP or self._waiting.empty():
                    break
                change = self._waiting.get()
            ended = change is None
            if group:
                self._tell(self._commit(group))
                is_logged = True
                self._engine.has_committed(self._complain)
            elif not ended:
                self._look()
                if (now := time.monotonic()) - rested_at >= IDLE_SECONDS:
                    rested_at = now
                    is_logged = self._rest()

    def _patience_seconds(self, is_logged: bool) -> float | None:
        """For how long a change is waited for before something else is done; None: for ever."""
        if self._engine.is_shared:
            return HOT_LOOK_SECONDS if time.monotonic() < self._hot_until else LOOK_SECONDS
        return IDLE_SECONDS if is_logged or self._is_unsure else None

    def _rest(self) -> bool:
        """Nothing was written for a while; whether it is to be rested again later."""
        if self._is_unsure:
            self._tell(self._commit([]))
            return True
        self._engine.rest(self._complain)
        return False

    def _tell(self, outcome: _Outcome) -> None:
        self._loop.call_soon_threadsafe(self._answer, outcome)

    def _look(self) -> None:
        """Publish what other servers have committed."""
        if not self._engine.is_shared or self._is_unsure:
            return
        try:
            while (outcome := self._looked()) is not None:
                self._hot_until = time.monotonic() + HOT_SECONDS
                self._tell(outcome)
        except Diverged:
            self._is_unsure = True
            self._tell(_Outcome([], self._ledger.counts, [], [], is_diverged=True))
        except self._engine.failures as error:
            self._complain(error)
            self._is_unsure = True

    def _looked(self) -> _Outcome | None:
        """Some of what others have committed since; None if nothing was."""
        ledger, numbers = self._ledger, self._engine.numbers()
        if numbers == ledger.numbers and numbers.seq == self._told_seq:
            return None
        if numbers.seq < self._told_seq:
            self._is_unsure = True  # it has gone back; the next group finds out, and says so
            return None
        is_kept_changed = numbers.kept != ledger.kept
        most = min(numbers.seq - self._told_seq, MOST_CAUGHT_UP)
        missed = reading.events_after(ledger.connection, self._told_seq, most) if most else []
        ledger.take(numbers)
        ledger.follow(missed)
        self._told_seq += len(missed)
        return _Outcome(missed, ledger.counts, [], [], tuple(missed), is_kept_changed)

    def _commit(self, group: list[_Change]) -> _Outcome:
        ledger = self._ledger
        settled: list[_Settled] = []
        try:
            begun = self._engine.begin()
            kept_before = ledger.kept
            missed = self._caught_up(begun)
            is_kept_changed = ledger.kept != kept_before
            settled.extend(self._run_change(change) for change in group)
            ledger.flush()
            self._engine.commit()
        except Exception as error:
            if isinstance(error, (*self._engine.failures, VainError)):
                self._complain(error)
            else:
                logger.exception("A group of changes failed")  # and the thread goes on
            self._roll_back()
            self._is_unsure = True
            refusal = error if isinstance(error, VainError) else self._engine.refusal(error)
            refused = [_Settled(change.future, None, refusal) for change in group]
            return _Outcome([], ledger.counts, [], refused, is_diverged=isinstance(error, Diverged))
        events = [*missed, *ledger.waiting.events]
        stored = ledger.settle()
        self._told_seq, self._is_unsure = ledger.seq, False
        return _Outcome(events, ledger.counts, stored, settled, tuple(missed), is_kept_changed)

    def _caught_up(self, begun: Begun) -> list[Event]:
        """At the begin of a transaction: the numbers as they are, and the events that nobody here was told of.

        Those of other servers; and after a failure, or on a new connection, those of commits whose answer was lost.
        Raises Diverged if the database has gone back; it gets another epoch then, so that whoever follows starts anew.
        """
        ledger = self._ledger
        if begun.is_new or self._is_unsure:
            ledger.reload()
        elif begun.numbers is not None:
            if begun.numbers == ledger.numbers and ledger.seq == self._told_seq:
                return []
            ledger.take(begun.numbers)
        else:
            return []
        missed = ledger.seq - self._told_seq
        if missed < 0:
            ledger.connection.execute(queries.RENEW_EPOCH, (secrets.token_hex(8),))
            self._engine.commit()
            raise Diverged
        events = reading.events_after(ledger.connection, self._told_seq, missed) if missed else []
        ledger.follow(events)
        return events

    def _run_change(self, change: _Change) -> _Settled:
        transaction = Transaction(self._ledger)
        try:
            result = change.run(transaction)
        except self._engine.failures:
            raise
        except VainError as refusal:
            return _Settled(change.future, None, refusal)
        except Exception as error:
            logger.exception("A change failed")
            return _Settled(change.future, None, error)
        self._ledger.absorb(transaction, transaction.seq, transaction.task_id, transaction.notification_id)
        return _Settled(change.future, result, None)

    def _complain(self, error: Exception) -> None:
        """At most once in a while: a full disk must not be filled by its own log."""
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("Changes could not be written: %s", error)

    def _roll_back(self) -> None:
        """Without a trace; the numbers that were used up are looked up with the next group."""
        self._ledger.waiting = Collected()
        try:
            self._engine.roll_back()
        except Exception as error:  # noqa: BLE001  (the thread goes on)
            self._complain(error)

    def _answer(self, outcome: _Outcome) -> None:
        """On the loop: first what readers see, then the answers, so that whoever was answered finds what it wrote."""
        if outcome.missed:
            self.recent.clear()
        if not self._engine.is_shared:  # else somebody may have changed it since, and nobody here knows of it yet
            self.recent.update(outcome.stored)
        if outcome.events:
            self.committed_seq = outcome.events[-1].seq
        self.counts = outcome.counts
        try:
            if outcome.events:
                self._publish(outcome.events)
        except Exception:
            logger.exception("Committed events could not be published")
        self._tell_others(outcome)
        for future, result, error in outcome.settled:
            if future.cancelled():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

    def _tell_others(self, outcome: _Outcome) -> None:
        if not (outcome.missed or outcome.is_kept_changed or outcome.is_diverged):
            return
        if self._others is None:
            self._untold.append(outcome)
            return
        try:
            if outcome.is_diverged:
                self._others.diverged()
            if outcome.missed:
                self._others.happened(list(outcome.missed))
            if outcome.is_kept_changed:
                self._others.kept_changed()
        except Exception:
            logger.exception("What another server did could not be followed")
