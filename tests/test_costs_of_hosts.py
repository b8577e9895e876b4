"""What a task has used on several hosts: the whole, its parts, and what is known of neither."""

from __future__ import annotations

from typing import Any

import pytest

from vain.accounting import Look
from vain.codec import decode, encode
from vain.costs import ended, gone_before, only_part, part_of, parts_of, renewed, whole_of, with_look, with_usage
from vain.types import HostResources, Resources, Usage

A = HostResources(
    cpu_seconds=10.0, cpu_percent=100.0, cpu_percent_peak=150.0, rss_bytes=500, rss_peak_bytes=900, threads=2,
    processes=1, read_bytes=7, basis={"cpu": "tree", "memory": "pss", "io": "proc-io"},
)  # fmt: skip
B = HostResources(
    cpu_seconds=5.5, cpu_percent=50.0, cpu_percent_peak=60.0, rss_bytes=300, rss_peak_bytes=300, threads=8,
    processes=4, gpu_memory_bytes=11, basis={"cpu": "tree", "memory": "rss", "gpu": "nvml"},
)  # fmt: skip


def whole(*earlier: Resources | None, home: str = "a", **parts: HostResources) -> Resources:
    found = whole_of(parts, home, earlier)
    assert found is not None
    return found


def test_figures_are_summed_and_the_parts_stand_beside_them() -> None:
    both = whole(b=B, a=A)
    assert (both.cpu_seconds, both.cpu_percent, both.rss_bytes, both.threads, both.processes) == (
        15.5,
        150.0,
        800,
        10,
        5,
    )
    assert both.hosts == {"a": A, "b": B} and list(both.hosts) == ["a", "b"]


def test_of_one_host_at_home_nothing_is_said_of_hosts() -> None:
    own = Resources(cpu_seconds=10.0)
    assert whole(a=own) is own and whole(a=A).hosts is None
    assert whole_of({}, "a") is None


def test_a_task_that_is_seen_elsewhere_only_says_where() -> None:
    found = whole(b=B)
    assert (found.cpu_seconds, found.hosts) == (5.5, {"b": B})
    assert whole_of({"b": B}, None) == found


def test_what_is_known_of_some_is_summed_and_the_basis_says_of_how_many() -> None:
    both = whole(a=A, b=B)
    assert (both.read_bytes, both.gpu_memory_bytes, both.gpu_percent, both.written_bytes) == (7, 11, None, None)
    assert both.basis == {
        "cpu": "tree", "memory": "pss, rss", "io": "proc-io (1 of 2 hosts)", "gpu": "nvml (1 of 2 hosts)"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("earlier", "rss", "cpu"),
    [
        ([], 900, 150.0),
        ([Resources(rss_peak_bytes=1_000)], 1_000, 150.0),
        ([None, Resources(cpu_percent_peak=170.0)], 900, 170.0),
    ],
)
def test_a_peak_is_the_largest_of_one_host_of_now_and_of_what_was_found_before(
    earlier: list[Resources | None], rss: int, cpu: float
) -> None:
    both = whole(*earlier, a=A, b=B)
    assert (both.rss_peak_bytes, both.cpu_percent_peak) == (rss, cpu)


def test_a_peak_is_the_sum_of_now_where_that_is_more_than_any_host_ever_had() -> None:
    assert whole(a=A, b=HostResources(rss_bytes=600, rss_peak_bytes=700)).rss_peak_bytes == 1_100


def test_what_a_host_has_used_stays_when_it_tells_nothing_any_more() -> None:
    stored = whole(a=A, b=B)
    now = renewed(stored, Resources(cpu_seconds=11.0, cpu_percent=90.0, rss_bytes=400, rss_peak_bytes=900), "a")
    assert (now.cpu_seconds, now.cpu_percent, now.rss_bytes, now.processes) == (16.5, 90.0, 400, None)
    assert now.hosts is not None and now.hosts["b"] == HostResources(
        cpu_seconds=5.5, cpu_percent_peak=60.0, rss_peak_bytes=300, basis=B.basis
    )
    assert now.rss_peak_bytes == 900


