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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from vain.alerting.alert import Judging
from vain.errors import Misconfigured, Unavailable, VainError
from vain.store import queries, reading
from vain.store.collected import Collected, Stored
from vain.store.connection import Connection, Engine
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

Publish = Callable[[list[Event]], None]


class _Change(NamedTuple):
    run: Callable[[Transaction], Any]
    future: asyncio.Future[Any]


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
    is_more: bool = False
    """More was stored than ``stored`` says: by commits whose answer was lost."""


class Store:
    """Tasks, their events, notifications and idempotency records, in a database that is open.

    ``publish`` is called on the event loop after each commit, with its events in commit order, before the changes that
    made them are answered. The store closes the engine.
    """

    def __init__(self, engine: Engine, publish: Publish, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._engine = engine
        self._publish = publish
        self._loop = loop or asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
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
        """The writing thread: take what waits, commit it, answer it."""
        ended = is_logged = False
        while not ended:
            group: list[_Change] = []
            try:
                change = self._waiting.get(timeout=IDLE_SECONDS if is_logged else None)
            except queue.Empty:
                if self._is_unsure:
                    self._loop.call_soon_threadsafe(self._answer, self._commit([]))
                else:
                    self._engine.rest(self._complain)
                    is_logged = False
                continue
            while change is not None:
                group.append(change)
                if len(group) == LARGEST_GROUP or self._waiting.empty():
                    break
                change = self._waiting.get()
            ended = change is None
            if group:
                self._loop.call_soon_threadsafe(self._answer, self._commit(group))
                is_logged = True
                self._engine.has_committed(self._complain)

    def _commit(self, group: list[_Change]) -> _Outcome:
        ledger = self._ledger
        settled: list[_Settled] = []
        try:
            is_new = self._engine.begin()
            missed = self._looked_up() if is_new or self._is_unsure else []
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
            return _Outcome([], ledger.counts, [], [_Settled(change.future, None, refusal) for change in group])
        events = [*missed, *ledger.waiting.events]
        stored = ledger.settle()
        self._told_seq, self._is_unsure = ledger.seq, False
        return _Outcome(events, ledger.counts, stored, settled, bool(missed))

    def _looked_up(self) -> list[Event]:
        """After a failure, or on a new connection: the numbers as they are, and events of which nobody was told.

        Raises Unavailable if the database has gone back; it gets another epoch then, so that whoever follows this
        server's successor starts anew.
        """
        self._ledger.reload()
        missed = self._ledger.seq - self._told_seq
        if missed < 0:
            self._ledger.connection.execute(queries.RENEW_EPOCH, (secrets.token_hex(8),))
            self._engine.commit()
            raise Unavailable("The database has gone back to an older state: this server has to be started anew.")
        return reading.events_after(self._ledger.connection, self._told_seq, missed) if missed else []

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
        if outcome.is_more:
            self.recent.clear()
        self.recent.update(outcome.stored)
        if outcome.events:
            self.committed_seq = outcome.events[-1].seq
        self.counts = outcome.counts
        try:
            if outcome.events:
                self._publish(outcome.events)
        except Exception:
            logger.exception("Committed events could not be published")
        for future, result, error in outcome.settled:
            if future.cancelled():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
