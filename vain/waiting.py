"""Tasks that somebody waits for over HTTP, through restarts of the server."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence

from vain.errors import TimedOut, TooManyRequests, Unavailable, Unreachable
from vain.types import Task
from vain.wire import Wire

AWAY = (Unreachable, Unavailable, TooManyRequests)
"""What a server raises that may answer again later."""
SHORTEST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, LONGEST_AWAY_SECONDS = 0.1, 1.0, 10.0
"""Between two looks at a task: at first, later on, and while the server is away."""
LAST_LOOK_SECONDS = 1.0


class Waiting:
    """Tasks that are waited for: looked at again and again, with pauses that the caller makes. For both clients."""

    def __init__(self, wire: Wire, task_ids: Sequence[int], timeout_seconds: float | None) -> None:
        self.left = dict.fromkeys(int(task_id) for task_id in task_ids)
        """The numbers of those that are not completed."""
        self._wire = wire
        self._timeout_seconds = timeout_seconds
        self._deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        self._pause_seconds = SHORTEST_PAUSE_SECONDS
        self._has_answered = self._is_away = False

    def look(self) -> list[Task]:
        """Those that were completed meanwhile; blocks for one round of questions."""
        found: list[Task] = []
        try:
            for task_id in tuple(self.left):
                task = self._task(task_id)
                self._has_answered = True
                if task.status == "completed":
                    del self.left[task_id]
                    found.append(task)
        except AWAY:
            if not self._has_answered and time.monotonic() < self._deadline:
                raise
            self._is_away = True
        else:
            self._is_away = False
        return found

    def pause_seconds(self) -> float:
        """How long to wait before the next look. Raises TimedOut."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            named = ", ".join(map(str, self.left))
            words = f"Task {named} is" if len(self.left) == 1 else f"Tasks {named} are"
            raise TimedOut(f"{words} not completed after {self._timeout_seconds:g} s.")
        most = LONGEST_AWAY_SECONDS if self._is_away else LONGEST_PAUSE_SECONDS
        self._pause_seconds = min(1.5 * self._pause_seconds, most)
        # While the server is away, all who wait for it must not come back in the same moment.
        pause = random.uniform(0.1, self._pause_seconds) if self._is_away else self._pause_seconds  # noqa: S311
        return min(pause, left)

    def _task(self, task_id: int) -> Task:
        left = max(self._deadline - time.monotonic(), LAST_LOOK_SECONDS)
        timeout_seconds = min(left, self._wire.timeout_seconds)
        answer = self._wire.ask("GET", f"/tasks/{task_id}", timeout_seconds=timeout_seconds)
        return self._wire.decoded(Task, answer.body)