def test_of_one_host_what_is_known_now_takes_the_place_of_what_is_stored() -> None:
    now = Resources(cpu_seconds=1.0)
    assert renewed(Resources(cpu_seconds=9.0), now, "a") is now


def test_a_second_host_finds_what_was_stored_at_home() -> None:
    now = renewed(Resources(cpu_seconds=9.0, cpu_percent=10.0), whole(b=B), "a")
    assert now.cpu_seconds == 14.5 and now.cpu_percent == 50.0
    assert now.hosts == {"a": HostResources(cpu_seconds=9.0), "b": B}


def test_a_host_is_told_its_own_part_alone() -> None:
    both = whole(a=A, b=B)
    at_home, away = (only_part(part_of(both, "a", host), "a", host) for host in "ab")
    assert at_home is not None and (at_home.cpu_seconds, at_home.hosts) == (10.0, None)
    assert away is not None and part_of(away, "a", "b") == B and part_of(away, "a", "a") is None
    assert part_of(both, "a", "c") is None and only_part(None, "a", "c") is None
    assert parts_of(None, "a") == {} and parts_of(Resources(cpu_seconds=1.0), "a")["a"].cpu_seconds == 1.0


def test_the_end_takes_away_what_was_true_of_a_moment_on_every_host() -> None:
    over = ended(whole(a=A, b=B))
    assert over is not None and over.hosts is not None
    assert (over.cpu_percent, over.cpu_seconds, over.rss_peak_bytes) == (None, 15.5, 900)
    assert all(part.rss_bytes is None and part.rss_peak_bytes for part in over.hosts.values())


def test_what_the_process_measured_is_of_its_own_host() -> None:
    over = with_usage(ended(whole(a=A, b=B)), Usage(cpu_seconds=12.0, rss_peak_bytes=950), "a")
    assert (over.cpu_seconds, over.rss_peak_bytes) == (17.5, 950)
    assert over.hosts is not None and over.hosts["a"].cpu_seconds == 12.0 and over.hosts["b"].cpu_seconds == 5.5
    less = with_usage(ended(whole(a=A, b=B)), Usage(cpu_seconds=9.0), "a")
    assert less.cpu_seconds == 15.5
    unseen = with_usage(ended(whole(b=B)), Usage(cpu_seconds=3.0), "laptop")
    assert unseen.cpu_seconds == 8.5 and unseen.hosts is not None and list(unseen.hosts) == ["b", "laptop"]


@pytest.mark.parametrize(
    ("earlier", "first", "later", "total"),
    [(10.0, 10.0, 12.0, 12.0), (10.0, 11.0, 12.0, 12.0), (10.0, 4.0, 6.0, 12.0), (10.0, 0.0, 1.0, 11.0)],
    ids=["all are there", "and worked meanwhile", "some are gone", "all are gone, and others came"],
)
def test_a_new_watch_counts_nobody_twice_and_loses_none_that_is_there(
    earlier: float, first: float, later: float, total: float
) -> None:
    left = gone_before(HostResources(cpu_seconds=earlier), Look(7, None, cpu_seconds=first))
    before = with_look(None, Look(7, None, cpu_seconds=first), left)
    assert with_look(before, Look(7, None, cpu_seconds=later), left).cpu_seconds == total
    assert (before.cpu_seconds or 0) >= earlier


def test_parts_are_stored_without_what_is_unknown_and_old_tasks_are_read() -> None:
    both = whole(a=A, b=B)
    text = encode(both)
    assert (
        decode(Resources, text) == both
        and b'"b":{"cpu_seconds":5.5' in text
        and b"null" not in text.partition(b'"hosts":')[2]
    )
    old: Any = decode(Resources, b'{"cpu_seconds": 1.0, "basis": {}, "since": null}')
    assert old.hosts is None
