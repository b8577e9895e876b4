"""Signals: all that a shell would give the command reach it, once, and it starts with those ignored that were."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from signal import Signals
from typing import NamedTuple

PASSED_ON = frozenset(
    {
        Signals.SIGINT,
        Signals.SIGTERM,
        Signals.SIGHUP,
        Signals.SIGQUIT,
        Signals.SIGUSR1,
        Signals.SIGUSR2,
        Signals.SIGWINCH,
        Signals.SIGCONT,
        Signals.SIGTSTP,
    }
)
FROM_KEYBOARD = frozenset({Signals.SIGINT, Signals.SIGQUIT, Signals.SIGTSTP})
PYTHONS_OWN = frozenset({Signals.SIGPIPE, Signals.SIGXFSZ})
"""Python ignores these from its first moment on. What they were before cannot be known; nearly always the default."""
SI_KERNEL = 0x80
"""The ``si_code`` of what a terminal sends to its whole foreground group; ``kill`` has another."""


class Inherited(NamedTuple):
    """What this process was started with."""

    mask: frozenset[int]
    ignored: frozenset[int]

    def give_back(self) -> None:
        """In the child, before it becomes the command: as if this process had never been."""
        for number in {*PASSED_ON, *PYTHONS_OWN, Signals.SIGCHLD}:
            signal.signal(number, signal.SIG_IGN if number in self.ignored else signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)


class Received(NamedTuple):
    number: int
    is_for_group: bool
    """The terminal sent it, to everyone in our process group."""
    at: float
    """On the monotonic clock."""


def take_over() -> Inherited:
    """Hold back every signal that is to be passed on; ``listen`` takes them. Before the first thread and the fork."""
    ignored = {number for number in {*PASSED_ON, Signals.SIGCHLD} if signal.getsignal(number) is signal.SIG_IGN}
    # With SIGCHLD ignored (an odd parent may leave it so) the kernel throws the command's exit code away.
    signal.signal(Signals.SIGCHLD, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, (PASSED_ON - ignored) | {Signals.SIGCHLD})
    return Inherited(frozenset(mask), frozenset(ignored))


def listen(inherited: Inherited, told: Callable[[Received], None]) -> None:
    """Call ``told`` for each signal, in a thread of its own: only so is it known who sent it."""
    awaited = (PASSED_ON - inherited.ignored) | {Signals.SIGCHLD}
    threading.Thread(target=_listen, args=(awaited, told), name="vain-signals", daemon=True).start()


def _listen(awaited: Iterable[int], told: Callable[[Received], None]) -> None:
    while True:
        number, is_for_group, sender = _next(awaited)
        if sender != os.getpid():  # what we send to our own group has done its work
            told(Received(number, is_for_group, time.monotonic()))


def _next(awaited: Iterable[int]) -> tuple[int, bool, int]:
    if sys.platform == "darwin":  # which does not tell who sent it
        number = signal.sigwait(awaited)
        return number, number in FROM_KEYBOARD, 0
    info = signal.sigwaitinfo(awaited)
    return info.si_signo, info.si_code == SI_KERNEL, info.si_pid


def stop_here() -> None:
    """Stop this process as Ctrl-Z does; returns when it goes on. In the main thread.

    Returns at once where nobody could let it go on: the kernel does not stop a group that no shell watches over.
    """
    # Sent to this thread alone, or the listening thread would take it.
    signal.pthread_kill(threading.get_ident(), Signals.SIGTSTP)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {Signals.SIGTSTP})
    signal.pthread_sigmask(signal.SIG_BLOCK, {Signals.SIGTSTP})


def name_of(number: int) -> str:
    """``SIGKILL``; real-time signals have no name of their own."""
    try:
        return Signals(number).name
    except ValueError:
        return f"signal {number}"
