"""Which running tasks have fallen silent: pure bookkeeping of promises, on the server's monotonic clock at receipt.

A task may be silent in two ways. Its process no longer says that it lives (``beat_seconds``), or the report that it
promised (``expect_next_in``) does not come. Either makes it stale once its grace is over; no status is ever changed
here, since a thread that holds the interpreter, or a network that is down, is no death.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from vain import words
from vain.notification import Notice
from vain.types import Task

MISSED_BEATS = 3
LEAST_GRACE_SECONDS = 30.0
GRACE_SHARE = 0.1


class Promise(Struct, frozen=True):
    """What a running task has promised; None: nothing of the kind."""

    task_id: int
    beat_seconds: float | None
    """Its process says as often that it lives."""
    expect_next_in: float | None
    """The next report of progress comes within this time."""


class _Kept(Struct):
    promise: Promise
    beat_at: float
    reported_at: float
    stale: bool
    """As it was last told."""
    beats_lapsed: bool
    report_lapsed: bool
    """Only what is heard clears these, not a grace that begins anew: nobody was heard because a machine woke up."""


def allowed_seconds(promised_seconds: float) -> float:
    """How long a promise may be exceeded in all before the task is stale."""
    return promised_seconds + max(LEAST_GRACE_SECONDS, GRACE_SHARE * promised_seconds)


class Liveness:
    """Belongs to one thread. All times are monotonic seconds."""

    def __init__(self, started: float) -> None:
        self._started = started
        """No silence counts that began before: nobody listened."""
        self._kept: dict[int, _Kept] = {}

    def follow(self, promise: Promise, now: float, stale: bool = False) -> None:
        """Begin to watch over a task, or take note of what it promises now. ``stale``: as it was found."""
        known = self._kept.get(promise.task_id)
        if known is None:
            # Why it was found stale is not known: if it promised a report, only that is sure to answer it.
            has_promised = promise.expect_next_in is not None
            by_beats, by_report = stale and not has_promised, stale and has_promised
            self._kept[promise.task_id] = _Kept(promise, now, now, stale, by_beats, by_report)
            return
        if promise.beat_seconds != known.promise.beat_seconds:
            known.beat_at, known.beats_lapsed = now, False
        if promise.expect_next_in != known.promise.expect_next_in:
            known.reported_at, known.report_lapsed = now, False
        known.promise = promise

    def forget(self, task_id: int) -> None:
        """It is no longer in progress."""
        self._kept.pop(task_id, None)

    def reported(self, task_id: int, now: float) -> None:
        """Whoever does the work said something of it, and so lives."""
        if (kept := self._kept.get(task_id)) is not None:
            kept.beat_at = kept.reported_at = now
            kept.beats_lapsed = kept.report_lapsed = False

    def beat(self, task_id: int, now: float) -> None:
        """The process lives; of its progress nothing is known."""
        if (kept := self._kept.get(task_id)) is not None:
            kept.beat_at, kept.beats_lapsed = now, False

    def resumed(self, asleep_seconds: float, now: float) -> None:
        """The machine slept, or the server stood still, for so long: every promise begins anew.

        What was silent before stays so until it is heard.
        """
        self._started = now

    def due(self, now: float) -> list[tuple[int, bool]]:
        """The tasks whose silence began or ended since this was last asked: number, and whether it is stale now."""
        changed = []
        for task_id, kept in self._kept.items():
            kept.beats_lapsed |= now > self._beats_end(kept)
            kept.report_lapsed |= now > self._promise_ends(kept)
            stale = kept.beats_lapsed or kept.report_lapsed
            if stale != kept.stale:
                kept.stale = stale
                changed.append((task_id, stale))
        return changed

    def next_due(self, now: float) -> float | None:
        """When the next task turns stale if nothing is heard; None: none will."""
        awake = [kept for kept in self._kept.values() if not kept.stale]
        first = min((min(self._beats_end(kept), self._promise_ends(kept)) for kept in awake), default=inf)
        return None if first == inf else first

    def _beats_end(self, kept: _Kept) -> float:
        beat = kept.promise.beat_seconds
        return inf if beat is None else max(kept.beat_at, self._started) + allowed_seconds(MISSED_BEATS * beat)

    def _promise_ends(self, kept: _Kept) -> float:
        promised = kept.promise.expect_next_in
        return inf if promised is None else max(kept.reported_at, self._started) + allowed_seconds(promised)


def stale_notice(task: Task) -> Notice:
    """That a task has fallen silent."""
    if task.expect_next_in is not None:
        message = f"No report in time: one was promised every {words.duration(task.expect_next_in)}"
    else:
        message = "Its process is no longer heard of"
    if task.heartbeat_at is not None:
        message += f"; the last report came {words.moment(task.heartbeat_at)}"
    return Notice(
        kind="task.stale", level="warning", title=f"{task.name} is silent", message=message, task_id=task.task_id
    )


def recovered_notice(task: Task) -> Notice:
    """That it was heard again."""
    return Notice(
        kind="task.recovered", level="info", title=f"{task.name} is heard again", message="", task_id=task.task_id
    )
