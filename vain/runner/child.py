"""The process that becomes the command.

It is forked before this process has a second thread, waits at a gate until the task has a number, and then becomes the
command as a shell would: descriptors, signals and process group as they must be, and the shell's codes if it cannot.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from vain import settings
from vain.runner.outcome import NOT_FOUND
from vain.runner.signals import Inherited
from vain.runner.usage import Usage

SHELL = "/bin/sh"
LARGEST_WORDS_BYTES = 1 << 10


class Setup(NamedTuple):
    """What the command is, and what it finds when it starts."""

    arguments: list[str]
    descriptors: Mapping[int, int]
    """Which of ours become its stdin, stdout and stderr; those not named it inherits."""
    inherited: Inherited
    is_own_group: bool
    """Whether it leads a process group, so that signals reach all of it and nobody else."""


class Started(NamedTuple):
    """What came of the start."""

    pid: int
    usage: Usage
    """What the process had taken before it became the command."""
    error_number: int | None
    """Why it could not become the command."""


class Gate:
    """Two pipes between us and the one who waits to become the command."""

    def __init__(self) -> None:
        self._inside, self._outside = os.pipe()
        self._report, self._reported = os.pipe()

    def open(self, run_id: str, task_id: int | None) -> Started | None:
        """Let it go, as part of this run; None if it was killed before. Waits until it has become the command."""
        os.close(self._inside)
        os.close(self._reported)
        with contextlib.suppress(BrokenPipeError):
            os.write(self._outside, f"{run_id} {task_id or 0}".encode())
        os.close(self._outside)
        words = _read_all(self._report).split()
        os.close(self._report)
        if len(words) < 3:
            return None
        usage = Usage(float(words[1]), int(words[2]))
        return Started(int(words[0]), usage, int(words[3]) if len(words) > 3 else None)

    def leave(self) -> None:
        """In a process that is neither of the two: let go of the pipes, whose ends are signs."""
        for descriptor in (self._inside, self._outside, self._report, self._reported):
            os.close(descriptor)

    def pass_through(self) -> None:
        """In the child: wait until the gate opens. Its environment then names the run."""
        os.close(self._outside)
        os.close(self._report)
        words = _read_all(self._inside).split()
        if len(words) != 2:
            os._exit(NOT_FOUND)  # the one who would have opened it is gone
        settings.enter_run(words[0].decode(), int(words[1]) or None)

    def report(self, *words: object) -> None:
        """In the child: tell how far it has come. That it became the command is told by the pipe's end."""
        os.write(self._reported, " ".join(map(str, words)).encode() + b" ")


def fork(setup: Setup, gate: Gate) -> int:
    """Make the process that waits at the gate; its pid."""
    pid = os.fork()
    if pid:
        if setup.is_own_group:
            with contextlib.suppress(OSError):  # both sides do it, so that it is done for whoever is first
                os.setpgid(pid, pid)
        return pid
    try:
        if setup.is_own_group:
            os.setpgid(0, 0)
        become(setup, gate)
    finally:
        os._exit(NOT_FOUND)


def become(setup: Setup, gate: Gate) -> NoReturn:
    """In the child: go through the gate and turn into the command."""
    gate.pass_through()
    for number, descriptor in setup.descriptors.items():
        os.dup2(descriptor, number)
    used = resource.getrusage(resource.RUSAGE_SELF)
    usage = Usage()
    usage.add(used, None)
    gate.report(os.getpid(), usage.cpu_seconds, usage.rss_peak_bytes)
    setup.inherited.give_back()
    gate.report(_execute(setup.arguments))
    os._exit(NOT_FOUND)


def _execute(arguments: list[str]) -> int:
    """Become the command; the errno of the failure that a shell would name."""
    program = arguments[0]
    if not program:
        return errno.ENOENT
    if os.sep in program:
        return _execute_file(program, arguments)
    found = errno.ENOENT
    for folder in os.get_exec_path():
        number = _execute_file(os.path.join(folder, program), arguments)
        if number not in (errno.ENOENT, errno.ENOTDIR):
            found = number
    return found


def _execute_file(path: str, arguments: list[str]) -> int:
    try:
        os.execv(path, arguments)  # noqa: S606  # what the user asked for
    except OSError as exc:
        if exc.errno == errno.ENOEXEC and path != SHELL:
            # A script without a first line that says what runs it: a shell runs such a file itself.
            return _execute_file(SHELL, [SHELL, path, *arguments[1:]])
        return exc.errno or errno.ENOENT


def _read_all(descriptor: int) -> bytes:
    text = b""
    while part := os.read(descriptor, LARGEST_WORDS_BYTES):
        text += part
    return text
