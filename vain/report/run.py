"""One run: what a job said of one piece of work, until the server has it.

The job's threads write (never waiting for a network or a disk), the sender's thread reads. What is newer replaces what
is older, so that a run takes the same little memory however often it reports and however long the server is away.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from vain import settings
from vain.report import drafts

LARGEST_LOG_BYTES = 64 << 10
"""The end of a run's output that is kept."""

_innermost: ContextVar[Run | None] = ContextVar("vain_run", default=None)


class Run:
    """A run as its job sees it: ``update``, ``write`` and ``end`` never raise and never wait."""

    def __init__(
        self,
        draft: dict[str, object],
        parent: Run | None,
        parent_run_id: str | None,
        told: Callable[[Run], None],
        ended: Callable[[Run], dict[str, object]],
    ) -> None:
        self.run_id = os.urandom(16).hex()
        self.task_id: int | None = None
        self.draft, self.parent, self.parent_run_id = draft, parent, parent_run_id
        self.began_at = self.changed_at = time.time()
        self.is_open = True
        self.count: Callable[[], float] | None = None
        """Asked by the sender for ``current``, so that a loop need not tell each step."""
        self.handle: object = None
        self.patch: dict[str, object] = {}
        """What the server does not have yet."""
        self.log = Tail()
        self._told, self._ended = told, ended
        self.is_delivered = False
        """The server has the end, or will never take it."""
        self.is_foreign = False
        """Of the process that this one was forked from."""
        self._total, self._pulled = drafts.number(draft.get("total")), 0.0
        # A signal handler may end a run while the same thread is in the middle of an update of it.
        self._lock = threading.RLock()
        self._known = threading.Event()
        self.kept = threading.Event()
        """The end lies in the spool, or with the server."""

    def __repr__(self) -> str:
        return f"<vain run {self.name!r} {self.task_id}>"

    @property
    def name(self) -> str:
        return str(self.draft["name"])

    @property
    def is_dirty(self) -> bool:
        """Whether the job has said something that the server does not have."""
        return bool(self.patch) or self.log.is_unsent

    def update(
        self,
        current: float | None = None,
        *,
        total: float | None = None,
        progress: float | None = None,
        message: str | None = None,
        unit: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Say how far the work is. The latest wins; None leaves a field as it is."""
        said: dict[str, object] = {}
        if current is not None or total is not None:
            said = self._counted(current, total)
        if progress is not None and (percent := drafts.number(progress, 0.0, 100.0)) is not None:
            said["progress"] = percent
        if message is not None or unit is not None or metadata is not None:
            said |= drafts.fields({"message": message, "unit": unit, "metadata": metadata})
        self._say(said)

    def write(self, data: bytes) -> None:
        """Add to the run's log, of which the last 64 KiB are kept."""
        with self._lock:
            if not self.is_open or not data:
                return
            was_clean, self.changed_at = not self.is_dirty, time.time()
            self.log.add(data)
        if was_clean:
            self._told(self)

    def end(
        self,
        outcome: str = "succeeded",
        *,
        exit_code: int | None = None,
        error: Mapping[str, Any] | None = None,
        message: str | None = None,
        usage: Mapping[str, Any] | None = None,
    ) -> None:
        """The work is over. Said once: what comes later is ignored."""
        said = drafts.fields({"exit_code": exit_code, "error": error, "message": message, "usage": usage})
        known = outcome if outcome in drafts.OUTCOMES else "failed"
        with self._lock:
            if not self.is_open:
                return
            self.pull()
            measured = self._ended(self)
            self.is_open, self.count, self.changed_at = False, None, time.time()
            self.patch |= {**measured, **said, "status": "completed", "outcome": known}
        self._told(self)

    def forget(self) -> None:
        """Stop: this run is another's to report, its parent process's after a fork."""
        self._lock, self.is_foreign = threading.RLock(), True
        self.is_open, self.count, self.patch = False, None, {}

    def wait_for_id(self, timeout_seconds: float) -> int | None:
        """The number that the server gave; None if it gave none in this time."""
        self._known.wait(timeout_seconds)
        return self.task_id

    def environment(self) -> dict[str, str]:
        """The variables that make what a child process reports a part of this run."""
        return settings.child_environment(self.run_id, self.task_id)

    def identify(self, task_id: int) -> None:
        """The server has the run, under this number."""
        self.task_id = task_id
        self._known.set()

    def pull(self) -> None:
        """Ask the loop how far it is."""
        if self.count is not None and (current := self.count()) != self._pulled:
            self._pulled = current
            self._say(self._counted(current, None))

    def unsent(self) -> tuple[dict[str, object], float]:
        """What the server does not have, and when the last of it was said.

        Takes no lock: the job's thread may hold it while a signal handler there waits for the sender.
        """
        return dict(self.patch), self.changed_at

    def sent(self, patch: Mapping[str, object]) -> None:
        """The server has this; what was said since stays."""
        with self._lock:
            self.patch = {name: value for name, value in self.patch.items() if patch.get(name) is not value}

    def _counted(self, current: float | None, total: float | None) -> dict[str, object]:
        known = {"current": drafts.number(current), "total": drafts.number(total)}
        said: dict[str, object] = {name: value for name, value in known.items() if value is not None}
        if known["total"] is not None:
            self._total = known["total"]
        if known["current"] is not None and self._total is not None and known["current"] > self._total:
            # The server refuses a count beyond its total; a loop that is longer than it said goes on nevertheless.
            self._total = said["total"] = known["current"]
        return said

    def _say(self, said: dict[str, object]) -> None:
        with self._lock:
            if not self.is_open or not said:
                return
            was_clean, self.changed_at = not self.is_dirty, time.time()
            self.patch |= said
        if was_clean:
            self._told(self)


class Tail:
    """The end of an output, and where in the whole of it that lies."""

    def __init__(self) -> None:
        self.end = self.sent_to = self.spooled_to = 0
        self._kept = bytearray()
        self._lock = threading.RLock()

    @property
    def is_unsent(self) -> bool:
        return self.sent_to < self.end

    def add(self, data: bytes) -> None:
        with self._lock:
            self._kept += data
            self.end += len(data)
            if len(self._kept) > 2 * LARGEST_LOG_BYTES:
                del self._kept[:-LARGEST_LOG_BYTES]

    def since(self, offset: int) -> tuple[int, bytes]:
        """What is kept of the output from ``offset`` on, at most 64 KiB, and the offset of its first byte."""
        with self._lock:
            first = max(offset, self.end - min(len(self._kept), LARGEST_LOG_BYTES))
            return first, bytes(self._kept[len(self._kept) - (self.end - first) :])


def innermost() -> Run | None:
    """The open run that the caller is in, by context: each thread and each asyncio task has its own."""
    run = _innermost.get()
    while run is not None and not run.is_open:
        run = run.parent
    return run


def enclosing() -> Run | None:
    """The same, and after a fork the parent process's too: new runs are children of it."""
    run = _innermost.get()
    while run is not None and not (run.is_open or run.is_foreign):
        run = run.parent
    return run


def enter(run: Run) -> None:
    """From here on the caller is in this run."""
    _innermost.set(run)


def leave(run: Run) -> None:
    """The caller is out of this run, and back in the one around it."""
    if _innermost.get() is run:
        _innermost.set(run.parent)


@contextmanager
def entered(run: Run) -> Iterator[Run]:
    """The block is in this run: what begins there is a child of it. Does not end it."""
    before = _innermost.get()
    _innermost.set(run)
    try:
        yield run
    finally:
        _innermost.set(before)


def encoded(value: object) -> bytes:
    """As JSON, in one form: an idempotency key comes back with the very same bytes."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
