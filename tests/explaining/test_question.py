"""Which window is looked at, and what a metric is about."""

from __future__ import annotations

import pytest

from vain.errors import Malformed
from vain.explaining import GROWTH, METRICS, Explaining, checked, kind_of
from vain.explaining.explained import BASES
from vain.explaining.question import windows_of

NOW = 1_800_000_000.0


def test_a_moment_is_widened_to_three_seconds_around_it() -> None:
    windows = windows_of(Explaining(NOW - 500, NOW - 499), NOW, 1.0)
    assert (windows.after, windows.before) == (NOW - 501, NOW - 498)


def test_a_moment_just_now_is_widened_into_the_past() -> None:
    windows = windows_of(Explaining(NOW - 1, NOW), NOW, 1.0)
    assert (windows.after, windows.before) == (NOW - 3, NOW)


def test_a_slow_server_has_three_samples_in_a_moment() -> None:
    assert windows_of(Explaining(NOW - 101, NOW - 100), NOW, 60.0).seconds == 180


def test_the_baseline_is_as_long_as_the_window_and_just_before_it() -> None:
    windows = windows_of(Explaining(NOW - 300, NOW - 100), NOW, 1.0)
    assert (windows.baseline_after, windows.baseline_before) == (NOW - 500, NOW - 300)


def test_the_baseline_of_a_moment_is_a_minute() -> None:
    windows = windows_of(Explaining(NOW - 300, NOW - 290), NOW, 1.0)
    assert windows.seconds == 10
    assert (windows.baseline_after, windows.baseline_before) == (NOW - 360, NOW - 300)


def test_half_a_baseline_is_made_whole() -> None:
    windows = windows_of(Explaining(NOW - 300, NOW - 100, baseline_after=NOW - 86_700), NOW, 1.0)
    assert (windows.baseline_after, windows.baseline_before) == (NOW - 86_700, NOW - 86_500)


@pytest.mark.parametrize(
    ("asked", "parameter"),
    [
        (Explaining(2, 1), "after"),
        (Explaining(1, 1), "after"),
        (Explaining(1, 2, "cpu.nothing"), "metric"),
        (Explaining(1, 2, "task.cpu_percent:7"), "metric"),
        (Explaining(1, 2, baseline_after=5, baseline_before=4), "baseline_after"),
    ],
)
def test_what_cannot_be_answered_is_named(asked: Explaining, parameter: str) -> None:
    with pytest.raises(Malformed) as caught:
        checked(asked)
    assert [flaw.parameter for flaw in caught.value.flaws] == [parameter]


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("cpu.percent", "cpu"),
        ("cpu.core.percent:3", "cpu"),
        ("cpu.iowait_percent", "io"),
        ("pressure.memory_full_percent", "memory"),
        (GROWTH, "growth"),
        ("disk.read_bytes_per_second", "read"),
        ("disk.writes_per_second", "written"),
        ("disk.device.read_bytes_per_second:vda", "read"),
        ("gpu.memory_used_bytes:0", "gpu_memory"),
        ("network.sent_bytes_per_second", None),
    ],
)
def test_each_metric_is_about_something_that_tasks_use(metric: str, kind: str | None) -> None:
    assert kind_of(metric) == kind


def test_only_what_no_task_is_known_to_use_has_no_share() -> None:
    without = {metric.partition(".")[0] for metric in METRICS if kind_of(metric) is None}
    assert without == {"host", "network", "tasks", "vain"}
    assert {kind_of(metric) for metric in METRICS} - {None} == BASES.keys()
