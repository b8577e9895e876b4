from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vain.sampler import Sampler
from vain.sampler.machine import Devices
from vain.samples import Sample, series
from vain.types import TaskCounts

TASKS = TaskCounts(pending=2, in_progress=1)


@pytest.fixture
def sampler(machine: Any, clocks: Any, tmp_path: Path) -> Sampler:
    return Sampler(machine=machine, clocks=clocks.as_clocks(), root=tmp_path)


def test_first_sample_has_levels_but_no_rates(sampler: Sampler) -> None:
    sample = sampler.read(TASKS)
    assert (sample.cpu_usage, sample.period_seconds, sample.own.cpu_percent) == (None, None, None)
    assert (sample.memory_usage, sample.disk_usage, sample.uptime, sample.tasks) == (75.0, 44.4, 5000.0, TASKS)


def test_rates_are_over_the_monotonic_clock_though_the_day_was_set_back(
    sampler: Sampler, machine: Any, clocks: Any
) -> None:
    machine.interfaces_now = Devices({"eth0": (0, 0, 0)}, {"eth0"})
    sampler.read(TASKS)
    machine.interfaces_now = Devices({"eth0": (3000, 30, 0)}, {"eth0"})
    clocks.pass_(1.5)
    clocks.wall.seconds -= 7200
    sample = sampler.read(TASKS)
    assert (sample.period_seconds, sample.network.received_bytes_per_second) == (1.5, 2000.0)


def test_first_sample_after_sleep_has_no_rates_and_the_next_has(sampler: Sampler, clocks: Any) -> None:
    sampler.read(TASKS)
    clocks.pass_(1)
    clocks.since_boot.seconds += 3600
    assert sampler.read(TASKS).period_seconds is None
    clocks.pass_(1)
    assert sampler.read(TASKS).period_seconds == 1.0


def test_part_that_fails_is_unknown_logged_once_and_leaves_the_others(
    sampler: Sampler, machine: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ValueError("a file in an unknown form")

    machine.memory = broken
    samples = [sampler.read(TASKS) for _ in range(3)]
    assert [sample.memory_usage for sample in samples] == [None] * 3
    assert samples[0].disk_usage == 44.4
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_limit_of_the_container_stands_beside_the_host(machine: Any, clocks: Any, tmp_path: Path, put: Any) -> None:
    put("proc/self/cgroup", "0::/\n")
    put("proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n")
    put("sys/fs/cgroup/cpu.max", "50000 100000\n")
    put("sys/fs/cgroup/memory.max", "400\n")
    put("sys/fs/cgroup/memory.current", "100\n")
    sample = Sampler(machine=machine, clocks=clocks.as_clocks(), root=tmp_path).read(TASKS)
    assert (sample.memory.total_bytes, sample.memory.limit_bytes, sample.memory.limit_percent) == (1000, 400, 25.0)
    assert (sample.cpu.cores_logical, sample.cpu.limit_cores) == (2, 0.5)


def test_this_machine_is_read_whole_and_every_share_is_a_percentage() -> None:
    sampler = Sampler(Path.cwd())
    sampler.read(TASKS)
    time.sleep(0.05)
    sample = sampler.read(TASKS)
    sampler.close()
    percents = [value for name, value in series(sample) if "percent" in name and not name.startswith("vain.")]
    assert all(value is None or 0 <= value <= 100 for value in percents)
    assert sample.memory_usage and sample.disk_usage and sample.uptime and sample.uptime > 0
    assert sample.period_seconds and 0.05 <= sample.period_seconds < 5
    assert any(disk.mount == "/" for disk in sample.disks) and sample.own.sampling_seconds


def test_sample_goes_over_the_wire_and_back(sampler: Sampler) -> None:
    sample = sampler.read(TASKS)
    assert msgspec.json.decode(msgspec.json.encode(sample), type=Sample) == sample


def test_look_takes_far_less_than_a_period() -> None:
    sampler = Sampler()
    began = time.thread_time()
    for _ in range(20):
        sampler.read(TASKS)
    sampler.close()
    assert (time.thread_time() - began) / 20 < 0.01
