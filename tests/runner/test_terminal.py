"""A wrapped command at a terminal: it is one for the command, and afterwards it is as it was."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import struct
import sys
import termios
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.runner.wrapped import Terminal, Wrapped, is_alive, state_of, wait_until

pytestmark = pytest.mark.slow

PYTHON = sys.executable
FACTS = "import os, sys; print(*(os.isatty(n) for n in (0, 1, 2)), tuple(os.get_terminal_size()))"
COUNTS_INTERRUPTS = """
import signal, time
count = 0
def seen(number, frame):
    global count
    count += 1
signal.signal(signal.SIGINT, seen)
print("ready", flush=True)
deadline = time.monotonic() + 5
while not count and time.monotonic() < deadline: time.sleep(.01)
time.sleep(.3)
print("count", count)
"""


def resize(terminal: Terminal, columns: int, lines: int) -> None:
    fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def modes(terminal: Terminal) -> list[Any]:
    return termios.tcgetattr(terminal.master)


@pytest.fixture
def shell(wrapped: Wrapped) -> Iterator[Terminal]:
    """An interactive shell with job control, as a person has."""
    with wrapped.terminal(["/bin/bash", "--norc", "--noprofile", "--noediting", "-i"]) as terminal:
        terminal.expect(b"$ ")
        yield terminal


def quoted(wrapped: Wrapped, *arguments: str) -> str:
    return shlex.join(wrapped.line(*arguments))


def then_wait(wrapped: Wrapped, *arguments: str) -> list[str]:
    """The command in a shell that stays when it has ended."""
    return ["/bin/sh", "-c", '"$@"; read wait', "sh", *wrapped.line(*arguments)]


def test_a_terminal_stays_a_terminal_of_the_same_size(wrapped: Wrapped) -> None:
    with wrapped.terminal(["/bin/sh", "-c", 'read go; exec "$@"', "x", *wrapped.line("--", PYTHON, "-c", FACTS)]) as at:
        resize(at, 132, 43)
        at.type(b"go\n")
        at.expect(b"True True True (132, 43)\r\n")
        assert at.end() == 0
    assert wrapped.reports()[0].log == b"True True True (132, 43)\r\n"


def test_only_what_was_a_terminal_is_one(wrapped: Wrapped) -> None:
    facts = "import os; print(*(os.isatty(n) for n in (0, 1, 2)))"
    inner = quoted(wrapped, "--", PYTHON, "-c", facts)
    for redirection, said in (("| cat", b"True False True"), ("</dev/null", b"False True True")):
        with wrapped.terminal(["/bin/sh", "-c", f"{inner} {redirection}"]) as at:
            at.expect(said + b"\r\n")
            assert at.end() == 0


def test_a_new_size_reaches_the_command(wrapped: Wrapped) -> None:
    script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done"
    with wrapped.terminal(wrapped.line("--", "sh", "-c", script)) as at:
        at.expect(b"ready\r\n")
        resize(at, 99, 33)
        at.expect(b"33 99\r\n")
        assert at.end() == 0


def test_keys_go_to_the_command_and_are_shown_once(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", "sh", "-c", "echo name?; read name; echo hello $name")) as at:
        at.expect(b"name?\r\n")
        at.type(b"vain\n")
        at.expect(b"vain\r\nhello vain\r\n")
        assert at.end() == 0 and at.shown == b""


def test_the_terminal_is_raw_meanwhile_and_afterwards_as_it_was(wrapped: Wrapped) -> None:
    with wrapped.terminal(
        ["/bin/sh", "-c", '"$@"; read wait', "x", *wrapped.line("--", "sh", "-c", "echo ready; read x")]
    ) as at:
        before = modes(at)
        at.expect(b"ready\r\n")
        assert not modes(at)[3] & termios.ICANON
        at.type(b"\n")
        wait_until(lambda: modes(at) == before)


def test_the_terminal_is_given_back_even_when_the_wrapper_is_killed(wrapped: Wrapped) -> None:
    with wrapped.terminal(
        ["/bin/sh", "-c", '"$@"; read wait', "x", *wrapped.line("--", "sh", "-c", "echo $PPID; exec cat")]
    ) as at:
        before = modes(at)
        monitor = int(at.expect(b"\r\n"))
        wait_until(lambda: modes(at) != before)
        with open(f"/proc/{monitor}/stat") as stat:
            os.kill(int(stat.read().rpartition(")")[2].split()[1]), signal.SIGKILL)
        wait_until(lambda: modes(at) == before)


@pytest.mark.parametrize("redirection", ["", "</dev/null", "| (trap '' INT; cat)"])
def test_ctrl_c_arrives_once(wrapped: Wrapped, redirection: str) -> None:
    with wrapped.terminal(
        ["/bin/sh", "-c", f"{quoted(wrapped, '--', PYTHON, '-c', COUNTS_INTERRUPTS)} {redirection}"]
    ) as at:
        at.expect(b"ready\r\n")
        at.type(b"\x03")
        at.expect(b"count 1\r\n")
        at.end()


def test_ctrl_c_cancels(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", "sh", "-c", "echo ready; exec sleep 60")) as at:
        at.expect(b"ready\r\n")
        at.type(b"\x03")
        assert at.end() == 130
    assert wrapped.patch()["outcome"] == "cancelled"


@pytest.mark.parametrize("options", [[], ["--no-log"]])
def test_ctrl_z_stops_and_fg_goes_on(wrapped: Wrapped, shell: Terminal, options: list[str]) -> None:
    shell.type(quoted(wrapped, *options, "--", "sh", "-c", "echo pid $$; read x; echo got $x; exit 7").encode() + b"\n")
    pid = int(re.findall(rb"pid (\d+)\r\n$", shell.expect(b"\r\n") + shell.expect(b"\r\n"))[0])
    shell.type(b"\x1a")
    shell.expect(b"Stopped")
    wait_until(lambda: state_of(pid) == "T")
    shell.expect(b"$ ")
    shell.type(b"echo in-shell\n")
    shell.expect(b"\r\nin-shell\r\n")
    shell.type(b"fg\n")
    wait_until(lambda: state_of(pid) != "T")
    shell.expect(b"read x")
    shell.type(b"hello\n")
    shell.expect(b"got hello\r\n$ ")
    shell.type(b"echo code $?\n")
    shell.expect(b"code 7\r\n")


def test_ctrl_z_stops_a_script_that_runs_the_wrapper_as_well(wrapped: Wrapped, shell: Terminal) -> None:
    inner = " ".join(wrapped.line("--", "sleep", "60"))
    shell.type(f"sh -c '{inner}; echo over'\n".encode())
    wait_until(lambda: not modes(shell)[3] & termios.ICANON)
    time.sleep(0.2)
    shell.type(b"\x1a")
    shell.expect(b"Stopped")
    shell.expect(b"$ ")  # before its prompt a shell may throw away what is typed
    shell.type(b"fg\n")
    wait_until(lambda: not modes(shell)[3] & termios.ICANON)
    shell.type(b"\x03")
    shell.expect(b"$ ")


def test_in_the_background_keys_are_the_shells(wrapped: Wrapped, shell: Terminal) -> None:
    shell.type(quoted(wrapped, "--", "sh", "-c", "echo up; read x; echo got $x").encode() + b" &\n")
    shell.expect(b"up\r")
    shell.type(b"echo mi''ne\n")
    shell.expect(b"mine\r\n")
    shell.type(b"fg\n")
    wait_until(lambda: not modes(shell)[3] & termios.ICANON)
    shell.type(b"yours\n")
    shell.expect(b"got yours\r\n")


def test_a_password_prompt_asks_the_real_terminal_in_a_pipeline(wrapped: Wrapped) -> None:
    asks = "import getpass; print('got', getpass.getpass('secret? '))"
    inner = quoted(wrapped, "--", PYTHON, "-c", asks)
    with wrapped.terminal(["/bin/sh", "-c", f"{inner} | cat"]) as at:
        at.expect(b"secret? ")
        at.type(b"s3cret\n")
        at.expect(b"got s3cret\r\n")
        assert at.end() == 0


def test_what_the_command_leaves_behind_is_not_hung_up_on(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", "sh", "-c", "sleep 3 & echo $!")) as at:
        pid = int(at.expect(b"\r\n"))
        assert at.end() == 0
    assert is_alive(pid)
    os.kill(pid, signal.SIGKILL)


def test_a_time_limit_ends_a_command_at_a_terminal(wrapped: Wrapped) -> None:
    for redirection in ("", "| cat"):
        inner = " ".join(wrapped.line("--timeout", "0.3", "--", "sleep", "60"))
        with wrapped.terminal(["/bin/bash", "-c", f"{inner} {redirection}; echo code ${{PIPESTATUS[0]}}"]) as at:
            at.expect(b"code 124\r\n")
    assert {report.patch["outcome"] for report in wrapped.reports()} == {"timed-out"}


def test_what_the_wrapped_command_took_at_a_terminal_is_told(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", PYTHON, "-c", "sum(range(10**7)); x = bytearray(60 << 20)")) as at:
        assert at.end() == 0
    usage = wrapped.patch()["usage"]
    assert usage["cpu_seconds"] > 0.1 and usage["rss_peak_bytes"] > 60 << 20


def test_a_command_that_is_not_there_is_told_at_a_terminal_too(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", "nosuchprogram")) as at:
        at.expect(b"vain: nosuchprogram: command not found\r\n")
        assert at.end() == 127


def test_five_hundred_kilobytes_come_through_a_terminal_whole(wrapped: Wrapped) -> None:
    with wrapped.terminal(wrapped.line("--", "seq", "80000")) as at:
        assert at.end() == 0
        assert at.shown == b"".join(b"%d\r\n" % number for number in range(1, 80001))


def test_without_any_terminal_nothing_is_made_one(wrapped: Wrapped) -> None:
    facts = "import os; print(*(os.isatty(n) for n in (0, 1, 2)))"
    assert wrapped.run("--", PYTHON, "-c", facts).stdout == b"False False False\n"
