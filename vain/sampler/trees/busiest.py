"""Every five seconds, the busiest processes of the whole machine: from the same walk that sees the trees of tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from vain.accounting import Identity
from vain.busiest import LONGEST_NAME, LOOK_SECONDS, SLACK_SECONDS, Process, busiest
from vain.sampler.trees.table import Stat

IO_LOOKS = 12
"""A process that used no CPU since its bytes were read is asked for them again after so many looks only."""

Owners = Callable[[Iterable[Identity]], Mapping[Identity, int]]
"""The task of each process that belongs to one."""


class _Known(NamedTuple):
    """One process at the look before."""

    stat: Stat
    io_bytes: int | None
    io_at: float
    """When ``io_bytes`` was read (monotonic)."""
    io_ticks: int
    """What it had used when they were."""
    asleep: Process
    """What it is seen as while it does nothing."""


class Busiest:
    """Who used most since the look before. ``io`` reads the bytes of one process, None: not told."""

    def __init__(self, ticks_per_second: float, page_bytes: int, io: Callable[[Stat], tuple[int, int] | None]) -> None:
        self._ticks_per_second, self._page_bytes, self._io = ticks_per_second, page_bytes, io
        self._known: dict[Identity, _Known] = {}
        self._silent: set[Identity] = set()
        """Processes whose bytes are not told: those of other users."""
        self._last: float | None = None
        self._looks = 0

    def is_due(self, now: float) -> bool:
        """Whether it is time for a look (monotonic seconds)."""
        return self._last is None or now - self._last >= LOOK_SECONDS - SLACK_SECONDS

    @property
    def has_begun(self) -> bool:
        """Whether anybody ever asked, so that a walk for somebody else may be made to serve this, too."""
        return self._last is not None

    def take(self, stats: Iterable[Stat], now: float, owners: Owners) -> list[Process] | None:
        """The busiest now; None at the first look, since what was used is known between two only.

        ``owners`` tells which of these processes belong to which task.
        """
        alive = {stat.identity: stat for stat in stats if not stat.is_dead}
        before, last = self._known, self._last
        inherited = _inherited(before, alive)
        self._looks += 1
        self._last = now
        self._known = {identity: self._read(stat, before.get(identity), now) for identity, stat in alive.items()}
        self._silent &= self._known.keys()
        if last is None:
            return None
        seen = [
            fresh.asleep
            if (known := before.get(identity)) is fresh
            else self._process(known, fresh, inherited.get(identity.pid, 0), now - last)
            for identity, fresh in self._known.items()
        ]
        return _named(busiest(seen), {identity.pid: stat for identity, stat in alive.items()}, owners)

    def _read(self, stat: Stat, known: _Known | None, now: float) -> _Known:
        """The very same where nothing can have changed."""
        ticks, identity = stat.own_ticks + stat.inherited_ticks, stat.identity
        if known is not None and known.io_ticks == ticks:
            is_turn = (identity.pid + self._looks) % IO_LOOKS == 0 and identity not in self._silent
            if not is_turn:
                return known if known.stat is stat or known.stat == stat else self._noted(stat, known)
        io = None if identity in self._silent else self._io(stat)
        if io is None:
            self._silent.add(identity)
        total = None if io is None else sum(io)
        asleep = Process(identity.pid, "", None, 0.0, stat.rss_pages * self._page_bytes, None if io is None else 0.0)
        return _Known(stat, total, now, ticks, asleep)

    def _noted(self, stat: Stat, known: _Known) -> _Known:
        """It has more or less memory, or another parent."""
        return known._replace(stat=stat, asleep=known.asleep._replace(rss_bytes=stat.rss_pages * self._page_bytes))

    def _process(self, known: _Known | None, fresh: _Known, inherited: int, seconds: float) -> Process:
        ticks = fresh.stat.own_ticks - (known.stat.own_ticks if known else 0)
        cpu = max(0.0, 100 * ticks / self._ticks_per_second / seconds)
        return fresh.asleep._replace(cpu_percent=cpu, bytes_per_second=_rate(known, fresh, inherited, seconds))


def _named(chosen: Iterable[Process], stats: Mapping[int, Stat], owners: Owners) -> list[Process]:
    processes = [(each, stats[each.pid]) for each in chosen]
    tasks = owners([stat.identity for _, stat in processes])
    return [
        each._replace(name=stat.name.decode("utf-8", "replace")[:LONGEST_NAME], task_id=tasks.get(stat.identity))
        for each, stat in processes
    ]


def _inherited(before: Mapping[Identity, _Known], alive: Mapping[Identity, Stat]) -> dict[int, int]:
    """What processes that are gone had read and written, by their parents, whose own figure it was added to."""
    inherited: dict[int, int] = {}
    for identity in before.keys() - alive.keys():
        gone = before[identity]
        inherited[gone.stat.parent_pid] = inherited.get(gone.stat.parent_pid, 0) + (gone.io_bytes or 0)
    return inherited


def _rate(known: _Known | None, fresh: _Known, inherited: int, seconds: float) -> float | None:
    if fresh.io_bytes is None:
        return None
    if known is None:
        return fresh.io_bytes / seconds
    if fresh.io_at <= known.io_at:
        return 0.0
    if known.io_bytes is None:
        return None
    return max(0.0, (fresh.io_bytes - known.io_bytes - inherited) / (fresh.io_at - known.io_at))
