"""The terminal that the command gets, and the one that we sit at.

With a terminal at both ends (stdin, stdout) the command gets one of its own, as in an SSH session: ours is switched to
raw and every key goes through. With a terminal only where output goes, that alone is replaced: keys, Ctrl-C and
``/dev/tty`` stay the real terminal's, which other programs of the pipeline use as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import termios
import threading
import tty
from typing import Any

from vain.runner.streams import GONE, write_all

INPUT, OUTPUT, LOCAL, CHARACTERS = 0, 1, 3, 6
"""Where in what ``tcgetattr`` gives."""
LARGEST_TYPED_BYTES = 4096
WINDOW_BYTES = 8


class Pair:
    """A pseudo-terminal that looks like the terminal ``like``: what is written to ``slave`` is read from ``master``."""

    def __init__(self, like: int) -> None:
        self._like = like
        self.master, self.slave = os.openpty()
        termios.tcsetattr(self.slave, termios.TCSANOW, termios.tcgetattr(like))
        self.resize()

    def write_through(self) -> None:
        """Change no byte on the way: the real terminal makes its own line ends of them."""
        modes = termios.tcgetattr(self.slave)
        modes[OUTPUT] &= ~termios.OPOST
        modes[LOCAL] &= ~termios.ECHO
        termios.tcsetattr(self.slave, termios.TCSANOW, modes)

    def resize(self) -> None:
        """As large as the window is now; the kernel tells those who sit at it."""
        with contextlib.suppress(OSError):
            window = fcntl.ioctl(self._like, termios.TIOCGWINSZ, bytes(WINDOW_BYTES))
            fcntl.ioctl(self.slave, termios.TIOCSWINSZ, window)


class Keyboard:
    """Our terminal while another one stands in for it: raw, and every key goes to the other."""

    def __init__(self, outer: int, pair: Pair) -> None:
        self.outer, self._pair = outer, pair
        self.modes: list[Any] = termios.tcgetattr(outer)
        self._is_taken, self._is_read, self._typed_interrupt = False, False, False
        self._woken, self._wake = os.pipe()
        threading.Thread(target=self._copy, name="vain-keys", daemon=True).start()

    @property
    def has_interrupted(self) -> bool:
        """Whether the key of Ctrl-C went through."""
        return self._typed_interrupt

    @property
    def is_taken(self) -> bool:
        """Whether keys go to the command now."""
        return self._is_taken

    def take(self) -> None:
        """Take the terminal if it is ours to take: not in the background, where a shell reads from it."""
        if not self._is_taken and is_foreground(self.outer):
            with contextlib.suppress(termios.error):
                self.modes = termios.tcgetattr(self.outer)
                tty.setraw(self.outer, termios.TCSANOW)
                self._is_taken = self._is_read = True
                os.write(self._wake, b"t")

    def rest(self) -> None:
        """Read no more keys: from now on they are for the one who comes next."""
        self._is_read = False

    def give_back(self) -> None:
        """Leave it as it was."""
        self.rest()
        if self._is_taken:
            self._is_taken = False
            with contextlib.suppress(termios.error):
                termios.tcsetattr(self.outer, termios.TCSANOW, self.modes)

    def foreground_group(self) -> int | None:
        """Who gets a Ctrl-C now."""
        with contextlib.suppress(OSError):
            return os.tcgetpgrp(self._pair.master) or None
        return None

    def _copy(self) -> None:
        interrupt = self.modes[CHARACTERS][termios.VINTR]
        with contextlib.suppress(OSError):
            while self._wait():
                if not (typed := os.read(self.outer, LARGEST_TYPED_BYTES)):
                    return
                self._typed_interrupt |= interrupt in typed
                write_all(self._pair.master, typed)

    def _wait(self) -> bool:
        """Until a key is there for us; False when the terminal has gone."""
        while True:
            poll = select.poll()
            poll.register(self._woken, select.POLLIN)
            if self._is_read:
                poll.register(self.outer, select.POLLIN)
            events = dict(poll.poll())
            if self._woken in events:
                os.read(self._woken, 1)
            elif self._is_read and (happened := events.get(self.outer, 0)):
                return bool(happened & select.POLLIN) or not happened & GONE


def modes(terminal: int) -> list[Any]:
    """How a terminal is set."""
    return termios.tcgetattr(terminal)


def is_foreground(terminal: int) -> bool:
    """Whether our group may use this terminal. One that controls nobody, everybody may."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True


def has_controlling_terminal() -> bool:
    """Whether a terminal's Ctrl-C and Ctrl-Z may reach our group, and the command may ask at ``/dev/tty``."""
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
