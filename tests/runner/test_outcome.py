"""How the end of a command is judged."""

from __future__ import annotations

import errno
import signal

import pytest

from vain.runner.outcome import End, judged, not_started, with_lost_output


@pytest.mark.parametrize(
    ("status", "passed_on", "end"),
    [
        (0, (), End(0, "succeeded")),
        (3 << 8, (), End(3, "failed")),
        (signal.SIGTERM, (signal.SIGTERM,), End(143, "cancelled")),
        (130 << 8, (signal.SIGINT,), End(130, "cancelled")),
        (130 << 8, (), End(130, "failed")),
        (signal.SIGKILL, (signal.SIGTERM,), End(137, "failed", {"type": "Signal", "message": "killed by SIGKILL (9)"})),
        (signal.SIGTERM, (), End(143, "failed", {"type": "Signal", "message": "killed by SIGTERM (15)"})),
        (40, (), End(168, "failed", {"type": "Signal", "message": "killed by signal 40 (40)"})),
    ],
)
def test_an_end_is_told_in_the_words_of_a_task(status: int, passed_on: tuple[int, ...], end: End) -> None:
    assert judged(status, passed_on) == end


def test_the_time_limit_wins_whatever_the_command_says() -> None:
    assert judged(0, (), 90) == End(124, "timed-out", message="not done within 90 s")


@pytest.mark.parametrize(
    ("program", "number", "code", "said"),
    [
        ("nosuch", errno.ENOENT, 127, "nosuch: command not found"),
        ("./nosuch", errno.ENOENT, 127, "./nosuch: No such file or directory"),
        ("/etc/passwd", errno.EACCES, 126, "/etc/passwd: Permission denied"),
    ],
)
def test_what_cannot_start_ends_with_the_codes_of_a_shell(program: str, number: int, code: int, said: str) -> None:
    end = not_started(program, number)
    assert (end.exit_code, end.outcome, end.error) == (code, "failed", {"type": "NotStarted", "message": said})


def test_success_whose_output_is_lost_is_no_success() -> None:
    lost = OSError(errno.ENOSPC, "No space left on device")
    assert with_lost_output(End(0, "succeeded"), lost).exit_code == 1
    assert with_lost_output(End(3, "failed"), lost) == End(3, "failed")
