"""What the process trees of tasks use, on Linux: one walk for all of them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from vain.accounting import Bill, Identity, Look, Reading, Watched
from vain.busiest import Process
from vain.clock import Clock
from vain.sampler.clocks import seconds_since_boot
from vain.sampler.trees.busiest import Busiest
from vain.sampler.trees.forest import Forest, Tree
from vain.sampler.trees.machine import MachineTotals, Totals
from vain.sampler.trees.memory import ProportionalMemory
from vain.sampler.trees.table import Look as TableLook
from vain.sampler.trees.table import ProcessTable, Stat
from vain.samples import Attribution

IO_TURNS = 10
"""A process that used no CPU since its bytes were read is asked for them again after so many looks only."""


class GpuUse(NamedTuple):
    """What a process has on all GPUs."""

    memory_bytes: int
    percent: float | None


class GpuProcesses(Protocol):
    """Who can tell what each process uses of GPUs, by its number; None if nobody can."""

    def processes(self) -> Mapping[int, GpuUse] | None: ...


class NoGpus:
    """There are none."""

    def processes(self) -> Mapping[int, GpuUse] | None:
        """See ``GpuProcesses``."""
        return None


class _Sums(NamedTuple):
    """In ticks and bytes since the watch began; None: not told."""

    cpu: float
    read: float | None
    written: float | None


class _Bills:
    """The three counters of one tree."""

    def __init__(self, began_ticks: float) -> None:
        self.began_ticks = began_ticks
        self._cpu, self._read, self._written = Bill(), Bill(), Bill()
        self._has_io = False
        self.last: tuple[_Sums, float] | None = None
        """The sums of the look before, and when that was."""

    def take(self, figures: _Figures, members: Mapping[Identity, Stat], whole: bool) -> _Sums:
        """The sums after this look."""

        def older(identity: Identity) -> bool:
            return not whole and identity.started <= self.began_ticks

        cpu = self._cpu.take({identity: figures.cpu[identity] for identity in members}, older)
        read = {identity: figures.read[identity] for identity in members if identity in figures.read}
        written = {identity: figures.written[identity] for identity in members if identity in figures.written}
        self._has_io = self._has_io or bool(read)
        sums = self._read.take(read, older), self._written.take(written, older)
        return _Sums(cpu, *sums) if self._has_io else _Sums(cpu, None, None)


class _Figures(NamedTuple):
    """What all members of all trees have used, read once."""

    cpu: dict[Identity, Reading]
    read: dict[Identity, Reading]
    written: dict[Identity, Reading]


class _Io(NamedTuple):
    """Bytes of a process, and how much CPU it had used when they were read."""

    ticks: float
    read: int
    written: int


class _Read(NamedTuple):
    """The readings of one process, and what they were made of: while that is the same, they are, too."""

    stat: Stat
    io: _Io | None
    cpu: Reading
    read: Reading | None
    written: Reading | None


def _reading(stat: Stat, io: _Io | None, parent: Identity | None) -> _Read:
    cpu = Reading(parent, stat.own_ticks, stat.inherited_ticks)
    if io is None:
        return _Read(stat, io, cpu, None, None)
    # A process' own bytes and those that it took over are one figure.
    return _Read(stat, io, cpu, Reading(parent, 0, io.read), Reading(parent, 0, io.written))


class LinuxTrees:
    """See ``ProcessTrees``. ``root`` is where /proc is looked for; the clocks are for tests."""

    def __init__(
        self,
        root: Path = Path("/"),
        gpus: GpuProcesses | None = None,
        monotonic: Clock = time.monotonic,
        since_boot: Clock = seconds_since_boot,
    ) -> None:
        self._table, self._machine = ProcessTable(root), MachineTotals(root)
        self._memory = ProportionalMemory(root)
        self._gpus: GpuProcesses = gpus or NoGpus()
        self._monotonic, self._since_boot = monotonic, since_boot
        self._ticks_per_second = float(os.sysconf("SC_CLK_TCK"))
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")
        self._forest = Forest(self._table.run_of)
        self._members: dict[Identity, Stat] = {}
        self._io: dict[Identity, _Io] = {}
        self._readings: dict[Identity, _Read] = {}
        self._looks = 0
        self._bills: dict[tuple[int, int], _Bills] = {}
        self._all: _Bills | None = None
        self._totals: Totals | None = None
        self._busiest = Busiest(self._ticks_per_second, self._page_bytes, self._known_io)
        self._newest: TableLook | None = None
        """What the last look read, if it read all processes."""
        self._strangers: list[str] | None = None

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        """What each of these uses now. Nothing is read while nothing is watched."""
        self._newest = None
        if not watched:
            if self._bills:
                self._forget()
            return [], None
        now, ticks = self._monotonic(), self._since_boot() * self._ticks_per_second
        has_new = self._forest.follow(watched)
        interesting = {identity.pid for identity in self._members}
        interesting |= {each.pid for each in watched if each.pid is not None}
        everything = has_new or (self._busiest.has_begun and self._busiest.is_due(now))
        table = self._table.look(interesting, everything)
        self._newest = table if everything else None
        booted_at = self._machine.booted_at() if self._forest.has_unfound else None
        self._forest.refresh(table, booted_at, self._ticks_per_second)
        self._members = self._read_again(self._forest.members(), interesting, table)
        figures, totals = self._figures(table), self._machine.read()
        self._memory.read_some(self._resident(self._members), now)
        gpus = self._gpus.processes()
        looks = [self._look(tree, figures, now, ticks, gpus) for tree in self._forest.trees.values()]
        attribution = self._attribution(figures, totals, now, ticks)
        self._bills = {run: self._bills[run] for run in self._forest.trees}
        return looks, attribution

    def busiest(self) -> list[Process] | None:
        """The busiest processes of the machine, if it is time for a look; called after ``look``."""
        now = self._monotonic()
        if not self._busiest.is_due(now):
            return None
        table = self._newest
        if table is None:
            table = self._table.look((), everything=True)
            self._forest.notice(table)
        self._strangers = self._forest.strangers()
        return self._busiest.take(table.processes.values(), now, self._owners)

    def take_strangers(self) -> list[str] | None:
        """See ``ProcessTrees``."""
        strangers, self._strangers = self._strangers, None
        return strangers

    def close(self) -> None:
        """Let go of what is open."""
        self._table.forget()
        self._machine.close()

    def _forget(self) -> None:
        self._table.forget()
        self._forest.follow(())  # which run each process carries stays known
        self._members, self._bills = {}, {}
        self._all = self._totals = None
        self._io, self._readings = {}, {}

    def _read_again(
        self, members: dict[Identity, Stat], interesting: set[int], table: TableLook
    ) -> dict[Identity, Stat]:
        """With the figures of now, also of those that only now turned out to belong to a task."""
        new = {stat.identity for stat in table.new}
        for identity in [each for each in members if each.pid not in interesting and each not in new]:
            stat = self._table.read(identity.pid)
            if stat is not None and stat.identity == identity:
                members[identity] = stat
        return members

    def _figures(self, table: TableLook) -> _Figures:
        figures = _Figures({}, {}, {})
        before, self._io = self._io, {}
        self._looks += 1
        for identity, stat in self._members.items():
            known = table.processes.get(stat.parent_pid)
            parent = None if known is None else known.identity
            io = self._io_of(stat, before.get(identity))
            last = self._readings.get(identity)
            if last is None or last.stat is not stat or last.io is not io or last.cpu.parent != parent:
                last = self._readings[identity] = _reading(stat, io, parent)
            figures.cpu[identity] = last.cpu
            if io is not None and last.read is not None and last.written is not None:
                self._io[identity] = io
                figures.read[identity], figures.written[identity] = last.read, last.written
        if len(self._readings) > 2 * len(self._members):
            self._readings = {identity: self._readings[identity] for identity in self._members}
        return figures

    def _io_of(self, stat: Stat, known: _Io | None) -> _Io | None:
        """What it was, where it cannot be more or cannot be read any more."""
        ticks, pid = stat.own_ticks + stat.inherited_ticks, stat.identity.pid
        if known is not None and known.ticks == ticks and (pid + self._looks) % IO_TURNS:
            return known
        io = self._table.io(pid)
        return known if io is None else _Io(ticks, *io)

    def _known_io(self, stat: Stat) -> tuple[int, int] | None:
        known = self._io.get(stat.identity)
        if known is not None and known.ticks == stat.own_ticks + stat.inherited_ticks:
            return known.read, known.written
        return self._table.io(stat.identity.pid)

    def _owners(self, wanted: Iterable[Identity]) -> dict[Identity, int]:
        """The innermost task of each of these: the tree with the fewest members, and of two such the younger."""
        trees = sorted(self._forest.trees.values(), key=lambda tree: (-len(tree.members), tree.watched.key))
        chosen = set(wanted)
        return {identity: tree.watched.key for tree in trees for identity in chosen & tree.members.keys()}

    def _look(self, tree: Tree, figures: _Figures, now: float, ticks: float, gpus: Mapping[int, GpuUse] | None) -> Look:
        watched = tree.watched
        run = watched.key, watched.attempt
        bills = self._bills.get(run)
        if bills is None:
            bills = self._bills[run] = _Bills(ticks)
        members = {identity: self._members[identity] for identity in tree.members}
        alive = self._is_alive(tree)
        if tree.root is None and not (watched.pid is None and (members or bills.last)):
            return Look(key=watched.key, alive=alive)
        sums = bills.take(figures, members, watched.whole)
        before, bills.last = bills.last, (sums, now)
        if not members:
            return _all_gone(watched.key, alive, sums, self._ticks_per_second)
        resident = self._resident(members)
        pss = self._memory.of(resident)
        mine = [use for identity in members if gpus and (use := gpus.get(identity.pid))]
        return Look(
            key=watched.key,
            alive=alive,
            cpu_seconds=sums.cpu / self._ticks_per_second,
            cpu_percent=_rate(before, sums.cpu, now, lambda last: last.cpu, 100 / self._ticks_per_second),
            rss_bytes=sum(resident.values()),
            pss_bytes=pss,
            read_bytes=None if sums.read is None else int(sums.read),
            written_bytes=None if sums.written is None else int(sums.written),
            read_bytes_per_second=_rate(before, sums.read, now, lambda last: last.read),
            written_bytes_per_second=_rate(before, sums.written, now, lambda last: last.written),
            threads=sum(stat.threads for stat in members.values()),
            processes=len(members),
            gpu_memory_bytes=sum(use.memory_bytes for use in mine) if gpus is not None else None,
            gpu_percent=_sum_known([use.percent for use in mine]) if gpus is not None else None,
            basis=_basis(pss is not None, sums.read is not None, gpus is not None),
            exit_code=self._exit_code(tree),
        )

    def _exit_code(self, tree: Tree) -> int | None:
        root = None if tree.root is None else self._members.get(tree.root)
        if root is None or root.wait_status is None:
            return None
        code = os.waitstatus_to_exitcode(root.wait_status)
        return code if code >= 0 else 128 - code

    def _is_alive(self, tree: Tree) -> bool | None:
        pid = tree.watched.pid
        if pid is None:
            return None  # whether the task goes on is known where its process is
        if tree.root is not None:
            root = self._members.get(tree.root)
            return root is not None and not root.is_dead
        if self._table.read(pid) is not None:
            return False  # the number belongs to another process now
        return False if self._table.is_gone(pid) else None

    def _resident(self, members: Mapping[Identity, Stat]) -> dict[Identity, int]:
        return {identity: stat.rss_pages * self._page_bytes for identity, stat in members.items()}

    def _attribution(self, figures: _Figures, totals: Totals, now: float, ticks: float) -> Attribution:
        """Each process counts once, from the look on at which it was first seen to belong to a task."""
        bills = self._all
        if bills is None:
            bills = self._all = _Bills(ticks)
        sums = bills.take(figures, self._members, whole=False)
        bills.began_ticks = ticks
        before, bills.last = bills.last, (sums, now)
        last, self._totals = self._totals, totals
        resident = self._resident(self._members)
        memory = self._memory.of(resident) or sum(resident.values())
        used = totals.used_bytes
        if before is None or last is None:
            return Attribution(
                memory_share=None if not used else _share(memory, used), hidden_processes=len(self._forest.hidden)
            )
        return Attribution(
            cpu_share=_share_of(sums.cpu, before[0].cpu, totals.busy_ticks, last.busy_ticks),
            memory_share=None if not used else _share(memory, used),
            read_share=_share_of(sums.read, before[0].read, totals.read_bytes, last.read_bytes),
            written_share=_share_of(sums.written, before[0].written, totals.written_bytes, last.written_bytes),
            hidden_processes=len(self._forest.hidden),
        )


def _all_gone(key: int, alive: bool | None, sums: _Sums, ticks_per_second: float) -> Look:
    """No process is left: what was used stays used, and of now there is nothing to tell."""
    return Look(
        key=key,
        alive=alive,
        cpu_seconds=sums.cpu / ticks_per_second,
        read_bytes=None if sums.read is None else int(sums.read),
        written_bytes=None if sums.written is None else int(sums.written),
        processes=0,
        basis=_basis(False, sums.read is not None, False),
    )


def _rate(
    before: tuple[_Sums, float] | None,
    value: float | None,
    now: float,
    of: Callable[[_Sums], float | None],
    scale: float = 1.0,
) -> float | None:
    if before is None or value is None or now <= before[1]:
        return None
    last = of(before[0])
    return None if last is None else max(0.0, (value - last) * scale / (now - before[1]))


def _share_of(
    value: float | None, before: float | None, all_of_it: float | None, all_before: float | None
) -> float | None:
    if value is None or before is None or all_of_it is None or all_before is None or all_of_it <= all_before:
        return None
    return _share(value - before, all_of_it - all_before)


def _share(part: float, whole: float) -> float:
    """The counters of processes and of the machine are not read at one instant."""
    return round(min(1.0, max(0.0, part / whole)), 4)


def _sum_known(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _basis(has_pss: bool, has_io: bool, has_gpu: bool) -> dict[str, str]:
    basis = {"cpu": "tree", "memory": "pss" if has_pss else "rss"}
    if has_io:
        basis["io"] = "proc-io"
    if has_gpu:
        basis["gpu"] = "nvml"
    return basis
