"""A task whose processes are on several hosts: what it costs in all, at a server with its own machine and agents."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.fleet.reports import AGENT, T0, report
from tests.store.opened import Opened, with_store
from vain.accounting import Look, Watched
from vain.arrivals import Report
from vain.clock import utc
from vain.codec import decode
from vain.costs import part_of
from vain.fleet.everywhere import Everywhere
from vain.fleet.fleet import Fleet
from vain.hosts import Gone, HostCost, Taken, WatchedTask
from vain.marks import ServerMarks
from vain.samples import Attribution, Sample
from vain.store.metrics.sqlite_archive import FolderArchives
from vain.tracker import Tracker
from vain.types import HostResources, Resources, Task, TaskDraft, TaskPatch, TaskSource, Usage
from vain.vigil import FIRST_COSTS_SECONDS, Vigil
from vain.watch import Watch

OWN, X, Y = "server-1", "1" * 32, "2" * 32
SAMPLE = Sample(1.0, 2.0, 3.0, 4.0, utc(T0), OWN, period_seconds=1.0)


class Trees:
    """Of each watched task what a test says, and the names that it says are carried here."""

    def __init__(self) -> None:
        self.figures: dict[int, dict[str, Any]] = {}
        self.strangers: list[str] = []
        self.asked: list[Watched] = []

    def look(self, watched: Sequence[Watched]) -> tuple[list[Look], Attribution | None]:
        self.asked = list(watched)
        return [Look(**{"key": each.key, "alive": None, **self.figures.get(each.key, {})}) for each in watched], None

    def busiest(self) -> None: ...

    def take_strangers(self) -> list[str]:
        known = {name for each in self.asked for name in each.names}
        return [name for name in self.strangers if name not in known]

    def close(self) -> None: ...


class Agent:
    """The agent of a host: what it is told, and what it says."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.bench, self.name, self.session, self.list = bench, name, "", 0
        self.tasks: dict[int, WatchedTask] = {}

    async def say(self, runs: Sequence[str] = (), costs: dict[int, Resources] | None = None, **more: Any) -> Taken:
        told = {task_id: HostCost(1, resources) for task_id, resources in (costs or {}).items()}
        known = {"watching": self.list, "costs": told, "runs": list(runs), "agent": AGENT, **more}
        taken = await self.bench.fleet.take(self.name, report(self.session or None, **known), self.bench.vigil)
        self.session, self.list = taken.session, taken.watching
        if taken.tasks is not None:
            self.tasks = {each.task.task_id: each for each in taken.tasks}
        return taken


class Bench:
    """A server's parts, whose clocks go together."""

    def __init__(self, made: Opened, seconds: float = 0.0) -> None:
        self.seconds, self.trees = seconds, Trees()
        clocks: dict[str, Any] = {"monotonic": lambda: 500.0 + self.seconds, "wall": lambda: T0 + self.seconds}
        self.fleet = Fleet(made.store, FolderArchives(made.folder), OWN, **clocks)
        self.here = Watch(self.trees, OWN, None, lambda *run: None, clocks["monotonic"])
        self.everywhere = Everywhere(self.here, self.fleet)
        self.tracker = Tracker(made.store, lambda: utc(T0 + self.seconds), ServerMarks(self.everywhere.all_costs))
        self.vigil = Vigil(self.tracker, self.everywhere, **clocks)

    async def make(self, host: str | None = "gpu-1", run_id: str = X, parent_run: str | None = None) -> int:
        source = None if host is None else TaskSource(host=host, pid=42, kind="run")
        draft = TaskDraft(name="train", status="in-progress", source=source)
        return (await self.tracker.create(draft, report=Report(run_id=run_id, parent_run=parent_run))).task_id

    async def task(self, task_id: int) -> Task:
        return decode(Task, (await self.tracker.get(task_id)).body)

    async def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.seconds += 1
            self.here.look(SAMPLE)
            self.here.busiest()
            self.everywhere.take_look()
            await self.vigil.sweep()
            await self.fleet.sweep()

    async def spent(self, task_id: int) -> tuple[float | None, dict[str, float | None]]:
        """CPU seconds in all and by host, as they are stored after a while."""
        await self.pass_time(61)
        resources = (await self.task(task_id)).resources or Resources()
        return resources.cpu_seconds, {name: part.cpu_seconds for name, part in (resources.hosts or {}).items()}


def with_bench(folder: Path, *lives: Callable[[Bench], Awaitable[None]]) -> None:
    """Each life is a server of its own, over what the one before left."""
    passed = 0.0
    for work in lives:
        passed = with_store(folder, partial(live, work, passed))


