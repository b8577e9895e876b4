"""File systems behind a network: read beside the tick, because a dead server never answers.

A thread that hangs in the kernel cannot be ended, so each mount has at most one, and it is never asked again while an
answer is due: a dead server costs one waiting thread, however long it is dead.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Thread

from vain.clock import Clock
from vain.sampler.machine import Mount, Usage

DEADLINE_SECONDS = 5.0
INTERVAL_SECONDS = 10.0
"""Between two questions to a server that answers: the figures move slowly, and they cost a round trip."""
LONGEST_INTERVAL_SECONDS = 300.0
"""To a server that does not answer, or with an error: the pause doubles up to this."""

logger = logging.getLogger(__name__)


class RemoteMount:
    """One mount and its thread. ``look`` is called by the tick and returns at once."""

    def __init__(self, point: str, usage: Callable[[str], Usage], monotonic: Clock) -> None:
        self._point = point
        self._usage = usage
        self._monotonic = monotonic
        self._questions: SimpleQueue[bool] = SimpleQueue()
        self._answer: Usage | OSError | None = None
        self._answered_at = 0.0
        """Both are written by the thread, before it sets ``_pending`` to False."""
        self._pending = False
        self._asked_at = 0.0
        self._next_at = monotonic()
        self._pause_seconds = INTERVAL_SECONDS
        self._was_reachable = True
        self._latest: Usage | None = None
        Thread(target=self._work, name=f"remote mount {point}", daemon=True).start()

    @property
    def pending(self) -> bool:
        """Whether the thread still waits for the server."""
        return self._pending

    def look(self) -> tuple[Usage | None, bool]:
        """The newest figures (None: not known, or no more to be trusted), and whether the mount answers."""
        now = self._monotonic()
        if not self._pending:
            self._take_answer(now)
            if now >= self._next_at:
                self._ask(now)
        elif now - self._asked_at > DEADLINE_SECONDS:
            self._set_reachable(False)
        return (self._latest if self._was_reachable else None), self._was_reachable

    def close(self) -> None:
        """The thread ends as soon as its server has answered; nobody waits for it."""
        self._questions.put(False)

    def _ask(self, now: float) -> None:
        self._pending, self._asked_at = True, now
        self._questions.put(True)

    def _take_answer(self, now: float) -> None:
        answer, self._answer = self._answer, None
        if answer is None:
            return
        failed = isinstance(answer, OSError) or self._answered_at - self._asked_at > DEADLINE_SECONDS
        self._pause_seconds = min(LONGEST_INTERVAL_SECONDS, self._pause_seconds * 2) if failed else INTERVAL_SECONDS
        self._next_at = now + self._pause_seconds
        if isinstance(answer, Usage):
            self._latest = answer
        self._set_reachable(isinstance(answer, Usage))

    def _set_reachable(self, reachable: bool) -> None:
        if reachable != self._was_reachable:
            self._was_reachable = reachable
            level = logging.INFO if reachable else logging.WARNING
            logger.log(level, "remote mount reachable=%s: %s", reachable, self._point)

    def _work(self) -> None:
        while self._questions.get():
            try:
                self._answer = self._usage(self._point)
            except OSError as exc:
                self._answer = exc
            self._answered_at = self._monotonic()
            self._pending = False


class RemoteMounts:
    """The remote mounts there are now, and those that are gone but still hang."""

    def __init__(self, usage: Callable[[str], Usage], monotonic: Clock) -> None:
        self._usage = usage
        self._monotonic = monotonic
        self._mounts: dict[str, RemoteMount] = {}

    def keep(self, mounts: Iterable[Mount]) -> None:
        """Let go of the others, but for those whose thread hangs: their mount gets no second thread when it is back."""
        points = {mount.point for mount in mounts}
        for point in [point for point, mount in self._mounts.items() if point not in points and not mount.pending]:
            self._mounts.pop(point).close()

    def look(self, point: str) -> tuple[Usage | None, bool]:
        """As ``RemoteMount.look``; the first look only asks."""
        if point not in self._mounts:
            self._mounts[point] = RemoteMount(point, self._usage, self._monotonic)
        return self._mounts[point].look()

    def close(self) -> None:
        for mount in self._mounts.values():
            mount.close()
