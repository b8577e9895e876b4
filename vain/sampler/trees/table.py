"""The process table of Linux, read again and again for little.

Processes that somebody watches are kept open and read at each look; of the others only whether they are still there is
known each time, and a part of them is read again in turn, since their parents change.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from vain.accounting import Identity

TURNS = 10
"""After so many looks every process was read again."""
LARGEST_STAT_BYTES = 1024
LARGEST_ENVIRONMENT_BYTES = 256 << 10
IO = re.compile(rb"^read_bytes: (\d+)\nwrite_bytes: (\d+)$", re.MULTILINE)
RUN_VARIABLE = b"VAIN_RUN_ID="


class Stat(NamedTuple):
    """One line of ``/proc/PID/stat``; times in ticks."""

    identity: Identity
    parent_pid: int
    is_dead: bool
    """It has ended, and its parent has not noticed yet."""
    own_ticks: int
    inherited_ticks: int
    threads: int
    rss_pages: int
    wait_status: int | None = None
    """How it ended, as its parent will read it; None while it lives, or if it is not told."""
    name: bytes = b""
    """The short one, which the process may choose; at most 15 bytes of a program."""


class Look(NamedTuple):
    """All processes, and those that were not there at the look before."""

    processes: dict[int, Stat]
    new: list[Stat]


class ProcessTable:
    """``root`` is where /proc is looked for."""

    def __init__(self, root: Path = Path("/"), most_kept: int | None = None) -> None:
        self._proc = str(root / "proc")
        self._most_kept = _most_kept() if most_kept is None else most_kept
        self._kept: dict[int, int] = {}
        """The open ``stat`` of watched processes: when one has ended, reading it fails, whoever has its number now."""
        self._said: dict[int, tuple[bytes, Stat | None]] = {}
        """What they said last: of a process that sleeps it is the same, and need not be taken apart again."""
        self._told: dict[int, tuple[bytes, Stat | None]] = {}
        """What the others said, of the processes of the last look at all."""
        self._known: dict[int, Stat] = {}
        self._turn = 0

    def look(self, watched: Collection[int], everything: bool = False) -> Look:
        """The processes now. Those with a number in ``watched`` are read, parents before their children.

        So what a child had used is seen before, never after, its parent took it over. ``everything``: read all.
        """
        pids = self._pids()
        self._close(self._kept.keys() - watched)
        before, self._known = self._known, {}
        self._turn = (self._turn + 1) % TURNS
        new = []
        for pid in _in_order_of_birth(pids, before):
            known = before.get(pid)
            if known is not None and not everything and pid not in watched and pid % TURNS != self._turn:
                self._known[pid] = known
                continue
            stat = self._read_kept(pid) if pid in watched else self._read_other(pid)
            if stat is None:
                continue
            self._known[pid] = stat
            if known is None or known.identity != stat.identity:
                new.append(stat)
        if everything:
            self._told = {pid: told for pid, told in self._told.items() if pid in self._known}
        return Look(self._known, new)

    def forget(self) -> None:
        """Nobody asks for the time being."""
        self._known, self._told = {}, {}
        self._close(list(self._kept))

    def read(self, pid: int) -> Stat | None:
        """One process; None if there is none."""
        content = _content(f"{self._proc}/{pid}/stat", LARGEST_STAT_BYTES)
        return _parsed(pid, content) if content else None

    def run_of(self, pid: int) -> tuple[str | None, bool]:
        """The run that a process was started in, from its environment, and whether that could be read."""
        try:
            content = _read(f"{self._proc}/{pid}/environ", LARGEST_ENVIRONMENT_BYTES)
        except PermissionError:
            return None, False
        except OSError:
            return None, True
        found = [part for part in content.split(b"\0") if part.startswith(RUN_VARIABLE)]
        return (found[0].removeprefix(RUN_VARIABLE).decode("ascii", "replace") or None) if found else None, True

    def io(self, pid: int) -> tuple[int, int] | None:
        """Bytes that a process and the children that it waited for read from and wrote to storage; None: not told."""
        content = _content(f"{self._proc}/{pid}/io", LARGEST_STAT_BYTES)
        if content is None:
            return None
        found = IO.search(content)
        return None if found is None else (int(found[1]), int(found[2]))

    def is_gone(self, pid: int) -> bool:
        """Whether there is certainly no process with this number: /proc may hide those of others."""
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except (PermissionError, OverflowError):
            return False
        return False

    def _read_other(self, pid: int) -> Stat | None:
        content = _content(f"{self._proc}/{pid}/stat", LARGEST_STAT_BYTES)
        if not content:
            return None
        told = self._told.get(pid)
        if told is None or told[0] != content:
            told = self._told[pid] = content, _parsed(pid, content)
        return told[1]

    def _read_kept(self, pid: int) -> Stat | None:
        descriptor = self._kept.get(pid)
        if descriptor is None:
            if len(self._kept) >= self._most_kept:
                return self.read(pid)
            try:
                descriptor = self._kept[pid] = os.open(f"{self._proc}/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                return None
        try:
            content = os.pread(descriptor, LARGEST_STAT_BYTES, 0)
        except OSError:
            content = b""
        if not content:
            self._close([pid])
            return self.read(pid)
        said, known = self._said.get(pid, (b"", None))
        if content != said:
            known = _parsed(pid, content)
            self._said[pid] = content, known
        return known

    def _close(self, pids: Iterable[int]) -> None:
        for pid in pids:
            os.close(self._kept.pop(pid))
            self._said.pop(pid, None)

    def _pids(self) -> list[int]:
        return [int(name) for name in os.listdir(self._proc) if name.isdecimal()]


def _most_kept() -> int:
    """A quarter of what this process may have open; the rest is for those who connect."""
    return os.sysconf("SC_OPEN_MAX") // 4


def _in_order_of_birth(pids: list[int], known: dict[int, Stat]) -> Iterator[int]:
    """Parents are older than their children; new processes come last, in the order in which numbers are given."""
    old = [pid for pid in pids if pid in known]
    old.sort(key=lambda pid: (known[pid].identity.started, pid))
    yield from old
    yield from sorted(pid for pid in pids if pid not in known)


def _parsed(pid: int, content: bytes) -> Stat | None:
    # The name of the program may hold spaces and brackets, so fields are counted behind its last bracket.
    end = content.rfind(b")")
    fields = content[end + 2 :].split()
    if len(fields) < 22:
        return None
    is_dead = fields[0] in (b"Z", b"X", b"x")
    return Stat(
        Identity(pid, int(fields[19])),
        int(fields[1]),
        is_dead,
        int(fields[11]) + int(fields[12]),
        int(fields[13]) + int(fields[14]),
        int(fields[17]),
        int(fields[21]),
        int(fields[49]) if is_dead and len(fields) > 49 else None,
        content[content.find(b"(") + 1 : end],
    )


def _content(path: str, most: int) -> bytes | None:
    try:
        return _read(path, most)
    except OSError:
        return None


def _read(path: str, most: int) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)
