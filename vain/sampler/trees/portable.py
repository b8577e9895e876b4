"""What the process trees of tasks use where psutil is all there is: the processes that are seen once a second.

Children that live shorter than that are not counted, nor what a process used before it was first seen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import psutil

from vain.accounting import Look, Watched
from vain.busiest import LONGEST_NAME, LOOK_SECONDS, SLACK_SECONDS, Process, busiest
from vain.clock import Clock
from vain.samples import Attribution

STARTED_TOLERANCE_SECONDS = 2.0


class _Member:
    """One process, and what it had used when it was last seen."""

    def __init__(self, process: psutil.Process, whole: bool) -> None:
        self.process = process
        self.cpu_seconds = 0.0
        self.io = 0, 0
        self.base: tuple[float, int, int] | None = (0.0, 0, 0) if whole else None
        self.rss_bytes = self.threads = 0

    def read(self) -> bool:
        """Whether it is still there."""
        try:
            with self.process.oneshot():
                if not self.process.is_running() or self.process.status() == psutil.STATUS_ZOMBIE:
                    return False
                times = self.process.cpu_times()
                self.cpu_seconds = times.user + times.system
                self.rss_bytes, self.threads = self.process.memory_info().rss, self.process.num_threads()
                self.io = self._io()
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return True
        if self.base is None:
            self.base = self.cpu_seconds, *self.io
        return True

    def _io(self) -> tuple[int, int]:
        if not hasattr(self.process, "io_counters"):
            return 0, 0
        counters = self.process.io_counters()
        return counters.read_bytes, counters.write_bytes

    @property
    def used(self) -> tuple[float, int, int]:
        base = self.base or (0.0, 0, 0)
        return self.cpu_seconds - base[0], self.io[0] - base[1], self.io[1] - base[2]


class _Tree:
    def __init__(self) -> None:
        self.members: dict[int, _Member] = {}
        self.gone = (0.0, 0, 0)
        self.last: tuple[tuple[float, int, int], float] | None = None
        self.is_found = False


class PortableTrees:
    """See ``ProcessTrees``."""

    def __init__(self, monotonic: Clock = time.monotonic) -> None:
        self._monotonic = monotonic
        self._trees: dict[tuple[int, int], _Tree] = {}
        self._seen: dict[tuple[int, float], tuple[float, int | None]] = {}
        """CPU seconds and bytes of each process at the look before at all of them, by number and start."""
        self._seen_at: float | None = None

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        """What each of these uses now; the shares of the machine are not known."""
        runs = {(each.key, each.attempt) for each in watched}
        self._trees = {run: tree for run, tree in self._trees.items() if run in runs}
        looks = [self._look(each, self._trees.setdefault((each.key, each.attempt), _Tree())) for each in watched]
        return looks, Attribution() if watched else None

    def busiest(self) -> list[Process] | None:
        """See ``ProcessTrees``."""
        now, last = self._monotonic(), self._seen_at
        if last is not None and now - last < LOOK_SECONDS - SLACK_SECONDS:
            return None
        before, self._seen, self._seen_at = self._seen, {}, now
        seen = []
        for process in psutil.process_iter(_asked_for()):
            each = self._process(process.info, before, None if last is None else now - last)
            if each is not None:
                seen.append(each)
        if last is None:
            return None
        owners = self._owners()
        return [each._replace(task_id=owners.get(each.pid)) for each in busiest(seen)]

    def take_strangers(self) -> list[str] | None:
        """Nothing is told here of the environment of others."""
        return None

    def close(self) -> None:
        """Nothing is kept open."""

    def _process(
        self, told: dict[str, Any], before: dict[tuple[int, float], tuple[float, int | None]], seconds: float | None
    ) -> Process | None:
        times, io, memory = told["cpu_times"], told.get("io_counters"), told["memory_info"]
        if times is None:
            return None
        used = times.user + times.system
        moved = None if io is None else io.read_bytes + io.write_bytes
        identity = told["pid"], told["create_time"] or 0.0
        self._seen[identity] = used, moved
        if seconds is None:
            return None
        used_before, moved_before = before.get(identity, (0.0, 0))
        rate = None if moved is None or moved_before is None else max(0.0, (moved - moved_before) / seconds)
        cpu = max(0.0, 100 * (used - used_before) / seconds)
        name = (told["name"] or "")[:LONGEST_NAME]
        return Process(told["pid"], name, None, cpu, None if memory is None else memory.rss, rate)

    def _owners(self) -> dict[int, int]:
        """The innermost task of each process: the tree with the fewest members, and of two such the younger."""
        trees = sorted(self._trees.items(), key=lambda each: (-len(each[1].members), each[0]))
        return {pid: task_id for (task_id, _), tree in trees for pid in tree.members}

    def _look(self, watched: Watched, tree: _Tree) -> Look:
        if watched.pid is None:
            return Look(key=watched.key, alive=None)
        alive = self._root(watched.pid, watched, tree)
        if not tree.is_found:
            return Look(key=watched.key, alive=alive)
        self._find_children(watched, tree)
        for pid, member in list(tree.members.items()):
            if not member.read():
                tree.gone = _added(tree.gone, member.used)
                del tree.members[pid]
        used, now = tree.gone, self._monotonic()
        for member in tree.members.values():
            used = _added(used, member.used)
        before, tree.last = tree.last, (used, now)
        cpu, read, written = (_rate(before, used, now, place) for place in range(3))
        there = list(tree.members.values())
        return Look(
            key=watched.key,
            alive=watched.pid in tree.members,
            cpu_seconds=used[0],
            cpu_percent=None if cpu is None else 100 * cpu,
            rss_bytes=sum(member.rss_bytes for member in there) if there else None,
            read_bytes=used[1] if hasattr(psutil.Process, "io_counters") else None,
            written_bytes=used[2] if hasattr(psutil.Process, "io_counters") else None,
            read_bytes_per_second=read,
            written_bytes_per_second=written,
            threads=sum(member.threads for member in there) if there else None,
            processes=len(there),
            basis={"cpu": "process", "memory": "rss"},
        )

    def _root(self, pid: int, watched: Watched, tree: _Tree) -> bool | None:
        if tree.is_found:
            return pid in tree.members
        try:
            process = psutil.Process(pid)
            started = process.create_time()
        except psutil.NoSuchProcess:
            return False
        except psutil.AccessDenied:
            return None
        if watched.started_at is not None and abs(started - watched.started_at) > STARTED_TOLERANCE_SECONDS:
            return False
        tree.is_found, tree.members[pid] = True, _Member(process, watched.whole)
        return True

    def _find_children(self, watched: Watched, tree: _Tree) -> None:
        is_first = tree.last is None
        for member in list(tree.members.values()):
            try:
                children = member.process.children(recursive=True)
            except psutil.Error:
                continue
            for child in children:
                if child.pid not in tree.members:
                    # What is found later was born later.
                    tree.members[child.pid] = _Member(child, watched.whole or not is_first)


def _asked_for() -> list[str]:
    asked = ["pid", "name", "create_time", "cpu_times", "memory_info"]
    return [*asked, "io_counters"] if hasattr(psutil.Process, "io_counters") else asked


def _added(one: tuple[float, int, int], other: tuple[float, int, int]) -> tuple[float, int, int]:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _rate(
    before: tuple[tuple[float, int, int], float] | None, used: tuple[float, int, int], now: float, place: int
) -> float | None:
    if before is None or now <= before[1]:
        return None
    return max(0.0, (used[place] - before[0][place]) / (now - before[1]))
