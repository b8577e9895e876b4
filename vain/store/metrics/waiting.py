"""What waits to be written: a bounded list of samples and spans, and the jobs of those who wait for their end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from math import inf
from typing import Any, NamedTuple, TypeVar

from vain.errors import Unavailable
from vain.quality import Span
from vain.store.metrics.book import Labels
from vain.store.metrics.hot import HotRow

T = TypeVar("T")

MOST_SPANS = 10_000


class Job(NamedTuple):
    """Something to be done on the writing thread, for somebody who waits for it."""

    run: Callable[[], Any]
    future: Future[Any]

    def finish(self) -> None:
        """Do it, and tell."""
        try:
            result = self.run()
        except BaseException as error:  # noqa: BLE001  (whoever waits gets it)
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class Batch(NamedTuple):
    """What the next commit writes. ``labels`` are those of new series, by the time of their row."""

    rows: tuple[HotRow, ...]
    spans: tuple[Span, ...]
    labels: dict[int, Labels]
    lost: Span | None

    @property
    def noted(self) -> tuple[Span, ...]:
        """All spans, with that of what was lost."""
        return self.spans if self.lost is None else (*self.spans, self.lost)


class Waiting:
    """Any thread puts something in, the one that serves the history takes it out.

    At most ``most_rows`` samples wait; the next one is dropped, counted in ``dropped``, and the time of those that were
    dropped in a row becomes a span of the cause ``not-stored``.
    """

    def __init__(self, most_rows: int, commit_seconds: float) -> None:
        self.dropped = 0
        self.heed: Callable[[], None] = nothing
        """Is called when something is to be done sooner than was known."""
        self._most_rows, self._commit_seconds = most_rows, commit_seconds
        self._lock = threading.Lock()
        self._rows: list[HotRow] = []
        self._labels: dict[int, Labels] = {}
        self._spans: list[Span] = []
        self._lost: Span | None = None
        self._jobs: deque[Job] = deque()
        self._closing = False
        self._due = 0.0
        """When the oldest row is to be committed (monotonic)."""

    def add(self, t: float, row: HotRow, labels: Labels | None, spans: Sequence[Span]) -> None:
        """A sample, and what is to be noted with it."""
        with self._lock:
            self._note(spans)
            if self._closing or len(self._rows) >= self._most_rows:
                self.dropped += 1
                self._lost = Span("not-stored", t if self._lost is None else self._lost.begin, t)
                return
            self._rows.append(row)
            if labels:
                self._labels[row.t] = labels
            is_first = len(self._rows) == 1
            if is_first:
                self._due = time.monotonic() + self._commit_seconds
        if is_first:
            self.heed()

    def note(self, spans: Sequence[Span]) -> None:
        """Spans without a sample; they are written with the next one."""
        with self._lock:
            self._note(spans)

    def read(self) -> Batch:
        """What waits at this moment."""
        with self._lock:
            return Batch(tuple(self._rows), tuple(self._spans), dict(self._labels), self._lost)

    def count(self) -> int:
        """How many samples wait."""
        return len(self._rows)

    @property
    def room(self) -> int:
        """How many more may wait."""
        return self._most_rows - len(self._rows)

    def hurry(self) -> None:
        """Commit what waits now, and not when it is due."""
        with self._lock:
            self._due = 0.0
        self.heed()

    def settle(self, batch: Batch) -> None:
        """It is written."""
        with self._lock:
            del self._rows[: len(batch.rows)], self._spans[: len(batch.spans)]
            self._labels = {t: labels for t, labels in self._labels.items() if t not in batch.labels}
            if self._lost is batch.lost:
                self._lost = None
            self._due = time.monotonic() + self._commit_seconds

    def run(self, work: Callable[[], T]) -> T:
        """Have something done on the writing thread, and wait for it. Raises Unavailable once it is closed."""
        future: Future[T] = Future()
        with self._lock:
            if self._closing:
                raise Unavailable("The history is closed.")
            self._jobs.append(Job(work, future))
        self.heed()
        return future.result()

    def close(self) -> bool:
        """Nothing comes any more; whether that is news."""
        with self._lock:
            was_open = not self._closing
            self._closing = True
            return was_open

    @property
    def due(self) -> float:
        """When what waits is to be committed (monotonic); inf: nothing waits."""
        return self._due if self._rows else inf

    @property
    def is_closing(self) -> bool:
        """Whether nothing comes any more."""
        return self._closing

    @property
    def has_job(self) -> bool:
        """Whether somebody waits for a job."""
        return bool(self._jobs)

    def next_job(self) -> Job | None:
        """The oldest of them."""
        with self._lock:
            return self._jobs.popleft() if self._jobs else None

    def _note(self, spans: Sequence[Span]) -> None:
        self._spans.extend(spans[: max(0, MOST_SPANS - len(self._spans))])


def nothing() -> None:
    """Nobody is to be told."""
