"""How a command ended, in the words of a task and in the code that is passed through. Pure."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection
from signal import SIGINT, SIGTERM
from typing import NamedTuple

from vain.runner.signals import name_of

TIMED_OUT, NOT_EXECUTABLE, NOT_FOUND, OF_SIGNALS = 124, 126, 127, 128


class End(NamedTuple):
    exit_code: int
    outcome: str
    error: dict[str, str] | None = None
    message: str | None = None


def judged(status: int, passed_on: Collection[int], limit_seconds: float | None = None) -> End:
    """From what ``wait`` said, the signals that came through us, and the time limit if that has ended the command."""
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    code = OF_SIGNALS + number if number else os.waitstatus_to_exitcode(status)
    if limit_seconds is not None:
        return End(TIMED_OUT, "timed-out", message=f"not done within {limit_seconds:g} s")
    if any(code == OF_SIGNALS + wish and wish in passed_on for wish in (SIGINT, SIGTERM)):
        return End(code, "cancelled")
    if number:
        return End(code, "failed", {"type": "Signal", "message": f"killed by {name_of(number)} ({number})"})
    return End(code, "failed" if code else "succeeded")


def not_started(program: str, number: int) -> End:
    """The command could not be started, for the reason that ``errno`` has; the codes are those of a shell."""
    is_missing = number in (errno.ENOENT, errno.ENOTDIR)
    reason = "command not found" if is_missing and os.sep not in program else os.strerror(number)
    error = {"type": "NotStarted", "message": f"{program}: {reason}"}
    return End(NOT_FOUND if is_missing else NOT_EXECUTABLE, "failed", error)


def with_lost_output(end: End, exc: OSError) -> End:
    """The command said success, but what it wrote has not arrived; it would have been told without us."""
    if end.exit_code:
        return end
    return End(1, "failed", {"type": "OutputLost", "message": f"its output could not be written: {exc.strerror}"})
