"""What the server adds to a task when it is stored: what its processes used until now, and when it is expected to end.

Everything here runs on the store's writing thread, which also owns the paces; the costs come from the monitor's thread,
as whole objects that are replaced.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from vain.clock import Clock, unix
from vain.costs import Cost, ended, renewed
from vain.eta import Pace, eta_of, paced
from vain.store.transaction import Transaction
from vain.types import Task, Time

EARLIER_RUNS = 100
"""Of the same name, to tell how long one takes."""
MOST_KEPT = 2_000
FRESH_SECONDS = 60.0
"""What runs of a name took is read again after so long, however many begin."""


class _Known(NamedTuple):
    attempt: int
    pace: Pace | None
    total: float | None
    durations: list[float]


class ServerMarks:
    """See ``vain.saving.Marks``. ``costs`` is read only."""

    def __init__(self, costs: Mapping[int, Cost], monotonic: Clock = time.monotonic) -> None:
        self._costs, self._monotonic = costs, monotonic
        self._known: dict[int, _Known] = {}
        self._durations: dict[tuple[str | None, str], tuple[float, list[float]]] = {}

    def costed(self, task: Task) -> Task:
        """See ``Marks``."""
        if task.status != "in-progress":
            return task
        cost, stored = self._costs.get(task.task_id), task.resources
        known = None if cost is None or cost.attempt != task.attempt else cost.resources
        if stored is not None and stored.hosts is not None and known is None:
            return msgspec.structs.replace(task, resources=ended(stored))
        return task if known is None else msgspec.structs.replace(task, resources=renewed(stored, known, task.host))

    def estimated(self, transaction: Transaction, task: Task, previous: Task | None, now: Time) -> Task:
        """See ``Marks``."""
        if task.status != "in-progress":
            self._known.pop(task.task_id, None)
            self._durations.pop((task.key, task.name), None)  # there is one more now
            return task
        known = self._known_of(transaction, task)
        amount = task.progress if task.current is None or not task.total else task.current
        total = 100.0 if task.current is None or not task.total else task.total
        before = None if previous is None or previous.status != "in-progress" else previous
        moved = before is None or (before.current, before.progress) != (task.current, task.progress)
        pace = known.pace if total == known.total else None
        if amount is not None and moved:
            pace = paced(pace, amount, unix(task.heartbeat_at or now))
        self._keep(task.task_id, known._replace(pace=pace, total=total))
        return msgspec.structs.replace(task, eta=eta_of(task, pace, known.durations, now))

    def _known_of(self, transaction: Transaction, task: Task) -> _Known:
        known = self._known.get(task.task_id)
        if known is None or known.attempt != task.attempt:
            known = _Known(task.attempt, None, None, self._durations_of(transaction, task))
        return known

    def _durations_of(self, transaction: Transaction, task: Task) -> list[float]:
        series, now = (task.key, task.name), self._monotonic()
        read_at, durations = self._durations.get(series, (-FRESH_SECONDS, []))
        if now - read_at >= FRESH_SECONDS or not durations:
            durations = transaction.durations(task, EARLIER_RUNS)
            self._durations[series] = now, durations
        while len(self._durations) > MOST_KEPT:
            del self._durations[next(iter(self._durations))]
        return durations

    def _keep(self, task_id: int, known: _Known) -> None:
        self._known.pop(task_id, None)
        self._known[task_id] = known
        while len(self._known) > MOST_KEPT:
            del self._known[next(iter(self._known))]
