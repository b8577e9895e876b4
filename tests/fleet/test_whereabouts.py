"""On which hosts tasks have processes, and what each host is told to watch."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from vain.clock import utc
from vain.costs import Cost
from vain.fleet.whereabouts import MOST_NAMES, Whereabouts
from vain.types import HostResources, Resources, Task, TaskSource

T0 = 1_800_000_000.0
X, Y, Z = "1" * 32, "2" * 32, "3" * 32


def task(task_id: int = 7, host: str | None = "a", parent_id: int | None = None, **more: Any) -> Task:
    source = None if host is None else TaskSource(host=host, pid=42, kind="run")
    known = {"started_at": utc(T0), "source": source, "parent_id": parent_id, "progress": 5.0, **more}
    return Task(task_id, "train", "in-progress", "medium", utc(T0), **known)


def whereabouts(*known: tuple[Task, str | None]) -> Whereabouts:
    made = Whereabouts(lambda task_id: {}, lambda host: host != "container")
    for each, run_id in known:
        made.follow(each, run_id)
    return made


def told(known: Whereabouts, host: str) -> list[tuple[int, bool, list[str]]]:
    return [(each.task.task_id, each.is_guest, each.runs) for each in known.told(host)]


def test_where_a_name_is_seen_its_task_is_a_guest_and_the_list_of_that_host_alone_changes() -> None:
    known = whereabouts((task(), X))
    before = {host: known.list_of(host) for host in "abc"}
    known.ask("b", [Z, X])
    assert told(known, "b") == [(7, True, [X])] and told(known, "a") == [(7, False, [])]
    assert {host: known.list_of(host) - before[host] for host in "abc"} == {"a": 0, "b": 1, "c": 0}
    known.ask("b", [X])
    assert known.list_of("b") == before["b"] + 1
    assert known.has(7, "b") and not known.has(7, "c") and (known.count("a"), known.count("b")) == (1, 1)


def test_a_name_that_is_seen_before_its_task_is_known_is_found_when_it_is_seen_again() -> None:
    known = Whereabouts(lambda task_id: {})
    known.ask("b", [X])
    assert told(known, "b") == []
    known.follow(task(), X)
    known.ask("b", [X])
    assert told(known, "b") == [(7, True, [X])]


def test_at_home_a_task_is_no_guest() -> None:
    known = whereabouts((task(), X))
    known.ask("a", [X])
    assert told(known, "a") == [(7, False, [])]


def test_a_task_whose_machine_nobody_sees_is_a_guest_wherever_it_is() -> None:
    known = whereabouts((task(host="laptop"), X), (task(8, host=None), Y))
    known.ask("b", [X, Y])
    assert told(known, "b") == [(7, True, [X]), (8, True, [Y])]


def test_when_a_task_is_over_nobody_watches_it() -> None:
    known = whereabouts((task(), X))
    known.ask("b", [X])
    before = known.list_of("b")
    known.forget(7)
    assert told(known, "b") == told(known, "a") == [] and known.list_of("b") > before
    known.ask("b", [X])
    assert told(known, "b") == [] and not known.spread() and not known.has(7, "a")


def test_a_guest_is_told_its_part_here_and_nothing_that_changes_all_the_time() -> None:
    stored = Resources(
        cpu_seconds=9.0, hosts={"a": HostResources(cpu_seconds=4.0), "b": HostResources(cpu_seconds=5.0)}
    )
    known = whereabouts((task(resources=stored), X))
    before = known.list_of("b")
    (guest,) = known.told("b")
    assert guest.task.resources is not None and guest.task.resources.hosts == {"b": HostResources(cpu_seconds=5.0)}
    assert (guest.task.name, guest.task.progress) == ("-", None)
    known.follow(task(progress=6.0, resources=replace(stored, cpu_seconds=10.0)), None)
    assert known.list_of("b") == before
    known.parts = lambda task_id: {"b": Cost(1, Resources(cpu_seconds=6.0))}
    (guest,) = known.told("b")
    assert guest.task.resources is not None and guest.task.resources.hosts == {"b": HostResources(cpu_seconds=6.0)}


def test_hosts_that_are_stored_with_a_task_are_not_forgotten_by_a_restart() -> None:
    stored = Resources(hosts={"a": HostResources(cpu_seconds=4.0), "b": HostResources(cpu_seconds=5.0)})
    known = whereabouts((task(resources=stored), None))
    assert told(known, "b") == []
    known.follow(task(resources=stored), X)  # its name came later, from another server
    assert told(known, "b") == [(7, True, [X])] and told(known, "a") == [(7, False, [])]


def test_another_attempt_is_told_anew() -> None:
    known = whereabouts((task(), X))
    known.ask("b", [X])
    before = known.list_of("b")
    known.follow(task(attempt=2), None)
    assert known.list_of("b") > before and known.told("b")[0].task.attempt == 2


def test_a_task_that_moves_leaves_its_home() -> None:
    known = whereabouts((task(), X))
    assert known.follow(task(host="c"), None) == "a"
    assert told(known, "a") == [] and told(known, "c") == [(7, False, [])]
    assert known.follow(task(host="c"), None) is None


def test_what_a_task_within_another_has_elsewhere_is_the_outer_ones_as_well() -> None:
    known = whereabouts((task(1), X), (task(2, parent_id=1), Y), (task(3, parent_id=2), Z))
    known.ask("b", [Z])
    assert told(known, "b") == [(3, True, [Z]), (2, True, [Z]), (1, True, [Z])]


def test_an_inner_task_that_goes_back_to_the_outer_ones_home_counts_there() -> None:
    known = whereabouts((task(1), X), (task(2, host="b", parent_id=1), Y))
    known.ask("b", [X])  # the process of the inner one carries the outer one's name
    known.ask("a", [Y])
    assert told(known, "a") == [(1, False, [Y]), (2, True, [Y])]
    assert told(known, "b") == [(2, False, []), (1, True, [X])]


def test_a_parent_of_which_the_child_is_no_process_is_not_charged_for_it() -> None:
    known = whereabouts((task(1, host="scheduler"), X), (task(2, parent_id=1), Y))
    known.ask("b", [Y])
    assert told(known, "b") == [(2, True, [Y])]
    known.ask("a", [X])  # now it turns out that the outer one has a process where the inner one is
    assert told(known, "b") == [(2, True, [Y]), (1, True, [Y])]


def test_tasks_that_lie_within_each_other_are_asked_about_once() -> None:
    known = whereabouts((task(1, parent_id=2), X), (task(2, parent_id=1), Y))
    known.ask("b", [X])
    assert told(known, "b") == [(1, True, [X]), (2, True, [X])]


def test_the_names_of_a_task_are_bounded_and_the_newest_stay() -> None:
    known = whereabouts((task(1), X))
    for number in range(MOST_NAMES + 50):
        known.follow(task(2, parent_id=1), f"{number:032x}")
        known.ask("b", [f"{number:032x}"])
        known.forget(2)
    ((_, _, names),) = told(known, "b")
    assert len(names) == MOST_NAMES and names[-1] == f"{MOST_NAMES + 49:032x}"


def test_who_wants_to_know_hears_of_each_new_place() -> None:
    known, heard = whereabouts((task(), X)), list[tuple[int, str]]()
    known.on_added = lambda each, host: heard.append((each.task_id, host))
    known.ask("b", [X])
    known.ask("b", [X])
    assert heard == [(7, "b")]


def test_a_machine_that_is_looked_at_under_two_names_is_charged_once() -> None:
    def source(host: str) -> TaskSource:
        return TaskSource(host=host, pid=42, boot_id="boot-1")

    known = whereabouts((task(source=source("a")), X), (task(8, source=source("container")), Y))
    known.ask("b", [X, Y], "boot-1")
    assert told(known, "b") == [(8, True, [Y])], "nobody looks at the container under its own name"
    known.ask("c", [X], "boot-2")
    assert told(known, "c") == [(7, True, [X])]