async def live(work: Callable[[Bench], Awaitable[None]], passed: float, made: Opened) -> float:
    bench = Bench(made, passed)
    await bench.fleet.start()
    await bench.vigil.start()
    try:
        await work(bench)
    finally:
        await bench.vigil.close()
        await bench.fleet.close()
    return bench.seconds


def test_what_other_hosts_and_the_servers_own_machine_used_is_the_tasks(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await home.say(costs={})
        await home.say(costs={task_id: Resources(cpu_seconds=4.0, rss_bytes=100)})
        taken = await other.say([X])
        assert [(each.task.task_id, each.is_guest) for each in taken.tasks or ()] == [(task_id, True)]
        await other.say(costs={task_id: Resources(cpu_seconds=2.0, rss_bytes=50)})
        bench.trees.strangers = [X]
        bench.trees.figures[task_id] = {"cpu_seconds": 1.0, "rss_bytes": 5, "processes": 1}
        assert await bench.spent(task_id) == (7.0, {"gpu-1": 4.0, "gpu-2": 2.0, OWN: 1.0})

    with_bench(tmp_path, work)


def test_a_new_host_is_stored_within_seconds(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await home.say()
        await home.say(costs={task_id: Resources(cpu_seconds=4.0)})
        await bench.pass_time(FIRST_COSTS_SECONDS + 1)
        assert (await bench.task(task_id)).resources == Resources(cpu_seconds=4.0)
        await other.say([X])
        await other.say(costs={task_id: Resources(cpu_seconds=2.0)})
        await bench.pass_time(FIRST_COSTS_SECONDS + 1)
        assert ((await bench.task(task_id)).resources or Resources()).cpu_seconds == 6.0

    with_bench(tmp_path, work)


def test_costs_of_a_task_that_is_no_guest_there_do_not_count(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await home.say(costs={task_id: Resources(cpu_seconds=4.0)})
        await other.say(["f" * 32], costs={task_id: Resources(cpu_seconds=99.0)})
        assert await bench.spent(task_id) == (4.0, {})

    with_bench(tmp_path, work)


def test_only_its_home_ends_a_task_and_what_all_hosts_used_stays_with_it(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await home.say(costs={task_id: Resources(cpu_seconds=4.0, cpu_percent=9.0)})
        await other.say([X])
        await other.say(costs={task_id: Resources(cpu_seconds=2.0, cpu_percent=1.0)}, gone=[Gone(task_id, 1, "run")])
        await bench.pass_time(3)
        assert (await bench.task(task_id)).status == "in-progress"
        patch = TaskPatch(status="completed", usage=Usage(cpu_seconds=4.5))
        await bench.tracker.update(task_id, patch)
        resources = (await bench.task(task_id)).resources
        assert resources is not None and (resources.cpu_seconds, resources.cpu_percent) == (6.5, None)
        parts = {name: part.cpu_seconds for name, part in (resources.hosts or {}).items()}
        assert parts == {"gpu-1": 4.5, "gpu-2": 2.0}
        assert (await other.say()).tasks == [] and (await home.say()).tasks == []
        await other.say(costs={task_id: Resources(cpu_seconds=50.0)})
        assert not bench.everywhere.all_costs and (await bench.task(task_id)).resources == resources

    with_bench(tmp_path, work)


def test_a_task_whose_machine_has_no_agent_is_charged_for_what_others_see(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, other = await bench.make(host="laptop"), Agent(bench, "gpu-2")
        await other.say([X])
        await other.say(costs={task_id: Resources(cpu_seconds=2.0)})
        assert await bench.spent(task_id) == (2.0, {"gpu-2": 2.0})
        await bench.tracker.update(task_id, TaskPatch(status="completed", usage=Usage(cpu_seconds=1.0)))
        resources = (await bench.task(task_id)).resources
        assert resources is not None and resources.cpu_seconds == 3.0

    with_bench(tmp_path, work)


def test_a_host_that_falls_silent_keeps_what_it_used_and_uses_nothing_now(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await other.say([X])
        await other.say(costs={task_id: Resources(cpu_seconds=2.0, rss_bytes=50, rss_peak_bytes=70)})
        for _ in range(2):
            await home.say(costs={task_id: Resources(cpu_seconds=4.0, rss_bytes=100, rss_peak_bytes=100)})
            await bench.pass_time(61)
        resources = (await bench.task(task_id)).resources
        assert resources is not None and (resources.cpu_seconds, resources.rss_bytes) == (6.0, 100)
        await home.say(costs={task_id: Resources(cpu_seconds=5.0, rss_bytes=90, rss_peak_bytes=100)})
        await bench.pass_time(59)
        resources = (await bench.task(task_id)).resources
        assert resources is not None and (resources.cpu_seconds, resources.rss_bytes) == (7.0, 90)
        assert (resources.hosts or {})["gpu-2"] == HostResources(cpu_seconds=2.0, rss_peak_bytes=70)
        assert resources.rss_peak_bytes == 150, "both were heard then"

    with_bench(tmp_path, work)


def test_a_restart_of_the_server_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    async def before(bench: Bench) -> None:
        task_id, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        await home.say(costs={task_id: Resources(cpu_seconds=4.0)})
        await other.say([X])
        await other.say(costs={task_id: Resources(cpu_seconds=2.0)})
        bench.trees.strangers, bench.trees.figures[task_id] = [X], {"cpu_seconds": 1.0, "processes": 1}
        assert (await bench.spent(task_id))[0] == 7.0

    async def after(bench: Bench) -> None:
        task_id, other = 1, Agent(bench, "gpu-2")
        bench.trees.figures[task_id] = {"cpu_seconds": 1.5, "processes": 1}
        assert await bench.spent(task_id) == (7.5, {"gpu-1": 4.0, "gpu-2": 2.0, OWN: 1.5}), "nobody has reported yet"
        taken = await other.say(costs={task_id: Resources(cpu_seconds=3.0)})  # the agent lived on, and watches still
        (guest,) = taken.tasks or ()
        assert guest.is_guest and guest.runs == [X]
        assert part_of(guest.task.resources, "gpu-1", "gpu-2") == HostResources(cpu_seconds=3.0), "the newest"
        home = Agent(bench, "gpu-1")
        taken = await home.say(costs={task_id: Resources(cpu_seconds=6.0)})
        assert taken.tasks is not None and taken.tasks[0].task.resources == Resources(cpu_seconds=4.0)
        assert await bench.spent(task_id) == (10.5, {"gpu-1": 6.0, "gpu-2": 3.0, OWN: 1.5})

    with_bench(tmp_path, before, after)


def test_a_task_within_the_task_counts_in_both_as_on_one_host(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        outer, home, other = await bench.make(), Agent(bench, "gpu-1"), Agent(bench, "gpu-2")
        inner = await bench.make(host="gpu-2", run_id=Y, parent_run=X)
        assert (await bench.task(inner)).parent_id == outer
        await home.say()
        await other.say([X])
        assert {task_id: each.is_guest for task_id, each in other.tasks.items()} == {inner: False, outer: True}
        await other.say(costs={inner: Resources(cpu_seconds=2.0), outer: Resources(cpu_seconds=3.0)})
        await home.say(costs={outer: Resources(cpu_seconds=1.0)})
        assert await bench.spent(outer) == (4.0, {"gpu-1": 1.0, "gpu-2": 3.0})
        assert await bench.spent(inner) == (2.0, {})

    with_bench(tmp_path, work)


def test_what_another_server_sees_of_a_host_counts_until_it_tells_nothing_any_more(tmp_path: Path) -> None:
    """Two servers over one store: the home reports to one, the guest to the other."""

    async def work(bench: Bench) -> None:
        task_id, home = await bench.make(), Agent(bench, "gpu-1")
        await home.say(costs={task_id: Resources(cpu_seconds=4.0)})
        their = Fleet(bench.fleet._store, bench.fleet._archives, "server-2")
        theirs = Everywhere(Watch(Trees(), "server-2", None, lambda *run: None), their)
        theirs.follow(await bench.task(task_id), X)
        their.whereabouts.ask("gpu-2", [X])
        their.parts.take(task_id, "gpu-2", bench.fleet.parts.of(task_id)["gpu-1"])
        bench.everywhere.parts_heard({"2": theirs.parts_told()})
        theirs.parts_heard({"1": bench.everywhere.parts_told()})
        assert theirs.all_costs[task_id] == bench.everywhere.all_costs[task_id]
        assert await bench.spent(task_id) == (8.0, {"gpu-1": 4.0, "gpu-2": 4.0})
        bench.everywhere.parts_heard({})
        assert await bench.spent(task_id) == (8.0, {"gpu-1": 4.0, "gpu-2": 4.0}), "it is stored"
        await asyncio.to_thread(their._threads.shutdown)

    with_bench(tmp_path, work)


def test_an_old_agent_that_asks_nothing_goes_on_as_before(tmp_path: Path) -> None:
    async def work(bench: Bench) -> None:
        task_id, home = await bench.make(), Agent(bench, "gpu-1")
        await home.say(costs={task_id: Resources(cpu_seconds=4.0)})
        assert await bench.spent(task_id) == (4.0, {})

    with_bench(tmp_path, work)
