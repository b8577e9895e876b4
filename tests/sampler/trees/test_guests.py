"""Processes of runs whose home is another machine: that they are noticed, and what is counted of them."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.sampler.trees.proc import FakeProc
from vain.accounting import Look, Watched
from vain.sampler.trees.forest import MOST_STRANGERS
from vain.sampler.trees.linux import LinuxTrees
from vain.sampler.trees.portable import PortableTrees

PAGE = os.sysconf("SC_PAGE_SIZE")
ONE, OTHER = "1" * 32, "2" * 32


class Bench:
    """A look each second, as a monitor makes it."""

    def __init__(self, root: Path) -> None:
        self.proc, self.now, self.told = FakeProc(root), 100.0, list[list[str]]()
        self.trees = LinuxTrees(root, monotonic=lambda: self.now, since_boot=lambda: self.now)

    def look(self, *watched: Watched, seconds: int = 1) -> list[Look]:
        for _ in range(seconds):
            self.now += 1
            looks, _ = self.trees.look(watched)
            self.trees.busiest()
            if (strangers := self.trees.take_strangers()) is not None:
                self.told.append(strangers)
        return looks


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def guest(*runs: str, key: int = 7, **more: Any) -> Watched:
    return Watched(key, None, None, whole=True, runs=runs or (ONE,), **more)


def test_names_of_runs_are_noticed_without_any_task_at_each_whole_walk(bench: Bench) -> None:
    bench.proc.put(50, run=ONE)
    bench.proc.put(51, run=ONE)
    bench.proc.put(60)
    bench.look(seconds=11)
    assert bench.told == [[ONE]] * 3, "at the first second, and then every five"


def test_what_is_watched_here_is_no_stranger_and_an_ill_formed_name_never_is(bench: Bench) -> None:
    bench.proc.put(50, run=ONE)
    bench.proc.put(60, run=OTHER)
    bench.proc.put(70, run="../" + "f" * 29)
    bench.look(guest(ONE))
    assert bench.told == [[OTHER]]


def test_of_too_many_names_the_newest_are_told(bench: Bench) -> None:
    for number in range(MOST_STRANGERS + 5):
        bench.proc.put(100 + number, run=f"{number:032x}", io=None)
    bench.look()
    assert len(bench.told[0]) == MOST_STRANGERS and bench.told[0][-1] == f"{MOST_STRANGERS + 4:032x}"


def counted(bench: Bench) -> Counter[int]:
    """How often the environment of each process is read from now on."""
    reads, run_of = Counter[int](), bench.trees._table.run_of

    def counting(pid: int) -> tuple[str | None, bool]:
        reads[pid] += 1
        return run_of(pid)

    bench.trees._forest._run_of = counting
    return reads


def test_each_environment_is_read_once_whether_something_is_watched_or_not(bench: Bench) -> None:
    reads = counted(bench)
    bench.proc.put(50, run=ONE)
    bench.proc.put(60)
    bench.look(seconds=7)
    bench.look(guest(), seconds=7)
    bench.look(seconds=7)
    bench.proc.put(70, run=OTHER)
    bench.look(guest(), seconds=7)
    assert reads == {50: 1, 60: 1, 70: 1}


def test_a_script_that_execs_the_work_is_asked_again_and_a_kernel_thread_is_not(bench: Bench) -> None:
    reads = counted(bench)
    bench.proc.put(50, name="sh")
    bench.proc.put(60, name="kworker/0:1", rss=0)
    bench.look()
    bench.proc.put(50, name="python", run=ONE)
    bench.proc.put(60, name="kworker/0:1-ev", rss=0)
    bench.look(seconds=5)
    assert bench.told[-1] == [ONE] and reads == {50: 2, 60: 1}


def test_all_that_the_carriers_of_a_name_and_their_children_used_counts_from_their_birth(bench: Bench) -> None:
    bench.proc.put(50, own=300, inherited=100, rss=10, run=ONE, io=(4096, 1))
    bench.proc.put(51, parent=50, own=50, rss=20)
    bench.proc.put(60, own=900, run=OTHER)
    (look,) = bench.look(guest())
    assert (look.alive, look.cpu_seconds, look.rss_bytes, look.processes) == (None, 4.5, 30 * PAGE, 2)
    bench.proc.put(50, own=350, inherited=100, rss=10, run=ONE, io=(4096, 1))
    (look,) = bench.look(guest())
    assert (look.cpu_seconds, look.cpu_percent, look.read_bytes) == (5.0, 50.0, 4096)


def test_a_guest_whose_processes_are_gone_keeps_its_totals_and_uses_nothing(bench: Bench) -> None:
    bench.proc.put(50, own=300, run=ONE)
    bench.look(guest())
    bench.proc.end(50)
    bench.look(guest())
    (look,) = bench.look(guest())
    assert (look.alive, look.cpu_seconds, look.processes) == (None, 3.0, 0)
    assert (look.cpu_percent, look.rss_bytes, look.threads) == (None, None, None)
    bench.proc.put(55, own=100, run=ONE, started=20_000)
    (look,) = bench.look(guest())
    assert (look.cpu_seconds, look.processes) == (4.0, 1)


def test_a_guest_that_has_nothing_here_is_not_gone_and_costs_nothing(bench: Bench) -> None:
    (look,) = bench.look(guest())
    assert look == Look(key=7, alive=None)


def test_members_stay_when_the_name_that_they_carry_is_not_told_any_more(bench: Bench) -> None:
    bench.proc.put(50, own=100, run=ONE)
    bench.proc.put(60, own=200, run=OTHER)
    bench.look(guest(ONE, OTHER))
    (look,) = bench.look(guest(OTHER))
    assert (look.cpu_seconds, look.processes) == (3.0, 2)


def test_a_task_within_a_guest_counts_for_both_and_once_for_the_machine(bench: Bench) -> None:
    """A process that carries the outer task's name has begun a task of its own here."""
    child = Watched(8, 50, None, run_id=OTHER, whole=True)
    bench.proc.put(50, own=100, run=ONE)
    bench.proc.put(51, parent=1, own=50, run=OTHER)
    outer, inner = bench.look(guest(), child)
    assert (inner.key, inner.cpu_seconds, outer.cpu_seconds) == (8, 1.5, 1.5)
    assert bench.trees._owners(bench.trees._members) == dict.fromkeys(bench.trees._members, 8)
    assert len(bench.trees._members) == 2


def test_where_environments_are_not_told_nothing_is_noticed_and_nobody_is_gone() -> None:
    trees = PortableTrees()
    trees.busiest()
    assert trees.take_strangers() is None
    assert trees.look([guest()])[0] == [Look(key=7, alive=None)]
