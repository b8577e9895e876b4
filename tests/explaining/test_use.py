"""Samples of tasks added up, across gaps and nested."""

from __future__ import annotations

import numpy as np
import pytest

from tests.explaining.worlds import MIB, T0, ran, use, used
from vain.explaining.use import Thinned, exclusive, lengths, on_host, sums_of, totals_of
from vain.types import HostResources, Resources


def test_a_sample_stands_for_the_time_since_the_one_before_but_not_across_a_gap() -> None:
    t = np.array([10.0, 11.0, 12.0, 14.0, 500.0, 501.0])
    assert lengths(t).tolist() == [1, 1, 1, 2, 1, 1]
    assert lengths(np.empty(0)).tolist() == []


def test_what_is_not_known_is_not_nothing() -> None:
    sums = sums_of(use(cpu=50, gpu=np.nan))
    assert (sums.cpu_seconds, sums.gpu_seconds, sums.seconds) == (50.0, None, 100.0)


def test_a_child_in_the_same_process_leaves_nothing_to_its_parent() -> None:
    left = exclusive(
        {1: use(cpu=50), 2: use(cpu=50)}, {1: ran(1, process=("a", 1)), 2: ran(2, parent_id=1, process=("a", 1))}
    )
    assert (left[1].cpu.max(), left[2].cpu.min()) == (0, 50)


def test_a_child_that_ran_for_a_part_is_taken_off_there_only() -> None:
    left = exclusive({1: use(cpu=50), 2: use(cpu=30, seconds=20, begin=T0 + 10)}, {1: ran(1), 2: ran(2, parent_id=1)})
    assert left[1].cpu[[5, 15, 35]].tolist() == [50, 20, 50]
    assert left[1].cpu.sum() == 50 * 100 - 30 * 20


def test_a_ring_of_parents_ends() -> None:
    uses = {1: use(cpu=10), 2: use(cpu=10)}
    assert exclusive(uses, {1: ran(1, parent_id=2), 2: ran(2, parent_id=1)}).keys() == {1, 2}


def test_the_samples_that_were_read_are_not_changed() -> None:
    uses = {1: use(cpu=50), 2: use(cpu=50)}
    exclusive(uses, {1: ran(1), 2: ran(2, parent_id=1)})
    assert uses[1].cpu.min() == 50


def test_totals_of_children_are_not_their_parents() -> None:
    parent = ran(1, started=T0, ended=T0 + 10, resources=used(cpu_seconds=9.0, written_bytes=5 * MIB))
    child = ran(2, started=T0, ended=T0 + 5, resources=used(cpu_seconds=4.0))
    sums = totals_of(parent, T0, T0 + 100, [child])
    assert (sums.cpu_seconds, sums.written, sums.read) == (5.0, 5 * MIB, None)
    assert totals_of(ran(3), T0, T0 + 1, []).cpu_seconds is None


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_hours_that_stand_for_others_count_for_them(scale: float) -> None:
    assert sums_of(use(cpu=100), Thinned(scale)).cpu_seconds == 100 * scale


A = HostResources(cpu_seconds=4.0)
B = HostResources(cpu_seconds=6.0)
SPREAD = Resources(cpu_seconds=10.0, hosts={"a": A, "b": B})


@pytest.mark.parametrize(
    ("host", "resources", "is_guest"),
    [("a", A, False), ("b", B, True), ("c", None, None)],
    ids=["home", "guest", "not"],
)
def test_of_a_task_on_several_hosts_each_has_its_part(
    host: str, resources: HostResources | None, is_guest: bool | None
) -> None:
    found = on_host(ran(1, process=("a", 42), resources=SPREAD), host, host.__eq__)
    assert (found and found.resources, found and found.is_guest) == (resources, is_guest)


def test_of_a_task_on_one_host_only_its_home_has_it() -> None:
    task = ran(1, process=("a", 42), resources=Resources(cpu_seconds=10.0))
    assert on_host(task, "a", "a".__eq__) is task and on_host(task, "b", "b".__eq__) is None


def test_the_servers_machine_has_what_nobody_else_sees_and_its_part_of_the_rest() -> None:
    def is_here(home: str | None) -> bool:
        return home not in ("a", "b")

    laptop = ran(1, process=("laptop", 42), resources=Resources(hosts={"b": B}))
    found = on_host(laptop, "server", is_here)
    assert found is not None and (found.resources, found.is_guest) == (None, False)
    guest = on_host(ran(1, process=None, resources=Resources(hosts={"server": A})), "server", is_here)
    assert guest is not None and (guest.resources, guest.is_guest) == (A, True)
    assert on_host(ran(1, process=("a", 42), resources=SPREAD), "server", is_here) is None


def test_guests_of_one_process_elsewhere_have_processes_of_their_own_here() -> None:
    process, uses = ("a", 42), {1: use(cpu=50), 2: use(cpu=30)}
    here = {number: ran(number, process=process, is_guest=True) for number in uses}
    assert [float(exclusive(uses, here)[number].cpu[0]) for number in uses] == [50.0, 30.0]
    home = {number: ran(number, process=process) for number in uses}
    assert [float(exclusive(uses, home)[number].cpu[0]) for number in uses] == [25.0, 15.0]
