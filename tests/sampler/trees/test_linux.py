"""Trees of processes on a /proc of the test's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.sampler.trees.proc import BOOTED_AT, TICKS, FakeProc
from vain.accounting import Look, Watched
from vain.sampler.trees.linux import IO_TURNS, GpuUse, LinuxTrees
from vain.sampler.trees.table import ProcessTable
from vain.samples import Attribution

PAGE = os.sysconf("SC_PAGE_SIZE")


class Bench:
    """One look a second."""

    def __init__(self, root: Path, **more: Any) -> None:
        self.proc = FakeProc(root)
        self.now = 100.0
        self.trees = LinuxTrees(root, monotonic=lambda: self.now, since_boot=lambda: self.now, **more)
        self.attribution: Attribution | None = None

    def look(self, *watched: Watched) -> list[Look]:
        self.now += 1
        looks, self.attribution = self.trees.look(watched)
        return looks


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    assert os.sysconf("SC_CLK_TCK") == TICKS
    return Bench(tmp_path)


def watched(pid: int = 50, key: int = 7, started: int = 1000, **more: Any) -> Watched:
    return Watched(**{"key": key, "pid": pid, "started_at": BOOTED_AT + started / TICKS, "whole": True, **more})


def test_a_tree_is_its_root_and_all_below_it(bench: Bench) -> None:
    bench.proc.put(50, own=200, rss=10)
    bench.proc.put(60, parent=50, own=100, rss=20)
    bench.proc.put(70, parent=60, own=50, inherited=25, rss=30)
    bench.proc.put(80, parent=1, own=9999, rss=999)
    (look,) = bench.look(watched())
    assert (look.alive, look.cpu_seconds, look.rss_bytes) == (True, 3.75, 60 * PAGE)
    assert (look.processes, look.threads, look.cpu_percent) == (3, 9, None)
    assert look.basis == {"cpu": "tree", "memory": "rss", "io": "proc-io"}


def test_percent_is_of_one_core_over_the_time_between_looks(bench: Bench) -> None:
    bench.proc.put(50, own=200)
    bench.look(watched())
    bench.proc.put(50, own=350, io=(4096, 0))
    (look,) = bench.look(watched())
    assert (look.cpu_percent, look.read_bytes_per_second) == (150, 4096)


def test_an_older_process_counts_from_the_watch_on(bench: Bench) -> None:
    bench.proc.put(50, own=200, io=(10_000, 5))
    bench.proc.put(60, parent=50, own=40)
    (first,) = bench.look(watched(whole=False))
    bench.proc.put(50, own=210, io=(10_007, 5))
    bench.proc.put(61, parent=50, own=5, started=int(bench.now * TICKS) + 1)
    (second,) = bench.look(watched(whole=False))
    assert (first.cpu_seconds, second.cpu_seconds) == (0, 0.15)
    assert (second.read_bytes, second.written_bytes) == (7, 0)


def test_members_stay_when_their_parent_is_gone(bench: Bench) -> None:
    bench.proc.put(50)
    bench.proc.put(60, parent=50)
    bench.proc.put(70, parent=60, own=100)
    bench.look(watched())
    bench.proc.end(60)
    bench.proc.put(70, parent=1, own=300)
    (look,) = bench.look(watched())
    assert (look.processes, look.cpu_seconds) == (2, 3.0)


def test_an_orphan_that_was_never_seen_below_its_task_is_known_by_its_run(bench: Bench) -> None:
    bench.proc.put(50)
    bench.look(watched(run_id="abc"))
    bench.proc.put(90, parent=1, own=70, run="abc", started=20_000)
    bench.proc.put(91, parent=90, own=30, started=20_001)
    bench.proc.put(92, parent=1, own=500, run="abcd", started=20_002)
    (look,) = bench.look(watched(run_id="abc"))
    assert (look.processes, look.cpu_seconds) == (3, 1.0)


def test_a_number_that_was_given_again_is_nobodys(bench: Bench) -> None:
    bench.proc.put(50, own=10)
    bench.look(watched())
    bench.proc.end(50)
    bench.proc.put(50, started=5_000, own=900)
    (look,) = bench.look(watched())
    assert look.alive is False and look.cpu_seconds == 0.1


def test_a_process_that_is_older_than_who_got_its_parents_number_is_no_child(bench: Bench) -> None:
    bench.proc.put(60, parent=50, started=500, own=900)
    bench.proc.put(50, started=1000, own=100)
    (look,) = bench.look(watched())
    assert (look.processes, look.cpu_seconds) == (1, 1.0)


def test_bytes_of_a_process_that_rests_are_asked_for_in_turn(bench: Bench) -> None:
    bench.proc.put(50, own=1, io=(0, 0))
    bench.look(watched())
    bench.proc.put(50, own=1, io=(0, 4096))
    seen = [bench.look(watched())[0].written_bytes for _ in range(IO_TURNS)]
    assert seen[-1] == 4096 and seen.count(0) in range(IO_TURNS)
    bench.proc.put(50, own=2, io=(0, 8192))
    assert bench.look(watched())[0].written_bytes == 8192, "one that works is asked at once"


@pytest.mark.parametrize("most", [0, 1, 99])
def test_few_processes_are_kept_open_and_none_at_the_end(bench: Bench, most: int) -> None:
    table = bench.trees._table = ProcessTable(bench.proc.root, most_kept=most)
    before = len(os.listdir("/proc/self/fd"))
    for pid in (50, 51, 52):
        bench.proc.put(pid, own=pid)
    assert [table.look({50, 51, 52}).processes[pid].own_ticks for pid in (50, 51, 52)] == [50, 51, 52]
    assert len(os.listdir("/proc/self/fd")) == before + min(most, 3)
    table.look({51})
    assert len(table._kept) <= 1
    bench.trees.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(("started", "alive"), [(1000, True), (1190, True), (4100, False), (500, True)])
def test_only_a_later_process_has_taken_the_number(bench: Bench, started: int, alive: bool) -> None:
    bench.proc.put(50, started=started)
    (look,) = bench.look(watched())
    assert look.alive is alive


def test_a_number_that_was_given_again_before_the_first_look_stays_nobodys(bench: Bench) -> None:
    bench.proc.put(50, started=9_000, own=900)
    looks = [bench.look(watched())[0] for _ in range(3)]
    assert [(look.alive, look.cpu_seconds) for look in looks] == [(False, None)] * 3


def test_a_task_that_another_process_goes_on_with_is_that_process(bench: Bench) -> None:
    bench.proc.put(50, own=100)
    bench.look(watched())
    bench.proc.end(50)
    bench.proc.put(60, started=2_000, own=30)
    (look,) = bench.look(watched(pid=60, started=2_000))
    assert (look.alive, look.processes, look.cpu_seconds) == (True, 1, 1.3)


def test_a_process_that_is_not_there_is_gone_and_a_dead_one_too(bench: Bench) -> None:
    (look,) = bench.look(watched(pid=2**22 - 3))
    assert look.alive is False and look.cpu_seconds is None
    bench.proc.put(50, state="Z", wait_status=9)
    (look,) = bench.look(watched())
    assert look.alive is False and look.exit_code == 137


def test_a_process_that_is_hidden_is_not_said_to_be_gone(bench: Bench) -> None:
    """This process exists, though this /proc does not show it."""
    (look,) = bench.look(watched(pid=os.getpid()))
    assert look.alive is None


def test_a_child_task_is_part_of_its_parent_with_its_orphans(bench: Bench) -> None:
    bench.proc.put(50, own=100)
    bench.proc.put(60, parent=50, own=200)
    bench.proc.put(90, parent=1, own=400, run="inner")
    outer, inner = bench.look(watched(), watched(pid=60, key=8, run_id="inner"))
    assert (outer.cpu_seconds, inner.cpu_seconds) == (7.0, 6.0)


def test_each_process_counts_once_in_the_share_of_the_machine(bench: Bench) -> None:
    bench.proc.put(50, rss=1000)
    bench.proc.put(60, parent=50)
    bench.proc.put(80, own=5)
    both = watched(), watched(pid=60, key=8)
    bench.proc.machine(busy=1000)
    bench.look(*both)
    bench.proc.put(50, rss=1000, own=20, io=(0, 1024))
    bench.proc.put(60, parent=50, own=30)
    bench.proc.machine(busy=1100, written_kib=4)
    bench.look(*both)
    share = bench.attribution
    assert share is not None and (share.cpu_share, share.written_share, share.read_share) == (0.5, 0.25, None)
    assert share.memory_share == round(1010 * PAGE / (400_000 * 1024), 4)


def test_what_cannot_be_read_is_unknown(bench: Bench) -> None:
    bench.proc.put(50, io=None)
    (look,) = bench.look(watched())
    assert (look.read_bytes, look.written_bytes, look.pss_bytes) == (None, None, None)
    assert "io" not in look.basis


def test_proportional_memory_follows_the_resident_by_the_last_ratio(bench: Bench) -> None:
    bench.proc.put(50, rss=100)
    rollup = bench.proc.proc / "50/smaps_rollup"
    rollup.write_text(
        f"00-ff ---p 0 0 [rollup]\nRss:  {100 * PAGE // 1024} kB\nPss:  {50 * PAGE // 1024} kB\nPss_Anon: 1 kB\n"
    )
    (look,) = bench.look(watched())
    assert look.pss_bytes == 50 * PAGE and look.basis["memory"] == "pss"
    bench.proc.put(50, rss=200)
    (look,) = bench.look(watched())
    assert look.pss_bytes == 100 * PAGE


def test_gpu_memory_is_that_of_the_members(tmp_path: Path) -> None:
    class Gpus:
        def processes(self) -> dict[int, GpuUse]:
            return {50: GpuUse(100, 30.0), 60: GpuUse(50, None), 80: GpuUse(7, 7.0)}

    bench = Bench(tmp_path, gpus=Gpus())
    bench.proc.put(50)
    bench.proc.put(60, parent=50)
    (look,) = bench.look(watched())
    assert (look.gpu_memory_bytes, look.gpu_percent, look.basis["gpu"]) == (150, 30.0, "nvml")


def test_nothing_is_read_while_nothing_is_watched(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.proc.put(50)
    bench.look(watched())

    def listed(path: str) -> list[str]:
        raise AssertionError(path)

    monkeypatch.setattr(os, "listdir", listed)
    assert bench.look() == [] and bench.attribution is None


def test_processes_of_others_are_counted_as_hidden(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.proc.put(50)
    bench.proc.put(80)
    bench.trees._table.run_of = lambda pid: (None, pid != 80)  # type: ignore[method-assign]
    bench.trees._forest._run_of = bench.trees._table.run_of
    bench.look(watched())
    assert bench.attribution is not None and bench.attribution.hidden_processes == 1
