"""The busiest processes of a window, and looks as columns."""

from __future__ import annotations

from tests.explaining.worlds import MIB, T0, explained
from vain.busiest import Process, busiest
from vain.looks import columns_of, together, within


def process(
    pid: int, cpu: float | None = 0.0, rss: int = 0, io: float | None = 0.0, name: str = "x", task: int | None = None
) -> Process:
    return Process(pid, name, task, cpu, rss, io)


def test_a_look_has_the_first_of_each_kind_once() -> None:
    crowd = [process(number, cpu=float(number), rss=1000 - number, io=None) for number in range(1, 40)]
    found = busiest([*crowd, process(50, io=7.0), process(51)], most=10)
    assert [each.pid for each in found] == [*range(1, 11), *range(30, 40), 50]


def test_means_are_over_all_looks_and_the_task_is_named() -> None:
    looks = {
        T0 + 5: [process(7, cpu=100.0, rss=10 * MIB, io=50.0, name="python3", task=3), process(8, cpu=10.0)],
        T0 + 10: [process(7, cpu=50.0, rss=30 * MIB, io=None, name="python3", task=3)],
    }
    first, second = explained({}, looks=looks).processes
    assert (first.pid, first.name, first.task_id) == (7, "python3", 3)
    assert (first.cpu_percent, first.memory_bytes, first.bytes_per_second, first.share) == (75.0, 30 * MIB, 25.0, 0.75)
    assert (second.pid, second.cpu_percent, second.share) == (8, 5.0, 0.05)


def test_processes_are_ranked_by_what_the_metric_is_about() -> None:
    looks = {T0 + 5: [process(1, cpu=90.0, rss=MIB), process(2, rss=500 * MIB), process(3, io=2.0 * MIB)]}
    assert (
        explained({}, "memory.percent", looks=looks).processes[0]
        == explained({}, "memory.used_bytes", looks=looks).processes[0]
    )
    assert [
        explained({}, metric, looks=looks).processes[0].pid
        for metric in ("memory.percent", "disk.read_bytes_per_second")
    ] == [2, 3]
    assert explained({}, "memory.percent", looks=looks).processes[0].share == 0.5
    assert explained({}, "network.sent_bytes_per_second", looks=looks).processes[0].share is None


def test_bytes_that_nobody_told_are_not_none() -> None:
    looks = {T0 + 5: [process(1, cpu=1.0, io=None)]}
    assert explained({}, looks=looks).processes[0].bytes_per_second is None


def test_without_a_look_that_is_said() -> None:
    answer = explained({})
    assert answer.processes == [] and answer.notes[0].startswith("No look at the busiest processes")


def test_parts_are_put_together_in_order_and_the_last_word_stands() -> None:
    one = columns_of([(2000, [process(1, cpu=1.0, name="a")]), (1000, [process(2, cpu=2.0, name="b")])])
    other = columns_of([(2000, [process(3, cpu=3.0, name="b")]), (3000, [])])
    both = together([one, other])
    assert both.t.tolist() == [1000, 2000, 3000]
    assert sorted(
        zip(both.at.tolist(), both.pid.tolist(), (both.names[n] for n in both.name.tolist()), strict=True)
    ) == [(0, 2, "b"), (1, 3, "b")]
    cut = within(both, 2000, 3000)
    assert (cut.t.tolist(), cut.at.tolist(), cut.pid.tolist()) == ([2000], [0], [3])
