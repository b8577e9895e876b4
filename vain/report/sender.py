"""What brings runs to the server, one request after another, and to the disk when the server is away.

All of it happens in one thread of the process. Beginnings and ends are written to the spool before they are sent, so
that no death of the process loses one; progress is written only while the server is away. What the server has is
taken out of the spool.
"""

from __future__ import annotations

import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, SimpleQueue

from vain import spool
from vain.report.connection import Connection, Unanswered
from vain.report.delivery import BEAT_SECONDS, Delivery, Dropped
from vain.report.run import Run
from vain.report.slot import UPDATE_SECONDS, Slot
from vain.setting_types import Reporting

logger = logging.getLogger("vain.report")

FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS = 0.2, 10.0
SCAN_SECONDS = 60.0
"""Between two looks for what processes that are gone have left behind."""
MOST_RUNS = 1_000
"""That are held in memory because the server does not have them; more wait in the spool alone."""
SPILLED_AT_ONCE = 100
MOST_BEATS = 1_000
"""That the server takes at once."""


class Flush:
    """A wish that everything be sent at once, and what became of it."""

    def __init__(self, is_patient: bool) -> None:
        self.is_patient, self.settled, self.is_delivered = is_patient, threading.Event(), False

    def settle(self, is_delivered: bool) -> None:
        self.is_delivered = is_delivered
        self.settled.set()


