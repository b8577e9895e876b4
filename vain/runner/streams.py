"""Output from the command to where ours goes: every byte, in order, without waiting for more."""

from __future__ import annotations

import array
import errno
import fcntl
import os
import select
import termios
import threading
from collections.abc import Callable

LARGEST_READ_BYTES = 64 << 10
LARGEST_TERMINAL_BYTES = 128 << 10
"""More than the kernel keeps of what was written to a terminal; it does not tell how much that is."""
GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL

Seen = Callable[[bytes], None]


class Copier(threading.Thread):
    """Copies one stream, in a thread of its own, so that a slow reader of one does not hold up another.

    Writing waits for our reader, and so the command waits for it as well. When our reader is gone, the command's own
    stream is closed: it gets the SIGPIPE that it would have got without us. A terminal (``is_session``) is not closed,
    as that would hang up on the command: what it still writes goes nowhere.
    """

    def __init__(self, source: int, target: int, seen: Seen, is_session: bool) -> None:
        super().__init__(name=f"vain-output-{target}", daemon=True)
        self.error: OSError | None = None
        """Why something that the command wrote could not be written; None too if our reader has just gone."""
        self.target = target
        self._source, self._seen, self._is_session = source, seen, is_session
        self._is_read = True
        self._over, self._end = os.pipe()
        os.set_blocking(source, False)

    def run(self) -> None:
        while self._wait() and (data := self._read(LARGEST_READ_BYTES)) != b"":
            self._pass_on(data)
        if self._is_read or self._is_session:
            self._drain()

    def finish(self) -> None:
        """The command has ended: copy what it wrote, and no more, for what it left behind may write for ever."""
        os.close(self._end)

    def _wait(self) -> bool:
        """Wait for output; False once the command has ended, or nobody reads it any more."""
        poll = select.poll()
        poll.register(self._source, select.POLLIN)
        poll.register(self._over, 0)
        if self._is_read:
            poll.register(self.target, 0)
        events = dict(poll.poll())
        if self._source not in events and events.get(self.target, 0) & GONE:
            self._lose_reader()
        return self._over not in events and (self._is_read or self._is_session)

    def _read(self, size: int) -> bytes | None:
        """The next bytes; empty at the end; None if there are none now."""
        try:
            return os.read(self._source, size)
        except BlockingIOError:
            return None
        except OSError:  # EIO: how a terminal says that nobody sits at it any more
            return b""

    def _drain(self) -> None:
        left = max(_waiting_bytes(self._source), LARGEST_TERMINAL_BYTES)
        while left > 0 and (data := self._read(min(left, LARGEST_READ_BYTES))):
            left -= len(data)
            self._pass_on(data)

    def _pass_on(self, data: bytes | None) -> None:
        if data:
            self._seen(data)
        if data and self._is_read:
            try:
                write_all(self.target, data)
            except OSError as exc:
                self.error = None if exc.errno in (errno.EPIPE, errno.EIO) else exc
                self._lose_reader()

    def _lose_reader(self) -> None:
        self._is_read = False
        if not self._is_session:
            os.close(self._source)


def write_all(target: int, data: bytes) -> None:
    """Write everything, waiting where the reader is slow, also on a descriptor that others made non-blocking."""
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(target, rest) :]
        except BlockingIOError:
            poll = select.poll()
            poll.register(target, select.POLLOUT)
            poll.poll()


def _waiting_bytes(source: int) -> int:
    """How much can be read at once."""
    count = array.array("i", [0])
    fcntl.ioctl(source, termios.FIONREAD, count)
    return count[0]
