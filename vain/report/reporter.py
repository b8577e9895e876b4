"""The reporter of this process: made with the first run, forgotten in a forked child, emptied at exit."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Mapping
from typing import Any

from vain import identity, settings
from vain.report import drafts, termination
from vain.report.run import Run, enclosing
from vain.report.sender import Flush, Sender
from vain.report.surroundings import Surroundings
from vain.report.usage import Meter

logger = logging.getLogger("vain.report")

EXIT_SECONDS, SLOW_EXIT_SECONDS, STOP_SECONDS = 2.0, 0.25, 0.3
TERMINATION_SECONDS = 1.0
ABRUPT_END_SECONDS = 0.5
AGO = "began_ago_seconds"


class Reporter:
    """All open runs of this process, and the thread that sends what they say."""

    def __init__(self, leaves_abruptly: bool) -> None:
        self._known = settings.load_reporting()
        if self._known.warning:
            logger.warning("nothing is reported to vAIn: %s", self._known.warning)
        self._source = identity.this_process()
        self._open: dict[str, Run] = {}
        self._meters: dict[str, Meter] = {}
        self._surroundings = Surroundings()
        self._leaves_abruptly, self._has_begun, self._is_closed = leaves_abruptly, False, not self._known.enabled
        self._is_guarded = self._is_closed
        """Whether it is settled who takes SIGTERM."""
        self._lock = threading.RLock()
        self._warned: set[str] = set()
        self._sender = Sender(self._known)
        self._thread: threading.Thread | None = None

    def begin(
        self,
        name: object,
        kind: str,
        parent: Run | int | None,
        source: Mapping[str, Any] | None,
        fields: dict[str, Any],
    ) -> Run:
        """A new run, in progress unless its fields say otherwise."""
        self._is_guarded = self._is_guarded or termination.install(terminate)
        around = parent if isinstance(parent, Run) else None
        if parent is None:
            around = enclosing() or self._surroundings.around_threads()
        parent_id = parent if isinstance(parent, int) else around.task_id if around is not None else self._known.task_id
        parent_run_id = None if isinstance(parent, int) else around.run_id if around is not None else self._known.run_id
        given = {"status": "in-progress", **fields, "name": name, "parent_id": parent_id}
        draft = {"name": "task"} | drafts.fields(given) | {"source": {**(source or self._source), "kind": kind}}
        self._warn_of([label for label, value in fields.items() if value and label not in draft and label != AGO])
        run = Run(draft, around, parent_run_id, self._told, self._ended)
        run.began_at -= drafts.number(fields.get(AGO)) or 0.0
        self._opened(run, kind)
        self._told(run)
        return run

    def _warn_of(self, labels: list[str]) -> None:
        """A field that cannot be reported costs the job nothing, but somebody meant it: told once for each."""
        new = [label for label in labels if label not in self._warned]
        if new:
            self._warned.update(new)
            logger.warning("vain: %s cannot be reported as given and is left out", ", ".join(new))

    def flush(self, timeout_seconds: float) -> bool:
        """Wait until the server has everything; False if it has not within this time."""
        if self._is_closed or self._thread is None or self._sender.has_failed:
            return self._known.enabled and self._thread is None
        flush = Flush(is_patient=True)
        self._sender.tell(flush)
        flush.settled.wait(timeout_seconds)
        return flush.is_delivered

    def close(self, timeout_seconds: float) -> None:
        """End what is open as cancelled, send what can be sent quickly, and leave the rest in the spool."""
        for run in list(self._open.values()):
            run.end("cancelled")
        if self._is_closed:
            return
        self._is_closed = True
        if self._thread is not None:
            self._hurry(timeout_seconds)
            self._sender.stop()
            self._thread.join(STOP_SECONDS)
            if self._thread.is_alive():
                self._sender.save()

    def forget(self) -> None:
        """In a forked child: everything here is the parent process's."""
        self._lock = threading.RLock()
        self._is_closed = True
        for run in self._open.values():
            run.forget()
        self._sender.forget()

    def _hurry(self, timeout_seconds: float) -> None:
        """Wait long for a server that answers, and shortly for one that does not."""
        flush = Flush(is_patient=False)
        self._sender.tell(flush)
        began_at = time.monotonic()
        while not flush.settled.wait(0.05):
            now = time.monotonic()
            is_slow = now - max(began_at, self._sender.answered_at) > SLOW_EXIT_SECONDS
            if is_slow or now - began_at > timeout_seconds:
                return

    def _opened(self, run: Run, kind: str) -> None:
        if kind == "attached" or run.draft["status"] != "in-progress":
            return
        with self._lock:
            if self._open and run.parent is None:
                for meter in self._meters.values():
                    meter.is_alone = False
            elif not self._open:
                self._meters[run.run_id] = Meter(is_first=not self._has_begun)
            self._has_begun = True
            self._open[run.run_id] = run
            self._surroundings.begun(run)

    def _ended(self, run: Run) -> dict[str, object]:
        """What a run cost, when it ends."""
        with self._lock:
            self._open.pop(run.run_id, None)
            self._surroundings.ended(run)
            meter = self._meters.pop(run.run_id, None)
        usage = None if meter is None else meter.read()
        return {"usage": usage} if usage else {}

    def _told(self, run: Run) -> None:
        if self._is_closed or self._sender.has_failed:
            return
        self._sender.tell(run)
        if self._thread is None:
            self._start()
        if self._leaves_abruptly and not run.is_open:
            # A forked child often leaves by os._exit, after which nothing runs: the end must lie in the spool by then.
            run.kept.wait(ABRUPT_END_SECONDS)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._sender.run, name="vain-report", daemon=True)
                thread.start()
                self._thread = thread


