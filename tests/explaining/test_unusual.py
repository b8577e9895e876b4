"""What changed, and what is only noise."""

from __future__ import annotations

import numpy as np

from tests.explaining.worlds import T0, machine
from vain.bands import MetricWindow, of_values
from vain.explaining.unusual import FEWEST, MOST_CHANGED, changed


def window(**values: np.ndarray) -> MetricWindow:
    series = {name.replace("__", "."): of_values(column.astype(np.float64)) for name, column in values.items()}
    return MetricWindow(T0 + np.arange(len(next(iter(values.values())))), series, "raw", 1.0)


def test_the_most_unusual_comes_first_with_its_means() -> None:
    found = changed(machine(cpu__percent=90.0, disk__written_bytes_per_second=5e6), machine())
    assert (found[0].metric, found[0].before, found[0].now) == ("cpu.percent", 50.0, 90.0)
    assert [each.metric for each in found] == ["cpu.percent", "disk.written_bytes_per_second"]
    assert (found[0].label, found[0].unit) == ("CPU", "percent") and found[0].score > found[1].score


def test_what_stayed_as_it_was_is_left_out() -> None:
    assert changed(machine(), machine()) == []
    assert changed(machine(cpu__percent=50.4), machine()) == [], "a metric that never moves may move by a little"


def test_what_moves_anyway_has_to_move_more() -> None:
    noise = np.random.default_rng(5).normal(50, 10, 200).clip(0, 100)
    assert changed(window(cpu__percent=np.full(50, 70.0)), window(cpu__percent=noise)) == []
    assert len(changed(window(cpu__percent=np.full(50, 99.0)), window(cpu__percent=50 + (noise - 50) / 2))) == 1


def test_a_spike_in_the_baseline_does_not_hide_a_change() -> None:
    before = np.full(100, 10.0)
    before[:10] = 100.0
    assert len(changed(window(cpu__percent=np.full(20, 60.0)), window(cpu__percent=before))) == 1


def test_a_baseline_of_a_few_samples_says_nothing() -> None:
    few = window(cpu__percent=np.full(FEWEST - 1, 5.0))
    assert changed(window(cpu__percent=np.full(20, 95.0)), few) == []


def test_an_instance_is_named_and_the_list_is_short() -> None:
    mounts = {f"disk.percent:/{number}": 10.0 for number in range(20)}
    found = changed(machine(**dict.fromkeys(mounts, 90.0)), machine(**mounts))
    assert len(found) == MOST_CHANGED and found[0].label.startswith("Disk /")