class Sender:
    """``tell`` from any thread, a signal handler's among them; all else runs in ``run``'s thread."""

    def __init__(self, known: Reporting) -> None:
        self.told: SimpleQueue[Run | Flush | None] = SimpleQueue()
        self.answered_at = 0.0
        self.is_away = self.has_failed = False
        self._known, self._stopping = known, False
        self._connection = Connection(known.url, known.api_key, known.timeout_seconds)
        self._delivery = Delivery(self._connection, self._meanwhile)
        self._spool = spool.Spool(Path(known.spool_dir), known.url)
        self._slots: dict[str, Slot] = {}
        """Of runs that are open, or not delivered."""
        self._dirty: dict[str, Slot] = {}
        self._spilled: list[str] = []
        """Runs that wait in the spool alone."""
        self._fresh: list[Slot] = []
        """Of ``_dirty``, what the spool was not offered yet."""
        self._flushes: list[Flush] = []
        self._failures = 0
        self._retry_at = self._kept_at = self._pulled_at = self._scan_at = 0.0
        self._asked_at = math.inf
        """When the request that is under way was begun."""
        self._beat_at = time.monotonic() + BEAT_SECONDS
        self._replay: Iterator[None] | None = None
        self._warned: set[str] = set()
        self._keeping = threading.RLock()

    def tell(self, what: Run | Flush | None) -> None:
        """Something of this run is new (or: flush; or, with None: look again)."""
        self.told.put(what)

    def run(self) -> None:
        """The thread: until ``stop``."""
        try:
            while not self._stopping:
                self._safe_round()
        except Exception:
            self.has_failed = True
            logger.exception("reporting to vAIn has failed; the work goes on unreported")
        finally:
            self._end()

    def _safe_round(self) -> None:
        """A fault of ours must not end the reporting: it is tried again, and what was said lies in the spool."""
        try:
            self._wait()
            self._round()
        except Exception as exc:
            if "fault" not in self._warned:
                self._warned.add("fault")
                logger.exception("a report to vAIn has failed")
            self._fail(exc)
            time.sleep(FIRST_BACKOFF_SECONDS)

    def stop(self) -> None:
        """Give up the request that is under way, leave the rest in the spool, and end the thread."""
        self._stopping = True
        self.tell(None)

    def save(self) -> None:
        """Write to the spool what is not there yet. Of another thread only if this one hangs."""
        if self._keeping.acquire(timeout=0.2):
            try:
                self._drain()
                self._keep(everything=True)
            finally:
                self._keeping.release()

    def forget(self) -> None:
        """After a fork, in the child: let go of what is the parent's."""
        self._connection.close()
        self._spool.forget()

    def _round(self) -> None:
        self._keep()
        is_hurried = any(not flush.is_patient for flush in self._flushes)
        if time.monotonic() >= self._retry_at or is_hurried:
            try:
                self._deliver()
                self._send_spilled()
                self._beat()
                self._advance_replay()
            except Unanswered as exc:
                self._fail(exc)
        if not self._dirty and not self._spilled:
            self._settle(self._flushes, True)

    def _wait(self) -> None:
        """Until something is told, or the next thing is due."""
        seconds = self._idle_seconds()
        with contextlib.suppress(Empty):
            self._take(self.told.get(timeout=seconds) if seconds else self.told.get_nowait())
        self._pull()
        self._drain()

    def _idle_seconds(self) -> float:
        now = time.monotonic()
        # While nobody answers a beat waits, too: it is no reason to look again and again.
        due_at = [max(self._beat_at, self._retry_at)]
        if self._dirty or self._spilled:
            first = min((slot.due_at for slot in self._dirty.values()), default=now)
            due_at.append(max(first, self._retry_at))
            if self.is_away:
                due_at.append(self._kept_at + UPDATE_SECONDS)
        if any(slot.run.count for slot in self._slots.values()):
            due_at.append(self._pulled_at + UPDATE_SECONDS)
        if self.answered_at:
            due_at.append(max(self._retry_at, now if self._replay is not None else self._scan_at))
        return max(0.0, min(due_at) - now)

    def _pull(self) -> None:
        """Ask the loops how far they are."""
        if time.monotonic() >= self._pulled_at + UPDATE_SECONDS:
            self._pulled_at = time.monotonic()
            for slot in list(self._slots.values()):
                slot.run.pull()

    def _drain(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._take(self.told.get_nowait())

    def _take(self, what: Run | Flush | None) -> None:
        if isinstance(what, Flush):
            self._flushes.append(what)
        elif what is not None and not what.is_delivered:
            slot = self._slots.get(what.run_id) or Slot(what)
            self._dirty[what.run_id] = self._slots[what.run_id] = slot
            self._fresh.append(slot)

    def _meanwhile(self) -> bool:
        """Called while a request waits for its answer. False: give it up."""
        self._drain()
        self._keep()
        return not self._stopping

    def _keep(self, everything: bool = False) -> None:
        """Beginnings and ends go to the spool at once; while the server is away, progress each half second too."""
        now = time.monotonic()
        is_slow = self.is_away or now - self._asked_at >= UPDATE_SECONDS
        with_progress = everything or (is_slow and now - self._kept_at >= UPDATE_SECONDS)
        if with_progress:
            self._kept_at = now
            self._pull()
        with self._keeping:
            for slot in list(self._dirty.values()) if with_progress else self._fresh:
                try:
                    slot.keep(self._spool, with_progress)
                except OSError as exc:
                    self._warn("spool", "the spool %s cannot be written: %s", self._known.spool_dir, exc)
                    break
            self._fresh = []
            self._spill()

    def _spill(self) -> None:
        """Keep memory bounded: what lies wholly in the spool need not lie here too."""
        while len(self._dirty) > MOST_RUNS:
            latest = next((slot for slot in reversed(self._dirty.values()) if slot.is_wholly_kept), None)
            if latest is None:
                return
            self._spilled.append(latest.run.run_id)
            del self._dirty[latest.run.run_id], self._slots[latest.run.run_id]

    def _deliver(self) -> None:
        """Everything that is due, in the order in which it was begun."""
        for slot in list(self._dirty.values()):
            if self._flushes or slot.due_at <= time.monotonic():
                self._send(slot)
                self._drain()
                self._keep()

    def _send(self, slot: Slot) -> None:
        run = slot.run
        self._asked_at = time.monotonic()
        try:
            self._delivery.send(slot)
        except Dropped as exc:
            self._warn("dropped", "a report of task %r was refused: %s", run.name, exc)
            run.is_delivered = exc.is_final
        finally:
            self._asked_at = math.inf
        self._answered()
        slot.sent_at = time.monotonic()
        if run.is_delivered:
            self._slots.pop(run.run_id, None)
        if run.is_delivered or not run.is_dirty:
            self._dirty.pop(run.run_id, None)
        self._clean(slot)

    def _clean(self, slot: Slot) -> None:
        """Take out of the spool what the server has."""
        with self._keeping, contextlib.suppress(OSError):
            if self._dirty or self._spilled:
                slot.note_delivery(self._spool)
            else:
                self._clear()

    def _clear(self) -> None:
        self._spool.clear()
        for slot in self._slots.values():
            slot.cleared()

    def _send_spilled(self) -> None:
        """The runs that wait in the spool alone, once memory holds none that is due."""
        while self._spilled and not self._stopping and len(self._dirty) < MOST_RUNS // 2:
            some = self._spilled[:SPILLED_AT_ONCE]
            try:
                for report in self._spool.reports(some):
                    with contextlib.suppress(Dropped):
                        self._delivery.replay(report)
                    self._spool.add(spool.done(report.run_id))
            except OSError as exc:
                raise Unanswered(f"the spool cannot be read: {exc}") from exc
            del self._spilled[: len(some)]
            self._drain()
            self._keep()
            if not self._dirty and not self._spilled:
                self._clear()

    def _beat(self) -> None:
        """Say of open runs without a report of late that their process lives."""
        if time.monotonic() < self._beat_at:
            return
        self._beat_at = time.monotonic() + BEAT_SECONDS
        silent = [slot.run.task_id for slot in self._slots.values() if slot.needs_beat(BEAT_SECONDS)]
        task_ids = [task_id for task_id in silent if task_id is not None]
        for first in range(0, len(task_ids), MOST_BEATS):
            self._delivery.beat(task_ids[first : first + MOST_BEATS])
            self._answered()

    def _advance_replay(self) -> None:
        """One request of what processes that are gone have left behind."""
        now = time.monotonic()
        if self._replay is None and self.answered_at and now >= self._scan_at:
            self._scan_at = now + SCAN_SECONDS
            self._replay = self._delivery.replay_abandoned(Path(self._known.spool_dir), self._known.url)
        if self._replay is None or self._flushes:
            return
        try:
            next(self._replay)
        except (StopIteration, OSError):
            self._replay = None

    def _answered(self) -> None:
        if self.is_away:
            logger.info("vAIn at %s answers again", self._known.url)
            self._scan_at = 0.0
        self.answered_at, self.is_away, self._failures, self._retry_at = time.monotonic(), False, 0, 0.0

    def _fail(self, exc: Exception) -> None:
        message = "no reports to vAIn at %s for now: %s; they wait in %s"
        self._warn("away", message, self._known.url, exc, self._known.spool_dir)
        self._replay, self.is_away = None, True
        most = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2**self._failures)
        self._failures = min(self._failures + 1, 10)
        asked = exc.retry_after_seconds if isinstance(exc, Unanswered) else None
        self._retry_at = time.monotonic() + max(asked or 0.0, random.uniform(0.0, most))  # noqa: S311  # no secret
        self._keep(everything=True)
        self._settle([flush for flush in self._flushes if not flush.is_patient], False)

    def _settle(self, flushes: list[Flush], is_delivered: bool) -> None:
        for flush in flushes:
            flush.settle(is_delivered)
        self._flushes = [flush for flush in self._flushes if not flush.settled.is_set()]

    def _end(self) -> None:
        self._replay = None
        with self._keeping, contextlib.suppress(OSError):
            self.save()
            self._spool.close(delivered=not self._dirty and not self._spilled)
        self._connection.close()
        self._settle(self._flushes, False)

    def _warn(self, kind: str, message: str, *facts: object) -> None:
        """Once for each kind: a job's log is not the place for the server's troubles."""
        if kind not in self._warned:
            self._warned.add(kind)
            logger.warning(message, *facts)
