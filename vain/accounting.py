"""What is looked for among the processes of this machine, what a look finds, and how time is added up. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from msgspec import Struct


class Watched(Struct, frozen=True):
    """A task whose process tree is looked at."""

    key: int
    """The number of the task."""
    pid: int | None
    """None: its process is on another machine; what carries its name here belongs to it."""
    started_at: float | None
    """When the process started (Unix seconds, good to two seconds); None: not known."""
    run_id: str | None = None
    """What its processes carry in their environment."""
    kind: str = ""
    attempt: int = 1
    whole: bool = False
    """The process does nothing but this task: all that it used since it started counts."""
    runs: tuple[str, ...] = ()
    """Other names that processes of it carry: those of tasks within it."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that its processes may carry."""
        return self.runs if self.run_id is None else (self.run_id, *self.runs)


class Look(Struct, frozen=True):
    """What one task's tree uses. Totals count from the beginning of the watch; unknown is None."""

    key: int
    alive: bool | None
    """False: the process is gone for certain; None: that cannot be told."""
    cpu_seconds: float | None = None
    cpu_percent: float | None = None
    """Of one core, over the last period."""
    rss_bytes: int | None = None
    pss_bytes: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    read_bytes_per_second: float | None = None
    written_bytes_per_second: float | None = None
    threads: int | None = None
    processes: int | None = None
    gpu_memory_bytes: int | None = None
    gpu_percent: float | None = None
    basis: dict[str, str] = {}
    """How each kind of figure was got."""
    exit_code: int | None = None
    """Of a process that has ended and that its parent has not noticed yet; 128 + n after signal n."""


class Identity(NamedTuple):
    """A process: a number is given again, but not with the same start."""

    pid: int
    started: int
    """In ticks since the boot."""


class Reading(NamedTuple):
    """Counters of one process that only rise, in whatever unit."""

    parent: Identity | None
    own: float
    """What it used itself."""
    inherited: float
    """What the children had used that it has waited for."""

    @property
    def whole(self) -> float:
        return self.own + self.inherited


class _Pending(NamedTuple):
    """What processes had used that are gone, and that their parent may still take over: it was read before them."""

    whole: float = 0.0
    base: float = 0.0


class Bill:
    """Adds up one counter over a tree whose members come and go; nothing counts twice, and the sum never falls.

    The kernel adds what a process used to its parent's ``inherited`` when the parent waits for it. So when members are
    gone, what they had used must appear there, at the nearest member that is left; what does not within two looks was
    taken by somebody outside of the tree, or by nobody, and is kept here. What was used before the watch began (the
    first reading of a process that is older) is taken off.
    """

    def __init__(self) -> None:
        self._last: dict[Identity, Reading] = {}
        self._base: dict[Identity, float] = {}
        self._pending: dict[Identity, _Pending] = {}
        self._banked = 0.0
        self._total = 0.0

    def take(self, members: Mapping[Identity, Reading], older: Callable[[Identity], bool]) -> float:
        """The sum after one more look. ``older`` says of a new member whether it was there before the watch."""
        if members == self._last and not self._pending:
            return self._total  # all of them slept
        gone = self._gone(members)
        for identity, reading in members.items():
            if identity not in self._last and older(identity):
                self._base[identity] = reading.whole
        self._settle(members, gone)
        self._last = dict(members)
        used = sum(reading.whole for reading in members.values()) - sum(self._base.values())
        waiting = sum(pending.whole - pending.base for pending in self._pending.values())
        self._total = max(self._total, used + self._banked + waiting)
        return self._total

    def _gone(self, members: Mapping[Identity, Reading]) -> dict[Identity | None, _Pending]:
        """What members that are gone had used, by the nearest one that is left."""
        lost: dict[Identity | None, _Pending] = {}
        for identity, reading in self._last.items():
            if identity in members:
                continue
            heir = self._heir(identity, members)
            waited = self._pending.pop(identity, _Pending())
            before, base = lost.get(heir, _Pending()), self._base.pop(identity, 0.0)
            lost[heir] = _Pending(before.whole + reading.whole + waited.whole, before.base + base + waited.base)
        return lost

    def _heir(self, identity: Identity, members: Mapping[Identity, Reading]) -> Identity | None:
        parent = self._last[identity].parent
        for _ in range(len(self._last)):
            if parent is None or parent in members:
                return parent
            parent = self._last[parent].parent if parent in self._last else None
        return None

    def _settle(self, members: Mapping[Identity, Reading], gone: Mapping[Identity | None, _Pending]) -> None:
        for heir in {*gone, *self._pending}:
            old, new = self._pending.pop(heir, _Pending()) if heir else _Pending(), gone.get(heir, _Pending())
            if heir is None:
                self._banked += new.whole - new.base
                continue
            before = self._last[heir].inherited if heir in self._last else 0.0
            gained = max(0.0, members[heir].inherited - before)
            taken = min(old.whole + new.whole, gained)
            # What was taken over has its part from before the watch in it.
            base = old.base + new.base
            off = base * taken / (old.whole + new.whole) if base else 0.0
            if off:
                self._base[heir] = self._base.get(heir, 0.0) + off
            left, base = old.whole + new.whole - taken, base - off
            overdue = min(left, old.whole)
            part = base * overdue / left if left else 0.0
            self._banked += overdue - part
            if left > overdue:
                self._pending[heir] = _Pending(left - overdue, base - part)
