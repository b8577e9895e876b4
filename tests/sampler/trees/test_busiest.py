"""The busiest processes on a /proc of the test's own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sampler.trees.proc import BOOTED_AT, TICKS, FakeProc
from vain.accounting import Watched
from vain.busiest import Process
from vain.sampler.trees import ProcessTrees
from vain.sampler.trees.busiest import IO_LOOKS
from vain.sampler.trees.linux import LinuxTrees
from vain.sampler.trees.portable import PortableTrees

PAGE = os.sysconf("SC_PAGE_SIZE")


class Bench:
    """A look every five seconds, unless a test says otherwise."""

    def __init__(self, root: Path) -> None:
        self.proc, self.now = FakeProc(root), 100.0
        self.trees = LinuxTrees(root, monotonic=lambda: self.now, since_boot=lambda: self.now)

    def look(self, *watched: Watched, seconds: float = 5.0) -> dict[int, Process]:
        """By number; empty where there was no look."""
        self.now += seconds
        self.trees.look(watched)
        return {each.pid: each for each in self.trees.busiest() or ()}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.trees.close()


def watched(pid: int, key: int) -> Watched:
    return Watched(key=key, pid=pid, started_at=BOOTED_AT + 1000 / TICKS, whole=True)


def test_what_was_used_is_known_from_the_second_look_on(bench: Bench) -> None:
    bench.proc.put(50, own=100, rss=10, io=(4096, 0), name="a (b) c")
    assert bench.look() == {}
    bench.proc.put(50, own=350, rss=20, io=(4096, 5000), name="a (b) c")
    assert bench.look() == {50: Process(50, "a (b) c", None, 50.0, 20 * PAGE, 1000.0)}


def test_there_is_a_look_in_five_seconds_with_tasks_and_without(bench: Bench) -> None:
    bench.proc.put(50, own=100)
    task = watched(50, 7)
    assert [bool(bench.look(*tasks, seconds=1.0)) for tasks in [(), *[(task,)] * 5, *[()] * 5]] == [
        *[False] * 5,
        True,
        *[False] * 4,
        True,
    ]


def test_a_process_that_is_new_counts_with_all_it_used(bench: Bench) -> None:
    bench.look()
    bench.proc.put(60, started=10_000, own=250, io=(0, 500))
    assert bench.look()[60] == Process(60, "x (y) z", None, 50.0, 10 * PAGE, 100.0)


def test_a_process_belongs_to_the_innermost_task(bench: Bench) -> None:
    for pid, parent in ((50, 1), (60, 50), (70, 60), (80, 1)):
        bench.proc.put(pid, parent=parent, own=1)
    tasks = watched(50, 7), watched(60, 8), watched(60, 9)
    bench.look(*tasks)
    found = bench.look(*tasks)
    assert {pid: each.task_id for pid, each in found.items()} == {50: 7, 60: 9, 70: 9, 80: None}


def test_what_a_child_had_read_is_not_its_parents_when_it_ends(bench: Bench) -> None:
    bench.proc.put(50, own=10, io=(1000, 0))
    bench.proc.put(60, parent=50, own=10, io=(900_000, 0))
    bench.look()
    bench.proc.end(60)
    bench.proc.put(50, own=10, inherited=20, io=(901_500, 0))
    assert bench.look()[50].bytes_per_second == 100.0


def test_bytes_that_are_not_told_are_unknown_and_asked_for_once(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.proc.put(50, own=10, io=None)
    bench.look()
    bench.proc.put(50, own=20, io=None)
    asked: list[int] = []
    monkeypatch.setattr(bench.trees._table, "io", asked.append)
    assert bench.look()[50].bytes_per_second is None
    assert asked == []


def test_bytes_without_cpu_are_seen_in_time_and_over_all_of_it(bench: Bench) -> None:
    bench.proc.put(50, own=10)
    bench.look()
    bench.proc.put(50, own=10, io=(0, 60_000))
    rates = [bench.look()[50].bytes_per_second for _ in range(IO_LOOKS)]
    assert [rate for rate in rates if rate] != [] and sum(rate is None for rate in rates) == 0
    place = next(place for place, rate in enumerate(rates) if rate)
    assert rates[place] == 60_000 / (5 * (place + 1))


def test_the_dead_are_not_among_them(bench: Bench) -> None:
    bench.proc.put(50, own=10)
    bench.look()
    bench.proc.put(50, own=400, state="Z")
    assert bench.look() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="a look at this very process")
@pytest.mark.parametrize("kind", [LinuxTrees, PortableTrees])
def test_this_very_process_is_seen_by_both_ways(kind: type[LinuxTrees] | type[PortableTrees]) -> None:
    now = [100.0]
    trees = kind(monotonic=lambda: now[0])
    tasks = [Watched(key=7, pid=os.getpid(), started_at=None, whole=True)]
    trees.look(tasks)
    assert trees.busiest() is None, "what was used is not known yet"
    now[0] += 5
    kept = bytearray(300 << 20)
    kept[::4096] = b"x" * len(kept[::4096])
    trees.look(tasks)
    seen = {each.pid: each for each in trees.busiest() or ()}
    trees.close()
    assert seen[os.getpid()].task_id == 7 and (seen[os.getpid()].rss_bytes or 0) > 300 << 20
    assert seen[os.getpid()].name and trees.busiest() is None


def test_what_cannot_be_read_is_no_look() -> None:
    class Broken(PortableTrees):
        def busiest(self) -> list[Process] | None:
            raise OSError

    assert ProcessTrees(trees=Broken()).busiest() is None
