"""The process between us and a command that has a terminal of its own.

A terminal's session needs a leader, and Ctrl-Z works only for a group whose parent is in the same session: a shell, or
this. It tells us, on a pipe, when the command stops and how it ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import termios
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any, NamedTuple

from vain.runner.child import Gate, Setup, become
from vain.runner.outcome import NOT_FOUND
from vain.runner.usage import Usage, reap


class Stopped(NamedTuple):
    """The command has stopped, by Ctrl-Z or a signal like it."""

    number: int


class Ended(NamedTuple):
    """The command has ended, with this wait status."""

    status: int
    usage: Usage


class Outer(NamedTuple):
    """The terminal that we sit at, and how it was: to be left so even when we are killed."""

    descriptor: int
    modes: list[Any]


def fork_with_session(setup: Setup, gate: Gate, slave: int, ours: Iterable[int], outer: Outer) -> tuple[int, int]:
    """Fork the monitor, which forks the command; the monitor's pid and the pipe on which it tells.

    ``ours`` are the descriptors that only we may hold.
    """
    told, tells = os.pipe()
    pid = os.fork()
    if pid:
        os.close(tells)
        return pid, told
    try:
        for descriptor in (*ours, told):
            os.close(descriptor)
        _monitor(setup, gate, slave, tells, outer)
    finally:
        os._exit(NOT_FOUND)


def events(told: int) -> Iterable[Stopped | Ended]:
    """What the monitor tells; waits for it. Ends with the command, or with a monitor that was killed."""
    with os.fdopen(told, "rb") as lines:
        for line in lines:
            said = json.loads(line)
            yield Stopped(said["stopped"]) if "stopped" in said else Ended(said["status"], Usage(**said["usage"]))


def _monitor(setup: Setup, gate: Gate, slave: int, tells: int, outer: Outer) -> None:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    pid = _fork_in_foreground(setup, gate, slave)
    gate.leave()
    _restore_when_left_alone(outer)
    usage = Usage()
    while (status := _next(pid, usage, lambda number: _tell(tells, {"stopped": number}))) is None:
        pass
    # What the command has left behind in its group is not hung up on when the leader of the session goes.
    os.tcsetpgrp(slave, os.getpgrp())
    _tell(tells, {"status": status, "usage": asdict(usage)})
    os._exit(0)


def _fork_in_foreground(setup: Setup, gate: Gate, slave: int) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            os.setpgid(0, 0)
            os.tcsetpgrp(slave, os.getpid())
            become(setup, gate)
        finally:
            os._exit(NOT_FOUND)
    return pid


def _restore_when_left_alone(outer: Outer) -> None:
    """When the wrapper is killed the kernel hangs up the terminal: nobody else can give the real one back."""

    def left_alone(number: int, frame: object) -> None:
        termios.tcsetattr(outer.descriptor, termios.TCSANOW, outer.modes)
        os._exit(NOT_FOUND)

    signal.signal(signal.SIGHUP, left_alone)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def _next(pid: int, usage: Usage, stopped: Callable[[int], None]) -> int | None:
    """Wait until the command stops (None) or ends (its status)."""
    happened = os.waitid(os.P_PID, pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
    if happened is None or happened.si_code in (os.CLD_STOPPED, os.CLD_TRAPPED):
        seen = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG)
        if seen is not None:
            stopped(seen.si_status)
        return None
    return reap(pid, usage)


def _tell(tells: int, said: dict[str, object]) -> None:
    os.write(tells, json.dumps(said).encode() + b"\n")
