"""Totals and peaks of a task, from looks at its processes and from what it measured itself."""

from __future__ import annotations

from typing import Any

import pytest

from vain.accounting import Look
from vain.costs import ended, with_look, with_usage
from vain.types import Resources, Usage

T0 = "2026-01-01T00:00:00.000Z"


def look(**figures: Any) -> Look:
    return Look(**{"key": 1, "alive": True, "basis": {"cpu": "tree", "memory": "rss"}, **figures})


def test_totals_follow_the_look_and_peaks_stay() -> None:
    first = with_look(None, look(cpu_seconds=1.0, cpu_percent=150.0, rss_bytes=500, read_bytes=7))
    second = with_look(first, look(cpu_seconds=2.5, cpu_percent=20.0, rss_bytes=300, read_bytes=9))
    assert (second.cpu_seconds, second.cpu_percent, second.cpu_percent_peak) == (2.5, 20.0, 150.0)
    assert (second.rss_bytes, second.rss_peak_bytes, second.read_bytes) == (300, 500, 9)
    assert second.basis == {"cpu": "tree", "memory": "rss"}


def test_unknown_stays_unknown_and_never_becomes_zero() -> None:
    cost = with_look(None, look(cpu_seconds=1.0))
    assert (cost.rss_bytes, cost.rss_peak_bytes, cost.read_bytes, cost.gpu_memory_bytes) == (None,) * 4
    known = with_look(None, look(rss_bytes=5))
    assert with_look(known, look(rss_bytes=None)).rss_peak_bytes == 5


def test_what_was_seen_before_a_restart_of_the_server_counts_on() -> None:
    earlier = Resources(cpu_seconds=10.0, read_bytes=100, rss_peak_bytes=900, since=T0)
    cost = with_look(None, look(cpu_seconds=2.0, read_bytes=5, rss_bytes=300), earlier)
    assert (cost.cpu_seconds, cost.read_bytes, cost.rss_peak_bytes, cost.since) == (12.0, 105, 900, T0)
    again = with_look(cost, look(cpu_seconds=3.0, read_bytes=6, rss_bytes=300), earlier)
    assert (again.cpu_seconds, again.read_bytes) == (13.0, 106)


def test_a_whole_process_is_not_counted_twice_after_a_restart() -> None:
    earlier = Resources(cpu_seconds=10.0, read_bytes=100)
    cost = with_look(None, look(cpu_seconds=12.0, read_bytes=101), earlier, whole=True)
    assert (cost.cpu_seconds, cost.read_bytes) == (12.0, 101)


@pytest.mark.parametrize(
    ("seen", "cpu_seconds", "basis"),
    [(None, 4.0, {"cpu": "self"}), (3.9, 4.0, {"cpu": "tree, self"}), (4.1, 4.1, {"cpu": "tree"})],
)
def test_what_a_process_measured_counts_where_it_is_more(
    seen: float | None, cpu_seconds: float, basis: dict[str, str]
) -> None:
    before = Resources(cpu_seconds=seen, basis={} if seen is None else {"cpu": "tree"})
    cost = with_usage(before, Usage(cpu_seconds=4.0))
    assert (cost.cpu_seconds, cost.basis) == (cpu_seconds, basis)


def test_what_has_ended_uses_nothing_now() -> None:
    cost = ended(Resources(cpu_seconds=1.0, cpu_percent=99.0, cpu_percent_peak=120.0, rss_bytes=5, rss_peak_bytes=9))
    assert cost == Resources(cpu_seconds=1.0, cpu_percent_peak=120.0, rss_peak_bytes=9)
    assert ended(None) is None
