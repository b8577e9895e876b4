"""Signals to a wrapped command: passed on, once, and ignored where they were ignored."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.runner.wrapped import Wrapped, state_of, wait_until

pytestmark = pytest.mark.slow

REPORTER = """
import signal, sys, time
def seen(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM: sys.exit(0)
for name in "INT TERM HUP QUIT USR1 USR2 WINCH CONT".split():
    signal.signal(getattr(signal, "SIG" + name), seen)
print("ready", flush=True)
while True: time.sleep(1)
"""
SHOWN_SIGNALS = (1 << 31) - 1
"""The first 31; containers may have others set."""


def started(wrapped: Wrapped, *command: str) -> subprocess.Popen[bytes]:
    process = wrapped.start("--", *command, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"ready\n"
    return process


def test_each_signal_is_passed_on_once(wrapped: Wrapped) -> None:
    with started(wrapped, sys.executable, "-c", REPORTER) as process:
        assert process.stdout is not None
        for name in ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"):
            process.send_signal(getattr(signal, name))
            assert process.stdout.readline().decode().strip() == name
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"SIGTERM\n" and process.wait(5) == 0
    assert wrapped.patch()["outcome"] == "succeeded"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_command_that_is_told_to_end_is_cancelled(wrapped: Wrapped, number: signal.Signals, code: int) -> None:
    with started(wrapped, "sh", "-c", "echo ready; exec sleep 60") as process:
        process.send_signal(number)
        assert process.wait(5) == code
    assert (wrapped.patch()["outcome"], wrapped.patch()["exit_code"]) == ("cancelled", code)


def test_a_signal_reaches_the_whole_group_of_the_command(wrapped: Wrapped) -> None:
    with started(wrapped, "sh", "-c", "echo ready; sleep 60 | cat; echo never") as process:
        process.send_signal(signal.SIGTERM)
        assert process.stdout is not None and process.stdout.read() == b"" and process.wait(5) == 143


def test_a_stop_stops_the_command_and_a_continue_lets_it_go_on(wrapped: Wrapped) -> None:
    counting = "import time\nprint('ready', flush=True)\nwhile True: print('.', flush=True); time.sleep(.02)"
    with started(wrapped, sys.executable, "-c", counting) as process:
        assert process.stdout is not None
        process.send_signal(signal.SIGTSTP)
        child = _child(process.pid)
        wait_until(lambda: state_of(child) == "T")
        time.sleep(0.05)
        assert state_of(child) == "T"
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: state_of(child) != "T")
        process.stdout.close()
        assert process.wait(5) == 1  # Python's own answer to a reader that has gone


def test_the_command_finds_signals_as_it_would_without_us(wrapped: Wrapped) -> None:
    command = ["grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"]
    plain = subprocess.run(command, capture_output=True, check=True, restore_signals=True).stdout
    assert _first(wrapped.run("--", *command).stdout) == _first(plain)


def test_what_is_ignored_and_what_is_blocked_stays_so(wrapped: Wrapped) -> None:
    def odd() -> None:
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    ignored, blocked = _masks(wrapped, odd)
    assert ignored & _bits(signal.SIGHUP, signal.SIGINT, signal.SIGCHLD) == _bits(
        signal.SIGHUP, signal.SIGINT, signal.SIGCHLD
    )
    assert blocked == _bits(signal.SIGUSR1)


def test_a_hang_up_does_not_reach_what_nohup_started(wrapped: Wrapped) -> None:
    words = ["nohup", *wrapped.line("--", "sh", "-c", "echo ready; sleep 0.4; echo alive")]
    with subprocess.Popen(
        words, env=wrapped.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.stdout.read() == b"alive\n" and process.wait(5) == 0


def _masks(wrapped: Wrapped, before: Callable[[], None]) -> tuple[int, int]:
    shown = wrapped.run("--", "cat", "/proc/self/status", preexec_fn=before, restore_signals=True).stdout
    found = dict(re.findall(rb"^Sig(Ign|Blk):\s+([0-9a-f]+)$", shown, re.MULTILINE))
    return int(found[b"Ign"], 16) & SHOWN_SIGNALS, int(found[b"Blk"], 16) & SHOWN_SIGNALS


def _bits(*numbers: int) -> int:
    return sum(1 << (number - 1) for number in numbers)


def _first(shown: bytes) -> list[int]:
    return [int(line.split()[1], 16) & SHOWN_SIGNALS for line in shown.splitlines()]


def _child(pid: int) -> int:
    with open(f"/proc/{pid}/task/{pid}/children") as children:
        return int(children.read().split()[0])
