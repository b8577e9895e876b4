"""What the board hears of a command."""

from __future__ import annotations

import logging
import os
import shlex
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from re import Pattern

from vain import identity, settings
from vain.report import begin
from vain.runner.outcome import End
from vain.runner.progress import LineReader, Progress

LONGEST_WAIT_SECONDS = 0.25
"""For the task's number, which the command's own reports are the better for, but do not need."""
LOOK_SECONDS = 0.01
SIGNS_IN_PROMISE = 3
"""How many signs of life are sent in the time that was promised for one."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run, and what of it to tell."""

    arguments: list[str]
    name: str | None = None
    tags: list[str] = field(default_factory=list)
    priority: str = "medium"
    key: str | None = None
    limit_seconds: float | None = None
    expect_seconds: float | None = None
    pattern: Pattern[str] | None = None
    keeps_log: bool = True
    with_arguments: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether anybody looks at the output."""
        return self.keeps_log or self.pattern is not None or self.expect_seconds is not None

    @property
    def program(self) -> str:
        return os.path.basename(self.arguments[0]) or self.arguments[0] or "command"


class Report:
    """One run of the command, from before its start. Nothing here raises or waits, ``task_id`` aside."""

    def __init__(self, order: Order) -> None:
        self._order, self._away = order, _silence()
        if not settings.load_reporting().enabled:
            self._away.set()  # no number will come
        command = shlex.join(order.arguments) if order.with_arguments else order.program
        self._run = begin(
            order.name or order.program,
            "run",
            source=identity.this_process() | {"command": command},
            tags=order.tags,
            priority=order.priority,
            key=order.key,
            expect_next_in=order.expect_seconds,
        )
        self.run_id = self._run.run_id
        self._sign_at = 0.0

    def task_id(self) -> int | None:
        """The number, if the server gives it quickly; a server that is away is not waited for."""
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while self._run.wait_for_id(LOOK_SECONDS) is None and time.monotonic() < deadline and not self._away.is_set():
            pass
        return self._run.task_id

    def watcher(self) -> tuple[Callable[[bytes], None], Callable[[], None]]:
        """For one stream: what to call with each piece of output, and what at its end."""
        if self._order.pattern is None:
            return self._saw, lambda: None
        lines = LineReader(self._order.pattern)

        def saw(data: bytes) -> None:
            self._log(data)
            self._came(lines.feed(data))

        return saw, lambda: self._came(lines.close())

    def end(self, end: End, usage: dict[str, float | int | None] | None) -> None:
        """How it ended, and what it took."""
        self._run.end(end.outcome, exit_code=end.exit_code, error=end.error, message=end.message, usage=usage)

    def _saw(self, data: bytes) -> None:
        self._log(data)
        now = time.monotonic()
        if self._order.expect_seconds is not None and now >= self._sign_at:
            self._sign_at = now + self._order.expect_seconds / SIGNS_IN_PROMISE
            self._run.update(metadata={})  # says nothing, and so leaves everything as it is: a sign of life

    def _log(self, data: bytes) -> None:
        if self._order.keeps_log:
            self._run.write(data)

    def _came(self, progress: Progress | None) -> None:
        if progress is not None:
            self._run.update(
                progress.current, total=progress.total, progress=progress.percent, message=progress.message
            )


def _silence() -> threading.Event:
    """Keep the reporter's own words out of the command's stderr. The event is set when it warns: the server is away."""
    away = threading.Event()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            away.set()

    logger = logging.getLogger("vain.report")
    logger.addHandler(Listener(logging.WARNING))
    logger.propagate = False
    return away
