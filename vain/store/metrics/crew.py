"""The threads that write histories: a few of them, for however many histories there are.

A history says when it has something to commit, which is short and is done first, and when it has something else to do
(the part of an import, an hour that is to be sealed), which may take long. No history is served by two threads at once.
Histories whose rows lie in one database are committed together: a transaction costs more than the rows of a host.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Sequence
from math import inf
from operator import methodcaller
from typing import Protocol

from vain.errors import StoreFull, Unavailable
from vain.store.metrics.archive import Ready, Together

SLACK_SECONDS = 0.5
"""What is committed together may be committed so much too early."""
LONGEST_REST_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Served(Protocol):
    """A history, as the crew knows it. Nothing of it raises; times are of ``time.monotonic``, inf: never."""

    @property
    def together(self) -> Together | None:
        """Where its rows can be committed with those of others."""

    def commit_at(self) -> float:
        """When rows are to be committed."""

    def work_at(self) -> float:
        """When there is other work; minus infinite if somebody waits for it."""

    def commit(self) -> None:
        """Commit what waits."""

    def work(self) -> bool:
        """One piece of other work; whether nobody waits for the next, so that the thread may rest first."""

    def ready(self) -> Ready | None:
        """What waits, if it can be committed with that of others."""

    def committed(self) -> None:
        """What ``ready`` gave is committed."""

    def postpone(self, error: Exception | None = None) -> None:
        """It could not be, and is to be tried again; without an error since another server writes to it now."""


_Line = list[tuple[float, int, Served]]
_COMMIT_AT: Callable[[Served], float] = methodcaller("commit_at")
_WORK_AT: Callable[[Served], float] = methodcaller("work_at")


class Crew:
    """``committers`` threads take what is to be committed, ``workers`` what else is to be done; without workers the
    committers do both. They begin with the first thing to do. After work that nobody waits for a thread rests ``rest``
    times as long: where a thousand hours are over at once, others have to get their turn of the interpreter."""

    def __init__(self, committers: int = 1, workers: int = 0, rest: float = 0.0) -> None:
        self._rest = rest
        self._roles = [(True, workers == 0)] * committers + [(False, True)] * workers
        self._changed = threading.Condition()
        self._commits: _Line = []
        self._works: _Line = []
        self._entries = 0
        self._busy: set[Served] = set()
        self._is_closing = self._is_hasty = False
        self._threads: list[threading.Thread] = []

    def heed(self, history: Served) -> None:
        """Something of it is to be done sooner than was known. Any thread; not while the history is locked."""
        with self._changed:
            if history not in self._busy:  # of one that is served the times are asked when that is over
                self._add(history)
            if self._is_closing:
                raise RuntimeError("the threads that write have ended")
            if not self._threads:
                self._begin()

    def hasten(self) -> None:
        """Do nothing from now on that nobody waits for."""
        self._is_hasty = True

    def close(self) -> None:
        """End the threads, once every history is closed."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _begin(self) -> None:
        for commits, works in self._roles:
            thread = threading.Thread(target=self._serve, args=(commits, works), name="vain-metrics", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _add(self, history: Served) -> None:
        self._put(self._commits, history.commit_at(), history)
        self._put(self._works, history.work_at(), history)

    def _put(self, line: _Line, at: float, history: Served) -> None:
        """An entry says when to look at a history, which may have other times by then."""
        if at < inf:
            is_first = not line or at < line[0][0]
            self._entries += 1
            heapq.heappush(line, (at, self._entries, history))
            if is_first:
                self._changed.notify_all()

    def _serve(self, commits: bool, works: bool) -> None:
        rests_until = -inf
        while (due := self._due(commits, works, rests_until)) is not None:
            histories, is_commit = due
            began, may_rest = time.monotonic(), False
            try:
                if is_commit:
                    _commit(histories)
                else:
                    may_rest = histories[0].work()
            except Exception:
                logger.exception("A history could not be served")
            with self._changed:
                self._busy.difference_update(histories)
                for history in histories:
                    self._add(history)
            if may_rest:
                now = time.monotonic()
                rests_until = now + min(LONGEST_REST_SECONDS, self._rest * (now - began))

    def _due(self, commits: bool, works: bool, rests_until: float) -> tuple[list[Served], bool] | None:
        """Wait for what is due, and take it; whether it is a commit. None: the end."""
        with self._changed:
            while not self._is_closing:
                now = time.monotonic()
                if commits and (first := self._taken(self._commits, _COMMIT_AT, now)) is not None:
                    place = first.together
                    return [first, *(() if place is None else self._companions(place, now + SLACK_SECONDS))], True
                rests = now < rests_until or self._is_hasty
                if works and (first := self._taken(self._works, _WORK_AT, -inf if rests else now)) is not None:
                    return [first], False
                heads = [self._commits[0][0]] if commits and self._commits else []
                if works and self._works and not self._is_hasty:
                    heads.append(max(rests_until, self._works[0][0]))
                self._changed.wait(max(0.0, min(heads) - now) if heads else None)
        return None

    def _taken(self, line: _Line, at_of: Callable[[Served], float], until: float) -> Served | None:
        while line and line[0][0] <= until:
            history = heapq.heappop(line)[2]
            if history in self._busy:
                continue
            at = at_of(history)
            if at <= until:
                self._busy.add(history)
                return history
            self._put(line, at, history)
        return None

    def _companions(self, place: Together, until: float) -> list[Served]:
        """Others that can be committed at the same place."""
        found: list[Served] = []
        others: list[Served] = []
        while (history := self._taken(self._commits, _COMMIT_AT, until)) is not None:
            (found if history.together is place else others).append(history)
        self._busy.difference_update(others)
        for history in others:
            self._put(self._commits, history.commit_at(), history)
        return found


def _commit(histories: Sequence[Served]) -> None:
    place = histories[0].together
    group = []
    for history in histories:
        ready = history.ready() if place is not None and len(histories) > 1 else None
        if ready is None:
            history.commit()
        else:
            group.append((history, ready))
    if place is None or not group:
        return
    try:
        written = place.append([ready for _, ready in group])
    except (StoreFull, Unavailable) as error:
        for history, _ in group:
            history.postpone(error)
        return
    except Exception:
        logger.exception("Samples of several hosts could not be written together; they are written host by host")
        written = [False] * len(group)
    for (history, _), is_written in zip(group, written, strict=True):
        if is_written:
            history.committed()
        elif is_written is None:
            history.postpone()
        else:
            history.commit()
