"""What Prometheus is shown: proper names and units, few series, and nothing in place of what is unknown."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from tests.test_samples import WHOLE
from vain.catalog import METRICS
from vain.exposition import LEFT_OUT, MOST_INSTANCES, Answered, Family, Figures, families, prometheus_name
from vain.samples import Cpu, Disk, Memory
from vain.types import TaskCounts

FIGURES = Figures(
    version="1.2.3",
    started_at=1_000.0,
    cpu_seconds=2.5,
    seq=41,
    stream_clients={"websocket": 3},
    answers={Answered("/tasks/{task_id}", "GET", "2xx"): 5, Answered("other", "GET", "4xx"): 1},
    tasks=TaskCounts(pending=2, in_progress=1, completed=7, failed=3, overdue=1),
    outcomes={"succeeded": 4, "failed": 3},
    hosts={"live": 9, "silent": 1},
)
FULL = replace(
    WHOLE,
    cpu=Cpu(percent=12.5, core_percent=[25.0, None], cores_logical=2),
    memory=Memory(percent=50.0, used_bytes=4, total_bytes=8),
    disks=[Disk("/home", "/dev/sda1", "ext4", total_bytes=100, used_bytes=40, percent=40.0, reachable=False)],
)


def shown(name: str, sample: object = FULL, figures: Figures = FIGURES) -> dict[tuple[tuple[str, str], ...], float]:
    """The points of one family, by their labels."""
    found = [family for family in families(sample, figures) if family.name == name]  # type: ignore[arg-type]
    return {tuple(sorted(point.labels.items())): point.value for family in found for point in family.points}


def test_percents_become_ratios_and_other_units_stay() -> None:
    names = {metric.name: prometheus_name(metric) for metric in METRICS}
    assert names["cpu.percent"] == "vain_cpu_ratio"
    assert names["memory.used_bytes"] == "vain_memory_used_bytes"
    assert names["vain.cpu_percent"] == "vain_self_cpu_ratio"
    assert len(set(names.values())) == len(names)
    assert not [name for name in names.values() if "percent" in name]


def test_values_are_in_base_units_with_the_labels_of_their_instance() -> None:
    assert shown("vain_cpu_ratio") == {(): 0.125}
    home = (("device", "/dev/sda1"), ("filesystem", "ext4"), ("mount", "/home"))
    assert shown("vain_disk_ratio") == {home: 0.4}
    assert shown("vain_disk_total_bytes") == {home: 100.0}
    assert shown("vain_disk_reachable") == {home: 0.0}


def test_of_several_servers_it_says_which_leads() -> None:
    assert shown("vain_leads") == {}
    assert shown("vain_leads", figures=replace(FIGURES, leads=True)) == {(): 1.0}
    assert shown("vain_leads", figures=replace(FIGURES, leads=False)) == {(): 0.0}


def test_what_is_unknown_has_no_point() -> None:
    assert shown("vain_cpu_core_ratio") == {(("core", "0"),): 0.25}
    assert shown("vain_cpu_iowait_ratio") == {} and shown("vain_memory_limit_bytes") == {}
    assert shown("vain_attempts_total", figures=replace(FIGURES, outcomes=None)) == {}
    assert all(family.points for family in families(FULL, FIGURES))


def test_without_a_sample_the_servers_own_figures_are_there() -> None:
    names = {family.name for family in families(None, FIGURES)}
    assert {"vain_events_total", "vain_tasks", "vain_info"} <= names and "vain_uptime_seconds" not in names


def test_tasks_are_counted_by_status_and_by_how_they_ended() -> None:
    assert shown("vain_tasks") == {(("status", "pending"),): 2, (("status", "in-progress"),): 1,
        (("status", "completed"),): 7}  # fmt: skip
    assert shown("vain_attempts_total") == {(("outcome", "succeeded"),): 4, (("outcome", "failed"),): 3}
    assert not [family.name for family in families(FULL, FIGURES) if family.name.startswith("vain_task_")]


def test_answers_are_counted_by_route_method_and_kind_of_status() -> None:
    found = shown("vain_http_requests_total")
    assert found[("method", "GET"), ("route", "/tasks/{task_id}"), ("status", "2xx")] == 5


@pytest.mark.parametrize(("disks", "left_out"), [(MOST_INSTANCES, 0), (MOST_INSTANCES + 3, 6)])
def test_there_are_no_more_of_a_kind_than_a_bound_and_the_rest_is_counted(disks: int, left_out: int) -> None:
    many = replace(FULL, disks=[Disk(f"/{n}", "d", "ext4", 1, 1, 0, 1.0) for n in range(disks)])
    assert len(shown("vain_disk_ratio", many)) == len(shown("vain_disk_total_bytes", many)) == MOST_INSTANCES
    assert shown(LEFT_OUT, many) == {(): left_out}


def test_names_are_such_as_prometheus_wants_them() -> None:
    found = families(FULL, FIGURES)
    assert len({family.name for family in found}) == len(found)
    for family in found:
        assert re.fullmatch(r"vain(_[a-z0-9]+)+", family.name) and family.help
        assert family.name.endswith("_total") == (family.kind == "counter")


def test_a_family_is_a_gauge_or_only_rises() -> None:
    kinds = {family.name: family.kind for family in families(FULL, FIGURES)}
    assert kinds["vain_events_total"] == "counter" and kinds["vain_tasks"] == "gauge"
    assert Family("x", "gauge", "h", []).points == []
