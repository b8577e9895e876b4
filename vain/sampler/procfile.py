"""A file of /proc, /sys or a cgroup that is read again and again."""

from __future__ import annotations

import os
from pathlib import Path

FIRST_SIZE_BYTES = 4096


class ProcFile:
    """Keeps the file open: reading from the start makes the kernel write it anew, which saves the path walk each time.

    ``has_records`` says that the kernel may hand the file out in parts (mountinfo, diskstats, net/dev do); the others
    come whole or not at all, if there is room for them.
    """

    def __init__(self, path: Path, has_records: bool = False) -> None:
        self._path = path
        self._has_records = has_records
        self._size_bytes = FIRST_SIZE_BYTES
        self._fd: int | None = None

    def read(self) -> bytes | None:
        """The content now. None if there is no such file, or the kernel will not tell (PSI off, a cgroup removed)."""
        try:
            fd = self.fileno()
            return self._parts(fd) if self._has_records else self._whole(fd)
        except OSError:
            self.close()  # The next call tries the path afresh: the file may be back under another inode.
            return None

    def fileno(self) -> int:
        """For ``select.poll``. Raises OSError if there is no such file."""
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        return self._fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _whole(self, fd: int) -> bytes:
        while True:
            content = os.pread(fd, self._size_bytes, 0)
            if len(content) < self._size_bytes:
                return content
            self._size_bytes *= 2

    def _parts(self, fd: int) -> bytes:
        content = part = os.pread(fd, self._size_bytes, 0)
        while part:
            part = os.pread(fd, self._size_bytes, len(content))
            content += part
        return content
