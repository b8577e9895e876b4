"""The watch over the processes of tasks, with trees that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from vain.accounting import Look, Watched
from vain.clock import utc
from vain.samples import Attribution, Sample
from vain.types import HostResources, Resources, Task, TaskSource
from vain.watch import AGAIN_SECONDS, GONE_SECONDS, Watch

HERE, BOOT = "here", "boot-1"
T0 = 1_800_000_000.0
SAMPLE = Sample(1.0, 2.0, 3.0, 4.0, utc(T0), HERE, period_seconds=1.0)


class Trees:
    """Finds every process with the same figures, but for what a test sets."""

    def __init__(self) -> None:
        self.figures: dict[int, dict[str, Any]] = {}
        self.asked: list[Watched] = []
        self.strangers: list[str] | None = None

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        self.asked = list(watched)
        looks = [
            Look(**{"key": w.key, "alive": True, "cpu_percent": 50.0, **self.figures.get(w.key, {})}) for w in watched
        ]
        return looks, Attribution(cpu_share=0.5) if watched else None

    def busiest(self) -> None: ...

    def take_strangers(self) -> list[str] | None:
        strangers, self.strangers = self.strangers, None
        return strangers

    def close(self) -> None: ...


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.trees = Trees()
        self.gone: list[tuple[int, int, str, int | None]] = []
        self.watch = Watch(self.trees, HERE, BOOT, lambda *run: self.gone.append(run), lambda: self.now)

    def look(self, seconds: float = 1.0) -> tuple[Sample, Any]:
        self.now += seconds
        return self.watch.look(SAMPLE)


def task(number: int = 7, began: float = T0, **source: Any) -> Task:
    known = {"host": HERE, "pid": 12, "pid_started_at": utc(began), "boot_id": BOOT, "kind": "python", **source}
    return Task(number, "x", "in-progress", "medium", utc(T0), started_at=utc(T0), source=TaskSource(**known))


def test_only_tasks_of_this_machine_and_boot_are_watched() -> None:
    bench = Bench()
    for number, source in enumerate(({}, {"host": "there"}, {"boot_id": "boot-0"}, {"pid": None}), start=1):
        bench.watch.follow(task(number, **source), None)
    bench.look()
    assert [watched.key for watched in bench.trees.asked] == [1]


def test_what_is_used_is_in_the_costs_the_series_and_the_sample() -> None:
    bench = Bench()
    bench.watch.follow(replace(task(), progress=40.0), "run")
    bench.trees.figures[7] = {"cpu_seconds": 3.0, "rss_bytes": 500, "threads": 2}
    sample, used = bench.look()
    assert bench.watch.costs[7].resources.cpu_seconds == 3.0
    assert used[7]["task.cpu_percent"] == 50.0 and used[7]["task.progress_percent"] == 40.0
    assert used[7]["task.memory_bytes"] == 500 and used[7]["task.gpu_percent"] is None
    assert sample.attribution is not None and sample.attribution.cpu_share == 0.5
    assert [(use.task_id, use.rss_peak_bytes) for use in sample.attribution.tasks] == [(7, 500)]


def test_without_tasks_nothing_is_attributed() -> None:
    sample, used = Bench().look()
    assert sample.attribution is None and used == {}


def test_a_process_that_is_gone_is_told_once_after_its_grace() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.look()
    bench.trees.figures[7] = {"alive": False, "exit_code": 3}
    bench.look()
    bench.trees.figures[7] = {"alive": False}
    for _ in range(int(GONE_SECONDS) - 1):
        bench.look()
        assert bench.gone == []
    bench.look()
    bench.look()
    assert bench.gone == [(7, 1, "python", 3)]


def test_who_is_still_followed_is_told_of_again_since_the_store_may_have_refused() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.trees.figures[7] = {"alive": False}
    for _ in range(1 + int(GONE_SECONDS + AGAIN_SECONDS)):
        bench.look()
    assert bench.gone == [(7, 1, "python", None)] * 2
    bench.watch.forget(7)
    bench.look(2 * AGAIN_SECONDS)
    assert len(bench.gone) == 2


def test_a_look_that_failed_costs_no_totals() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.trees.figures[7] = {"cpu_seconds": 3.0, "rss_bytes": 500, "read_bytes": 9}
    bench.look()
    bench.trees.figures[7] = {"alive": None, "cpu_percent": None}
    bench.look()
    cost = bench.watch.costs[7].resources
    assert (cost.cpu_seconds, cost.read_bytes, cost.rss_peak_bytes, cost.rss_bytes) == (3.0, 9, 500, None)


def test_a_process_that_cannot_be_told_of_is_not_gone() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.trees.figures[7] = {"alive": None}
    for _ in range(60):
        bench.look()
    assert bench.gone == []


def test_the_last_figures_of_a_process_that_is_gone_stay() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.trees.figures[7] = {"cpu_seconds": 3.0, "rss_bytes": 5}
    bench.look()
    bench.trees.figures[7] = {"alive": False, "cpu_percent": None}
    _, used = bench.look()
    assert bench.watch.costs[7].resources.cpu_seconds == 3.0 and used == {}


def test_what_ends_is_forgotten() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.look()
    bench.watch.follow(replace(task(), status="completed"), None)
    _, used = bench.look()
    assert (bench.watch.costs, used, bench.trees.asked) == ({}, {}, [])


def test_a_process_of_the_tasks_own_counts_whole_and_an_older_one_from_now() -> None:
    bench = Bench()
    bench.watch.follow(task(1, began=T0 - 1), None)
    bench.watch.follow(task(2, began=T0 - 3_600), None)
    bench.look()
    assert [watched.whole for watched in bench.trees.asked] == [True, False]
    assert bench.watch.costs[1].resources.since is None
    assert bench.watch.costs[2].resources.since == SAMPLE.timestamp


def test_only_the_first_task_of_a_process_has_what_it_used_before() -> None:
    bench = Bench()
    for number, pid in ((1, 12), (2, 12), (3, 13)):
        bench.watch.follow(task(number, began=T0 - 2, pid=pid), None)
    bench.watch.forget(1)
    bench.watch.follow(task(4, began=T0 - 2), None)
    bench.watch.follow(task(3, began=T0 - 2, pid=13), None)
    bench.look()
    assert {watched.key: watched.whole for watched in bench.trees.asked} == {2: False, 3: True, 4: False}


def test_costs_from_before_a_restart_go_on() -> None:
    bench = Bench()
    earlier = Resources(cpu_seconds=10.0, since=utc(T0))
    bench.watch.follow(replace(task(began=T0 - 3_600), resources=earlier), "run")
    bench.trees.figures[7] = {"cpu_seconds": 1.0}
    bench.look()
    saved = replace(task(began=T0 - 3_600), resources=bench.watch.costs[7].resources)
    bench.watch.follow(saved, None)
    bench.look()
    assert bench.watch.costs[7].resources.cpu_seconds == 11.0
    assert bench.trees.asked[0].run_id == "run", "the name of a run stays known"


def test_another_attempt_begins_anew() -> None:
    bench = Bench()
    bench.watch.follow(task(), None)
    bench.trees.figures[7] = {"cpu_seconds": 5.0, "rss_bytes": 900}
    bench.look()
    bench.watch.follow(replace(task(), attempt=2), None)
    bench.trees.figures[7] = {"cpu_seconds": 1.0, "rss_bytes": 100}
    bench.look()
    cost = bench.watch.costs[7]
    assert (cost.attempt, cost.resources.cpu_seconds, cost.resources.rss_peak_bytes) == (2, 1.0, 100)


AWAY = "there"


def test_what_a_task_of_another_machine_has_here_is_its_part_here() -> None:
    bench = Bench()
    bench.watch.attend(replace(task(host=AWAY), progress=40.0), ["a" * 32])
    bench.trees.figures[7] = {"alive": None, "cpu_seconds": 3.0, "rss_bytes": 500, "processes": 2}
    sample, used = bench.look()
    (watched,) = bench.trees.asked
    assert (watched.pid, watched.names, watched.whole) == (None, ("a" * 32,), True)
    cost = bench.watch.costs[7].resources
    assert (cost.cpu_seconds, cost.rss_bytes, cost.since) == (3.0, 500, None)
    assert used[7]["task.memory_bytes"] == 500 and used[7]["task.progress_percent"] is None
    assert sample.attribution is not None and [use.task_id for use in sample.attribution.tasks] == [7]


def test_a_guest_that_has_nobody_here_costs_nothing_and_has_no_series() -> None:
    bench = Bench()
    bench.watch.attend(task(host=AWAY), ["a" * 32])
    bench.trees.figures[7] = {"alive": None, "cpu_percent": None}
    sample, used = bench.look()
    assert bench.watch.costs == {} and used == {} and not sample.attribution.tasks  # type: ignore[union-attr]


def test_a_guest_never_ends_a_task_and_is_over_with_it() -> None:
    bench = Bench()
    bench.watch.attend(task(host=AWAY), ["a" * 32])
    bench.trees.figures[7] = {"alive": None, "cpu_seconds": 3.0, "processes": 0, "cpu_percent": None}
    for _ in range(100):
        _, used = bench.look()
    assert bench.gone == [] and used == {} and bench.watch.costs[7].resources.cpu_seconds == 3.0
    bench.watch.follow(task(host=AWAY), None)  # it changed, and is still a guest
    assert bench.look() and bench.watch.costs
    bench.watch.forget(7)
    bench.look()
    assert bench.watch.costs == {}


def test_an_earlier_watch_of_a_guest_counts_as_far_as_its_processes_are_gone() -> None:
    bench = Bench()
    stored = Resources(
        cpu_seconds=30.0, hosts={AWAY: HostResources(cpu_seconds=20.0), HERE: HostResources(cpu_seconds=10.0)}
    )
    bench.watch.attend(replace(task(host=AWAY), resources=stored), ["a" * 32])
    for cpu_seconds, total in ((6.0, 10.0), (8.0, 12.0), (9.0, 13.0)):
        bench.trees.figures[7] = {"alive": None, "cpu_seconds": cpu_seconds, "processes": 1}
        bench.look()
        assert bench.watch.costs[7].resources.cpu_seconds == total
        bench.watch.attend(replace(task(host=AWAY), resources=stored), ["a" * 32, "b" * 32])


def test_at_home_the_part_of_this_machine_counts_on_and_not_the_whole() -> None:
    bench = Bench()
    stored = Resources(
        cpu_seconds=30.0, hosts={AWAY: HostResources(cpu_seconds=20.0), HERE: HostResources(cpu_seconds=10.0)}
    )
    bench.watch.follow(replace(task(began=T0 - 3_600), resources=stored), None)
    bench.trees.figures[7] = {"cpu_seconds": 1.0}
    bench.look()
    assert bench.watch.costs[7].resources.cpu_seconds == 11.0


def test_a_guest_that_comes_home_counts_on() -> None:
    bench = Bench()
    bench.watch.attend(task(host=AWAY), ["a" * 32])
    bench.trees.figures[7] = {"alive": None, "cpu_seconds": 3.0, "processes": 1}
    bench.look()
    bench.watch.follow(replace(task(), resources=Resources(cpu_seconds=3.0)), "a" * 32, ["b" * 32])
    bench.trees.figures[7] = {"cpu_seconds": 4.0, "processes": 1}
    bench.look()
    assert bench.watch.costs[7].resources.cpu_seconds == 4.0
    assert [(each.pid, each.names) for each in bench.trees.asked] == [(12, ("a" * 32, "b" * 32))]


def test_strangers_are_told_once_each_time_that_all_processes_were_looked_at() -> None:
    bench = Bench()
    assert bench.watch.take_strangers() == []
    bench.trees.strangers = ["a" * 32]
    bench.watch.busiest()
    bench.watch.busiest()
    assert bench.watch.take_strangers() == ["a" * 32] and bench.watch.take_strangers() == []


def test_a_task_whose_process_goes_on_elsewhere_is_a_guest_and_is_not_gone_here() -> None:
    bench = Bench()
    bench.watch.follow(task(began=T0 - 3_600), "a" * 32)
    bench.trees.figures[7] = {"cpu_seconds": 3.0, "processes": 1}
    bench.look()
    bench.watch.attend(replace(task(host=AWAY), resources=Resources(cpu_seconds=3.0)), ["a" * 32])
    bench.trees.figures[7] = {"alive": None, "cpu_seconds": 4.0, "processes": 1}
    for _ in range(10):
        bench.look()
    assert [each.pid for each in bench.trees.asked] == [None] and bench.gone == []
    assert bench.watch.costs[7].resources.cpu_seconds == 4.0
