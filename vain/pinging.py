"""Jobs that report with a ping: one line of shell in a crontab makes a task, ends it, and promises the next one."""

from __future__ import annotations

import logging
import time
from functools import partial

from vain import lifecycle, pings
from vain.alerting.of_tasks import Job
from vain.clock import Clock, utc
from vain.codec import decode, encode
from vain.pings import Expectation, Ping
from vain.saving import Marks, NoMarks, saved, tell
from vain.store import reading
from vain.store.database import Store
from vain.store.transaction import Transaction
from vain.tracker import Tracker
from vain.types import LARGEST_LOG_BYTES, Task, TaskDraft, TaskPatch, TaskSource, Time

logger = logging.getLogger(__name__)

STOOD_STILL_SECONDS = 5.0
"""If the sweep did not run for so long, the machine slept or the server was stopped: no ping could be heard."""
KIND = "ping"
"""The kind of the source of a task that pings report."""


class Pinging:
    """Takes pings, and misses those that do not come. Belongs to the event loop."""

    def __init__(self, store: Store, tracker: Tracker, wall: Clock = time.time, marks: Marks | None = None) -> None:
        self._store, self._tracker, self._wall = store, tracker, wall
        self._marks: Marks = marks or NoMarks()
        self._expected: dict[str, Expectation] = {}
        self._listening_since = self._swept_at = wall()

    async def start(self) -> None:
        """Read what is expected; again, when another server has changed it."""
        known = [decode(Expectation, body) for body in await self._store.read(reading.expectations)]
        self._expected = {each.key: each for each in known}

    async def take(self, ping: Ping, log: bytes) -> Task:
        """The task of this ping, after it: begun by ``start``, ended by ``fail`` or an exit code.

        A job that was not begun begins and ends at once. ``log`` is added to its output.
        """

        def change(transaction: Transaction) -> tuple[Task, Expectation | None]:
            seconds = self._wall()
            now = utc(seconds)
            task = _after(transaction, ping, now, self._marks)
            if log:
                tail = log[-LARGEST_LOG_BYTES:]
                transaction.add_log(task.task_id, transaction.log_end(task.task_id), tail)
            known = transaction.expectation(ping.key)
            before = None if known is None else decode(Expectation, known)
            after = pings.expected(before, ping, seconds)
            if after is not None:
                after = pings.of_task(after, task)
            tell(transaction, Job(ping.key, task), pings.came_notices(before, after, seconds), now)
            if after != before:
                transaction.expect(ping.key, None if after is None else encode(after))
            return task, after

        task, after = await self._store.write(change)
        if after is None:
            self._expected.pop(ping.key, None)
        else:
            self._expected[ping.key] = after
        if self._tracker.follower is not None:
            self._tracker.follower.saved(task, None, True)
        return task

    async def sweep(self) -> None:
        """Tell of each job that did not come, once."""
        now = self._wall()
        if now - self._swept_at > STOOD_STILL_SECONDS:
            self._listening_since = now
        self._swept_at = now
        for key, expectation in list(self._expected.items()):
            if pings.missed(expectation, self._wall(), self._listening_since):
                told = await self._store.write(partial(self._miss, key=key))
                if told is not None and key in self._expected:
                    self._expected[key] = told

    def _miss(self, transaction: Transaction, key: str) -> Expectation | None:
        body = transaction.expectation(key)
        if body is None:
            return None
        expectation, seconds = decode(Expectation, body), self._wall()
        if not pings.missed(expectation, seconds, self._listening_since):
            return expectation
        told = pings.told(expectation)
        transaction.expect(key, encode(told))
        task = None if expectation.task_id is None else transaction.task(expectation.task_id)
        tell(transaction, Job(key, task), [pings.missed_notice(expectation, seconds)], utc(seconds))
        return told


def _after(transaction: Transaction, ping: Ping, now: Time, marks: Marks) -> Task:
    before = transaction.unfinished_with_key(ping.key)
    if before is None and ping.word == "log" and (last := transaction.last_with_key(ping.key)) is not None:
        return last  # more of what the last run put out: no run begins with it
    if before is None:
        before = task = _begun(transaction, ping, now, marks)
    else:
        status = "in-progress" if ping.word == "start" and before.status == "pending" else None
        patch = TaskPatch(status=status) if status else TaskPatch()  # type: ignore[arg-type]  # the literal
        task = lifecycle.patched(marks.costed(before), patch, now)
    task = _ended(task, ping, now)
    if task is not before:
        task = marks.estimated(transaction, task, before, now)
        saved(transaction, task, before, now)
    return task


def _begun(transaction: Transaction, ping: Ping, now: Time, marks: Marks) -> Task:
    draft = TaskDraft(name=ping.name or ping.key, key=ping.key, status="in-progress", source=TaskSource(kind=KIND))
    task = lifecycle.created(draft, transaction.next_task_id(), now)
    task = marks.estimated(transaction, task, None, now)
    saved(transaction, task, None, now)
    return task


def _ended(task: Task, ping: Ping, now: Time) -> Task:
    if ping.word == "end":
        return lifecycle.patched(task, TaskPatch(status="completed", exit_code=ping.exit_code), now)
    if ping.word == "fail":
        return lifecycle.patched(task, TaskPatch(status="completed", outcome="failed"), now)
    return task