_reporter: Reporter | None = None
_is_forked = False
_making = threading.RLock()


def begin(
    name: object,
    kind: str = "python",
    *,
    parent: Run | int | None = None,
    source: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Run:
    """Begin a run, which is a task on the board. Never raises, never waits; the number comes when the server answers.

    ``fields`` are those of a task: tags, priority, description, key, metadata, expect_next_in, message, total, unit,
    due_at, status; ``began_ago_seconds`` says that it began before this call. ``parent`` is a run, or a task's number;
    else the run around the caller, else the one that started this process. ``source`` names the process that does the
    work, if it is not this one.
    """
    try:
        return _current().begin(name, kind, parent, source, fields)
    except Exception:  # a report is never worth the job
        logger.debug("a task could not be begun", exc_info=True)
        return mute(name)


def flush(timeout_seconds: float) -> bool:
    """Wait until the server has everything. True: it has; False: what it has not lies in the spool."""
    return _current().flush(timeout_seconds)


def terminate() -> None:
    """What a SIGTERM does before the process dies of it."""
    if _reporter is not None:
        _reporter.close(TERMINATION_SECONDS)


def _current() -> Reporter:
    global _reporter
    if _reporter is None:
        with _making:
            if _reporter is None:
                is_worker = _is_worker()
                _reporter = Reporter(_is_forked or is_worker)
                if is_worker:
                    _close_with_multiprocessing()
    return _reporter


def mute(name: object) -> Run:
    """A run of which nobody hears."""
    run = Run({"name": drafts.text(name, drafts.LONGEST_NAME)}, None, None, lambda _: None, lambda _: {})
    run.is_delivered = True
    return run


def _close_at_exit() -> None:
    if _reporter is not None:
        _reporter.close(EXIT_SECONDS)


def _is_worker() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


def _close_with_multiprocessing() -> None:
    """A worker of multiprocessing may leave without ``atexit``, but not without finalizers of its own."""
    util = sys.modules.get("multiprocessing.util")
    if util is not None:
        util.Finalize(None, _close_at_exit, exitpriority=-100)


def _forked() -> None:
    """A child has its own thread, its own spool and its own runs; those of its parent it neither reports nor ends."""
    global _reporter, _is_forked, _making
    before, _reporter, _is_forked, _making = _reporter, None, True, threading.RLock()
    if before is not None:
        with contextlib.suppress(Exception):
            before.forget()


atexit.register(_close_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
