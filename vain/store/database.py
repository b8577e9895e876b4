"""The store on SQLite: one thread writes, in groups, each group synced to disk before any of it is answered.

Exactly one connection ever writes and checkpoints; readers are read-only. ``synchronous=FULL`` syncs the write-ahead
log at each commit, so an answered change survives a power cut; a group shares one sync, so many writers cost little
more than one. Methods that are ``async`` belong to the event loop and never block it.
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
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import apsw

from vain.alerting.alert import Judging
from vain.errors import Misconfigured, StoreDamaged, StoreFull, Unavailable, VainError
from vain.store import queries
from vain.store.collected import Collected, Stored
from vain.store.folder import FolderLock, prepare, private_file
from vain.store.ledger import Ledger
from vain.store.read_gate import ReadGate
from vain.store.recent import RecentTasks
from vain.store.sqlite import LOG_PAGES, open_for_reading, open_for_writing, restart_log
from vain.store.transaction import Transaction
from vain.types import Event, TaskCounts

logger = logging.getLogger(__name__)

T = TypeVar("T")

DATABASE_NAME = "vain.db"
MIGRATIONS = tuple(f"schema_{version}.sql" for version in range(1, 9))
"""The file at position n brings a database from version n to n + 1."""
LARGEST_GROUP = 256
MOST_WAITING = 10_000
READERS = 2
READER_SECONDS = 1.0
"""So long a reader may hold up that the log begins anew; then it is tried again when it has grown as much again."""
IDLE_SECONDS = 1.0
"""After this long without a change the log is taken into the database."""
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


class Store:
    """Tasks, their events, notifications and idempotency records, in one file of a data folder.

    ``publish`` is called on the event loop after each commit, with its events in commit order, before the changes that
    made them are answered. Raises StoreLocked, StoreDamaged or Misconfigured on opening.
    """

    def __init__(self, folder: Path, publish: Publish, loop: asyncio.AbstractEventLoop | None = None) -> None:
        prepare(folder)
        self._lock = FolderLock(folder)
        self._publish = publish
        self._loop = loop or asyncio.get_running_loop()
        self._waiting: queue.SimpleQueue[_Change | None] = queue.SimpleQueue()
        self._reading = 0
        self._read_gate = ReadGate()
        self._log_pages, self._restart_at = 0, LOG_PAGES
        self._complained_at = -COMPLAINT_SECONDS
        self._local = threading.local()
        try:
            self._path = private_file(folder / DATABASE_NAME)
            self._connection = open_for_writing(self._path, MIGRATIONS, on_first=_named)
            # In place of SQLite's own checkpoints, which come within a commit that somebody waits for.
            self._connection.set_wal_hook(self._note_log)
            self._ledger = Ledger(self._connection)
            self.epoch = str(self._connection.execute(queries.EPOCH).get)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            self._lock.release()
            raise StoreDamaged(f"{self._path} is damaged and was not touched: {error}.") from error
        except apsw.Error as error:
            self._lock.release()
            raise Misconfigured(f"{self._path} cannot be opened: {error}; --data names another folder.") from error
        except BaseException:
            self._lock.release()
            raise
        self.counts = self._ledger.counts
        """How many tasks there are, as of the newest commit; belongs to the event loop."""
        self.recent = RecentTasks()
        """The tasks that were committed last; belongs to the event loop."""
        self.seq = self._ledger.seq
        """The number of the newest event at the time of opening."""
        self.committed_seq = self.seq
        """That of the newest event which is committed; belongs to the event loop, as ``recent`` does."""
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

    async def read(self, query: Callable[[apsw.Connection], T]) -> T:
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
        self._connection.close(True)
        self._lock.release()

    def _run_query(self, query: Callable[[apsw.Connection], T]) -> T:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = open_for_reading(self._path)
        with self._read_gate.reading():
            connection.execute("BEGIN")
            try:
                return query(connection)
            finally:
                connection.execute("COMMIT")

    def _write_groups(self) -> None:
        """The writing thread: take what waits, commit it, answer it."""
        ended = is_logged = False
        while not ended:
            group: list[_Change] = []
            try:
                change = self._waiting.get(timeout=IDLE_SECONDS if is_logged else None)
            except queue.Empty:
                self._checkpoint()
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
                if self._log_pages >= self._restart_at:
                    self._checkpoint(restart=True)

    def _checkpoint(self, restart: bool = False) -> None:
        """Take the log into the database; with ``restart`` also see to it that the log begins anew."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            if restart:
                # What is left to copy by now is little, so readers wait for a moment only.
                with self._read_gate.closed(READER_SECONDS) as is_empty:
                    began_anew = is_empty and restart_log(self._connection)
                self._restart_at = LOG_PAGES if began_anew else self._log_pages + LOG_PAGES
        except apsw.Error as error:
            self._complain(error)

    def _note_log(self, connection: apsw.Connection, name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _commit(self, group: list[_Change]) -> _Outcome:
        ledger = self._ledger
        settled: list[_Settled] = []
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            settled.extend(self._run_change(change) for change in group)
            ledger.flush()
            self._connection.execute("COMMIT")
        except apsw.Error as error:
            self._complain(error)
            self._roll_back()
            refusal = _refusal(error)
            return _Outcome([], ledger.counts, [], [_Settled(change.future, None, refusal) for change in group])
        events = ledger.waiting.events
        stored = ledger.settle()
        return _Outcome(events, ledger.counts, stored, settled)

    def _run_change(self, change: _Change) -> _Settled:
        transaction = Transaction(self._ledger)
        try:
            result = change.run(transaction)
        except apsw.Error:
            raise
        except VainError as refusal:
            return _Settled(change.future, None, refusal)
        except Exception as error:
            logger.exception("A change failed")
            return _Settled(change.future, None, error)
        self._ledger.absorb(transaction, transaction.seq, transaction.task_id, transaction.notification_id)
        return _Settled(change.future, result, None)

    def _complain(self, error: apsw.Error) -> None:
        """At most once in a while: a full disk must not be filled by its own log."""
        now = time.monotonic()
        if now - self._complained_at >= COMPLAINT_SECONDS:
            self._complained_at = now
            logger.error("Changes could not be written: %s", error)

    def _roll_back(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._ledger.reload()
        except apsw.Error:
            logger.exception("The numbers could not be read again")
            self._ledger.waiting = Collected()

    def _answer(self, outcome: _Outcome) -> None:
        """On the loop: first what readers see, then the answers, so that whoever was answered finds what it wrote."""
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


def _named(connection: apsw.Connection) -> None:
    """A new database's log gets its name."""
    connection.execute(queries.SET_EPOCH, (secrets.token_hex(8),))


def _refusal(error: apsw.Error) -> VainError:
    if isinstance(error, apsw.FullError):
        return StoreFull("The disk is full: nothing can be changed until there is space; reading goes on.")
    return Unavailable("The change could not be written to disk and was not made.")
